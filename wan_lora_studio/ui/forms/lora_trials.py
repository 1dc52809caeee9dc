"""LoRA trials: the same seed without and with a LoRA, and previews of many LoRAs, as one job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import RequestError, StudioError
from wan_lora_studio.lora.selection import Accelerator, accelerator_of, read_prompt
from wan_lora_studio.results import facts_in
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms.task_forms import EMPTY, PartForm, Submission
from wan_lora_studio.wan.lora_manager import LoRAManager

MOST_PREVIEWS = 500  # as many as a job has parts
LABEL = 200  # characters
RUN_FIELDS = ("steps", "guidance_scale", "guidance_scale_2", "flow_shift")


@dataclass(frozen=True)
class Previews:
    """`left_out` has the reason for each LoRA that cannot be used; `later` are those for which
    the job has no room."""

    submission: Submission
    left_out: dict[str, str]
    later: list[str]


class LoRATrials:
    """Makes jobs from a form's fields, in which the LoRA stands alone, but for accelerators.

    The prompt is the one of the LoRA's own example, else the form's with its trigger words.
    """

    def __init__(self, settings: Settings, loras: LoRAManager) -> None:
        self._settings, self._loras = settings, loras

    def trial(self, name: str, task: Mapping[str, Any]) -> Submission:
        """One video without the LoRA and one with it. Raises LoRANotFoundError."""
        record = self._loras.record(name)
        fast = accelerator_of(record)
        base = {} if fast else self._accelerators(task)
        without = dict.fromkeys(RUN_FIELDS) if fast else {}
        common = {**task, "prompt": self._prompt(record, task), "selected_loras": base}
        return Submission(
            task=common,
            parts=[
                PartForm(
                    label=say("ui.forms.without", title=record["title"])[:LABEL], changes=without
                ),
                PartForm(
                    label=say("ui.forms.with", title=record["title"])[:LABEL],
                    changes=self._with(record, fast, common),
                ),
            ],
        )

    def previews(self, names: Sequence[str], task: Mapping[str, Any]) -> Previews:
        """One video for each, which becomes its preview. Raises LoRANotFoundError, and
        RequestError if none of them can be used."""
        model = str(task.get("model_type"))
        kept, left_out = [], {}
        for name in dict.fromkeys(names):
            if reason := self._unusable(name, model):
                left_out[name] = reason
            else:
                kept.append(name)
        if not kept:
            raise _none_left(left_out)
        later = kept[MOST_PREVIEWS:]
        parts = [self._preview(self._loras.record(name), task) for name in kept[:MOST_PREVIEWS]]
        return Previews(
            Submission(task={**task, "selected_loras": {}}, parts=parts), left_out, later
        )

    def _preview(self, record: Mapping[str, Any], task: Mapping[str, Any]) -> PartForm:
        fast = accelerator_of(record)
        base = {} if fast else self._accelerators(task)
        changes = self._with(record, fast, {**task, "selected_loras": base})
        return PartForm(
            label=record["title"][:LABEL],
            changes={"prompt": self._prompt(record, task), **changes},
            preview_of=record["name"],
        )

    def _with(
        self, record: Mapping[str, Any], fast: Accelerator | None, task: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the LoRA changes of the task."""
        strength = self._loras.usual_strength(record["name"]) if fast is None else fast.strength
        if strength == 0:
            strength = self._settings.default_strength
        changes: dict[str, Any] = {
            "selected_loras": {**task["selected_loras"], record["name"]: strength}
        }
        if fast is not None:
            changes |= {"steps": fast.steps, "flow_shift": fast.flow_shift}
            changes["guidance_scale"] = fast.guidance
            if self._settings.model(str(task.get("model_type"))).guidance_scale_2 is not None:
                changes["guidance_scale_2"] = fast.guidance
        return changes

    def _accelerators(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the task, whose settings its fields hold."""
        selected = task.get("selected_loras")
        known = self._loras.list_available_loras() if selected else {}
        return {
            name: strength
            for name, strength in (selected or {}).items()
            if name in known and accelerator_of(known[name])
        }

    def _prompt(self, record: Mapping[str, Any], task: Mapping[str, Any]) -> str:
        own = self._example_prompt(record)
        if own:
            return own
        typed = task.get("prompt")
        text = "" if typed in EMPTY else str(typed).strip()
        words = record["metadata"]["trigger_words"]
        lacking = [word for word in words if word.casefold() not in text.casefold()]
        return ", ".join(filter(None, [text, *lacking]))

    def _example_prompt(self, record: Mapping[str, Any]) -> str:
        """That of the clip beside it, else one that its description gives; without the LoRAs that
        it names."""
        clip = self._loras.preview_video(record["name"])
        said = None
        if clip is not None:
            try:
                said = facts_in(clip).task.get("prompt")
            except (StudioError, OSError):
                said = None  # a video without settings
        return read_prompt(str(said or record["metadata"]["example_prompt"])).text.strip()

    def _unusable(self, name: str, model: str) -> str:
        """Why the LoRA cannot be used with the model; "" if it can. Raises LoRANotFoundError."""
        record = self._loras.record(name)
        if record["status"] != "ok":
            return str(record["status_detail"]) or say("ui.forms.file_unusable")
        if record["read_only"]:
            return say("ui.forms.read_only")
        found = self._loras.explain_compatibility(name, model)
        return "" if found.compatible else " ".join(found.reasons)


def _none_left(left_out: Mapping[str, str]) -> RequestError:
    return RequestError(
        say("ui.forms.no_preview"),
        cause=" ".join(dict.fromkeys(left_out.values())),
        suggestions=[say("ui.forms.choose_others")],
        context={"left_out": dict(left_out), "status": 422},
    )
