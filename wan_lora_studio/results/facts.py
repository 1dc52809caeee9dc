"""Facts in a video: the task it was made from, and the LoRAs with their hashes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.texts import say

CHOOSE = say("results.reading.choose")
HASH = re.compile(r"[0-9a-f]{64}")
MAX_LORAS = 200
MAX_TEXT = 100_000
MAX_NAME = 500
MAX_REASON = 1000
LEFT_OUT = ("skipped", "fallback")
TEXTS = ("id", "model_type", "prompt", "negative_prompt", "image")
WHOLE = ("width", "height", "num_frames", "fps", "steps", "seed")
NUMBERS = ("guidance_scale", "guidance_scale_2", "flow_shift")


Source = Literal["studio", "wangp", "comfyui", "a1111"]
WHAT: Mapping[Source, str] = {
    "studio": say("results.reading.studio"),
    "wangp": say("results.reading.wangp"),
    "comfyui": say("results.reading.comfyui"),
    "a1111": say("results.reading.a1111"),
}
# How the files of Wan2.2's models are called, whoever packed them.
_WAN_2_2 = re.compile(r"wan[-_. ]?(?:video)?[-_. ]?2[-_. ]?2", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:safetensors|sft|gguf|ckpt|pt)$", re.IGNORECASE)
_TASKS = (("ti2v", "ti2v-5B"), ("i2v", "i2v-A14B"), ("t2v", "t2v-A14B"))


@dataclass(frozen=True)
class UsedLoRA:
    """A LoRA as the video names it. `sha256` is by role: `both`, or `high` and `low`. `shorts`
    are beginnings of hashes, of the file (AutoV2) or of its tensors (AutoV3).

    `left_out`: the run went on without it, because of `reason`; with `replacement` in the prompt.
    """

    name: str
    strength: Any
    sha256: Mapping[str, str]
    left_out: bool = False
    reason: str = ""
    replacement: str = ""
    shorts: tuple[str, ...] = ()


@dataclass(frozen=True)
class VideoFacts:
    """`task` holds the fields of a task that are there and of the right kind, LoRAs apart.

    `created` is in seconds since 1970, None where the video doesn't say it. `notes` tells in
    words what could not be taken over. `metadata` is everything, as it was read.
    """

    source: Source
    task: Mapping[str, Any]
    loras: tuple[UsedLoRA, ...]
    metadata: Mapping[str, Any]
    created: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What the file holds, in words."""
        return WHAT[self.source]

    @property
    def size(self) -> tuple[int, int, int]:
        """Frames, height and width of the video, 0 where they are not known."""
        shape = self.metadata.get("frames_shape")
        if isinstance(shape, list) and len(shape) >= 3 and all(is_whole(n) for n in shape[:3]):
            return shape[0], shape[1], shape[2]
        task = self.task
        return task.get("num_frames", 0), task.get("height", 0), task.get("width", 0)

    @property
    def picture(self) -> str | None:
        """The hash of the input picture's file, where the video says it."""
        found = self.metadata.get("picture")
        sha256 = found.get("sha256") if isinstance(found, dict) else None
        return sha256 if isinstance(sha256, str) and HASH.fullmatch(sha256) else None

    @property
    def prompt_used(self) -> str:
        """The prompt with what stood in for LoRAs; "" where the video doesn't say it."""
        return _text(self.metadata.get("prompt_used"))

    @property
    def fingerprint(self) -> str | None:
        """That of the model's files, where the video says it."""
        model = self.metadata.get("model")
        found = model.get("fingerprint") if isinstance(model, dict) else None
        return found if isinstance(found, str) and HASH.fullmatch(found) else None


def own_facts(metadata: dict[str, Any], task: dict[str, Any]) -> VideoFacts:
    """The facts in metadata that this app wrote, of whichever version."""
    selected = task.get("selected_loras")
    reports = metadata.get("loras")
    reports = reports if isinstance(reports, dict) else {}
    names = list(selected.items())[:MAX_LORAS] if isinstance(selected, dict) else []
    loras = tuple(
        _used(name, strength, reports.get(name))
        for name, strength in names
        if len(name) <= MAX_NAME
    )
    created = metadata.get("created")
    return VideoFacts(
        "studio",
        known_fields(task),
        loras,
        metadata,
        float(created) if is_number(created) and created > 0 else None,
    )


def _used(name: str, strength: Any, report: Any) -> UsedLoRA:
    report = report if isinstance(report, dict) else {}
    return UsedLoRA(
        name,
        strength,
        _hashes(report),
        report.get("outcome") in LEFT_OUT,
        _text(report.get("reason"))[:MAX_REASON],
        _text(report.get("replacement")),
    )


def file_stem(file: str) -> str:
    """A file's name without its folders and ending, whether it is a path or an address."""
    path = file.partition("?")[0].replace("\\", "/")
    return _ENDING.sub("", path.rpartition("/")[2])[:MAX_NAME]


def known_model(files: str) -> str | None:
    """The model that files of these names are of; None for one that there is none of here."""
    if not _WAN_2_2.search(files):
        return None
    return next((ours for name, ours in _TASKS if name in files.lower()), None)


def known_fields(task: Mapping[str, Any]) -> dict[str, Any]:
    """The task's fields that are of the right kind; the rest is left out."""
    texts = {n: v for n in TEXTS if isinstance(v := task.get(n), str) and len(v) <= MAX_TEXT}
    whole = {n: v for n in WHOLE if is_whole(v := task.get(n))}
    return texts | whole | {n: v for n in NUMBERS if is_number(v := task.get(n))}


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else ""


def _hashes(report: Mapping[str, Any]) -> dict[str, str]:
    """The hashes that a LoRA's report names, by role."""
    found = report.get("sha256")
    by_role = found if isinstance(found, dict) else {"both": found}
    return {
        role: value.lower()
        for role, value in by_role.items()
        if isinstance(value, str) and len(value) == 64 and role in ("both", "high", "low")
    }


def is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_number(value: Any) -> TypeGuard[float]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < 1e12 and math.isfinite(value)


def no_settings(reason: str) -> GenerationError:
    return GenerationError(
        say("results.reading.no_settings", reason=reason),
        suggestions=[CHOOSE],
        context={"reason": reason},
    )
