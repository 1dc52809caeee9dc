"""Infotext: A1111's text of a picture's settings, which Forge and many others write as well.

Source: modules/infotext_utils.py of github.com/AUTOMATIC1111/stable-diffusion-webui. The prompt,
then `Negative prompt: ...`, then one line of `Name: value` with commas, where a value that holds a
comma is in quotes. LoRAs are in the prompt, as `<lora:name:strength>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wan_lora_studio.lora.selection import read_prompt
from wan_lora_studio.results.facts import (
    MAX_LORAS,
    MAX_NAME,
    MAX_TEXT,
    UsedLoRA,
    VideoFacts,
    file_stem,
    known_fields,
    known_model,
)
from wan_lora_studio.texts import say

NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r"\s*(\w[\w \-/]{0,60}):\s*(\"(?:\\.|[^\\\"])*\"|[^,]*)(?:,|$)")
_SIZE = re.compile(r"(\d{2,5})\s*x\s*(\d{2,5})")
_HASH = re.compile(r"([^:,]+):\s*([0-9a-fA-F]{8,64})\s*(?:,|$)")
FEWEST = 3  # values that a last line must have to be one of settings


def is_infotext(text: str) -> bool:
    return _parts(text)[2] != {}


def facts_of_infotext(text: str) -> VideoFacts:
    """The facts of a text of which `is_infotext` is true; of any other, its prompt alone."""
    prompt, negative, values = _parts(text)
    reading = read_prompt(prompt)
    notes = list(reading.problems)
    hashes = {
        name.strip(): value.lower() for name, value in _HASH.findall(_plain(values, "Lora hashes"))
    }
    loras = tuple(
        UsedLoRA(
            file_stem(lora.name),
            1.0 if lora.strength is None else lora.strength,
            {},
            short=hashes.get(file_stem(lora.name), ""),
        )
        for lora in reading.loras[:MAX_LORAS]
    )
    task = known_fields(
        {
            "prompt": reading.text.strip(),
            "negative_prompt": negative,
            "steps": _number(values.get("Steps")),
            "guidance_scale": _number(values.get("CFG scale")),
            "flow_shift": _number(values.get("Shift", values.get("Distilled CFG Scale"))),
            "seed": _number(values.get("Seed")),
            **_size(values.get("Size", "")),
            **_model(_plain(values, "Model"), notes),
        }
    )
    return VideoFacts("a1111", task, loras, {"parameters": text[:MAX_TEXT]}, notes=tuple(notes))


def _parts(text: str) -> tuple[str, str, dict[str, str]]:
    """The prompt, the negative prompt and the settings; none if the last line has none."""
    *lines, last = text[:MAX_TEXT].strip().split("\n")
    values = dict(_PAIR.findall(last))
    if len(values) < FEWEST or "Steps" not in values:
        return text, "", {}
    whole = "\n".join(lines)
    prompt, mark, negative = whole.partition(f"\n{NEGATIVE}")
    if not mark and whole.startswith(NEGATIVE):
        prompt, negative = "", whole[len(NEGATIVE) :]
    return prompt.strip(), negative.strip(), values


def _plain(values: Mapping[str, str], name: str) -> str:
    return values.get(name, "").strip().strip('"')


def _number(text: str | None) -> Any:
    found = (text or "").strip()
    if re.fullmatch(r"\d{1,15}", found):
        return int(found)
    return float(found) if re.fullmatch(r"\d{1,6}\.\d{0,10}", found) else None


def _size(text: str) -> dict[str, int]:
    found = _SIZE.fullmatch(text.strip())
    return {"width": int(found[1]), "height": int(found[2])} if found else {}


def _model(theirs: str, notes: list[str]) -> dict[str, str]:
    ours = known_model(theirs)
    if ours is None:
        if theirs:
            notes.append(say("results.reading.other_model", model=theirs[:MAX_NAME]))
        else:
            notes.append(say("results.reading.unnamed_model"))
    return {"model_type": ours} if ours else {}
