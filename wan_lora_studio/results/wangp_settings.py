"""WanGP's settings, as it writes them into a video's comment, read as a task of ours.

Source: shared/utils/video_metadata.py (mutagen's `©cmt`, JSON) and the settings of wgp.py in
github.com/deepbeepmeep/Wan2GP. Only what has the same meaning here is taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.lora.selection import Phases, parse_multipliers
from wan_lora_studio.results.facts import (
    MAX_LORAS,
    MAX_NAME,
    UsedLoRA,
    VideoFacts,
    file_stem,
    known_fields,
)
from wan_lora_studio.texts import say

# WanGP's model types begin with the architecture's name; finetunes add to it.
MODELS = (("ti2v_2_2", "ti2v-5B"), ("i2v_2_2", "i2v-A14B"), ("t2v_2_2", "t2v-A14B"))
RENAMED = {
    "num_frames": "video_length",
    "steps": "num_inference_steps",
    "fps": "force_fps",
}
RESOLUTION = re.compile(r"(\d{2,5})x(\d{2,5})")


def is_wangp(metadata: Mapping[str, Any]) -> bool:
    """Whether these are settings of WanGP's, of a video or of a profile, which has no prompt."""
    if isinstance(metadata.get("activated_loras"), list) and "loras_multipliers" in metadata:
        return True
    return isinstance(metadata.get("prompt"), str) and any(
        name in metadata for name in ("num_inference_steps", "video_length", "resolution")
    )


def facts_of_wangp(metadata: Mapping[str, Any]) -> VideoFacts:
    """The facts that WanGP's settings hold, with notes on what means nothing here."""
    notes: list[str] = []
    plain = {ours: _number(metadata.get(theirs)) for ours, theirs in RENAMED.items()}
    same = ("prompt", "negative_prompt", "guidance_scale", "flow_shift", "seed")
    task = known_fields({**{name: metadata.get(name) for name in same}, **plain})
    task |= known_fields(_guidance(metadata, notes)) | _size(metadata.get("resolution"))
    task |= _model(str(metadata.get("model_type", ""))[:MAX_NAME], notes)
    if metadata.get("image_start") or metadata.get("image_end"):
        notes.append(say("results.reading.wangp_picture"))
    loras = _loras(metadata, notes)
    return VideoFacts("wangp", task, loras, metadata, notes=tuple(notes))


def _number(value: Any) -> Any:
    """WanGP keeps some whole numbers as text."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value) else value


def _size(resolution: Any) -> dict[str, int]:
    found = RESOLUTION.fullmatch(resolution) if isinstance(resolution, str) else None
    return {"width": int(found[1]), "height": int(found[2])} if found else {}


def _model(theirs: str, notes: list[str]) -> dict[str, str]:
    for start, ours in MODELS:
        if theirs.startswith(start):
            return {"model_type": ours}
    if theirs:
        notes.append(say("results.reading.wangp_model", model=repr(theirs)))
    else:
        notes.append(say("results.reading.unnamed_model"))
    return {}


def _loras(metadata: Mapping[str, Any], notes: list[str]) -> tuple[UsedLoRA, ...]:
    files = metadata.get("activated_loras")
    if not isinstance(files, list):
        return ()
    names = [file_stem(item) for item in files if isinstance(item, str)][:MAX_LORAS]
    text = metadata.get("loras_multipliers")
    strengths = _strengths(text if isinstance(text, str) else "", len(names), metadata, notes)
    return tuple(UsedLoRA(name, value, {}) for name, value in zip(names, strengths, strict=True))


def _strengths(text: str, count: int, metadata: Mapping[str, Any], notes: list[str]) -> list[Any]:
    phases = Phases.of(metadata)
    try:
        found = list(parse_multipliers(text, count, phases=phases))
    except GenerationError:
        try:
            found = list(parse_multipliers(text, count, handover=0.5, phases=phases))
        except GenerationError as error:
            notes.append(say("results.reading.strength_one", problem=error.message))
            return [1.0] * count
        notes.append(say("results.reading.within_phase"))
    if told := phases.note(text):
        notes.append(told)
    return found


def _guidance(metadata: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The guidance of both experts: of three phases, those with which each expert begins."""
    names = ["guidance_scale", "guidance2_scale", "guidance3_scale"]
    if metadata.get("guidance_phases") != len(names):
        return {"guidance_scale_2": _number(metadata.get(names[1]))}
    switch = Phases.of(metadata).switch
    found = [_number(metadata.get(name)) for name in names]
    phase = 3 if switch == 1 else 2
    dropped, kept = found[phase - 1], found[phase - 2]
    if dropped is not None and dropped != kept:
        if switch == 1:
            notes.append(
                say("results.reading.low_guidance", phase=phase, dropped=dropped, kept=kept)
            )
        else:
            notes.append(
                say("results.reading.high_guidance", phase=phase, dropped=dropped, kept=kept)
            )
    return {"guidance_scale_2": found[switch]}
