"""LoRA fallback: which LoRAs a run goes on without, why, and what the prompt says instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.selection import read_prompt
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask

MOST_DESCRIPTION = 300  # characters; a prompt has room for 512 tokens in all
Outcome = Literal["fallback", "skipped"]


@dataclass(frozen=True)
class LeftOut:
    """One LoRA without which the run goes on. `replacement` is put into the prompt."""

    name: str
    outcome: Outcome
    reason: str
    replacement: str
    sha256: Mapping[str, str]

    def report(self) -> dict[str, Any]:
        """As the reports on LoRAs that are applied, with nothing in force."""
        single = set(self.sha256) == {"both"}
        short = {role: value[:10] for role, value in self.sha256.items()}
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "replacement": self.replacement,
            "sha256": self.sha256["both"] if single else dict(self.sha256),
            "autov2": short["both"] if single else short,
            "files": {},
            "strengths": {},
            "coverage": {},
            "ignored": {},
            "unknown": [],
            "doubt": "",
            "mode": "",
            "mode_reason": "",
        }

    @property
    def words(self) -> str:
        """What was done, for the user."""
        if self.outcome == "skipped":
            return say("wan.generation.left_out", lora=self.name, reason=self.reason)
        if not self.replacement:
            return say("wan.generation.without_words", lora=self.name, reason=self.reason)
        return say(
            "wan.generation.replaced",
            lora=self.name,
            words=self.replacement,
            reason=self.reason,
        )


def leave_out(
    name: str, outcome: Outcome, error: LoRAError, task: GenerationTask, loras: LoRAManager
) -> LeftOut:
    """The LoRA, left out because of the error."""
    replacement = words_for(name, task, loras) if outcome == "fallback" else ""
    try:
        sha256 = loras.sha256(name)
    except (LoRAError, OSError):
        sha256 = {}
    reason = error.message.removeprefix(f"{name}: ")
    return LeftOut(name, outcome, reason, replacement, sha256)


def words_for(name: str, task: GenerationTask, loras: LoRAManager) -> str:
    """A LoRA's trigger words and description: as they were when the job was submitted, else as
    they are now; "" if there are none."""
    known = task.lora_metadata.get(name)
    if not isinstance(known, Mapping):
        try:
            known = loras.record(name)["metadata"]
        except LoRAError:
            return ""
    written = ", ".join(str(word).strip() for word in known.get("trigger_words") or ())
    triggers = read_prompt(written).text
    described = read_prompt(str(known.get("description") or "")).text
    description = _shortened(" ".join(described.split()))
    return ", ".join(part for part in (triggers, description) if part)


def with_replacements(prompt: str, left_out: Sequence[LeftOut]) -> str:
    """The prompt, with what stands in for the LoRAs that are left out."""
    parts = [prompt.rstrip(" ,"), *(item.replacement for item in left_out if item.replacement)]
    return ", ".join(parts) if len(parts) > 1 else prompt


def _shortened(text: str) -> str:
    if len(text) <= MOST_DESCRIPTION:
        return text.rstrip(" .")
    return text[:MOST_DESCRIPTION].rpartition(" ")[0].rstrip(" ,.")
