"""Infotext: A1111's text of a picture's settings, which Forge and many others write as well.

Source: modules/infotext_utils.py of github.com/AUTOMATIC1111/stable-diffusion-webui. The prompt,
then `Negative prompt: ...`, then one line of `Name: value` with commas, where a value that holds a
comma is in quotes. LoRAs are in the prompt, as `<lora:name:strength>`. Their hashes are in
`Lora hashes: "name: AutoV3"`, and in what Civitai's extension and ComfyUI's nodes for saving write,
`Hashes: {"lora:name": "AutoV2"}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json

NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r"\s*(\w[\w \-/]{0,60}):\s*(\"(?:\\.|[^\\\"])*\"|[^,]*)(?:,|$)")
_SIZE = re.compile(r"(\d{2,5})\s*x\s*(\d{2,5})")
_HASHES = re.compile(r"(?:^|,\s*)Hashes:\s*(\{[^{}]{0,50000}\})")
_HASH = re.compile(r"([^:,]+):\s*([0-9a-fA-F]{8,64})\s*(?:,|$)")
_DIGITS = re.compile(r"[0-9a-fA-F]{8,64}")
FEWEST = 3  # values that a last line must have to be one of settings


def is_infotext(text: str) -> bool:
    return _parts(text)[2] != {}


def facts_of_infotext(text: str) -> VideoFacts:
    """The facts of a text of which `is_infotext` is true; of any other, its prompt alone."""
    prompt, negative, values = _parts(text)
    reading = read_prompt(prompt)
    notes = list(reading.problems)
    loras = tuple(
        UsedLoRA(file_stem(lora.name), 1.0 if lora.strength is None else lora.strength, {})
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
    known = {"parameters": text[:MAX_TEXT]}
    return VideoFacts("a1111", task, with_hashes(loras, text), known, notes=tuple(notes))


def with_hashes(loras: tuple[UsedLoRA, ...], text: str) -> tuple[UsedLoRA, ...]:
    """The LoRAs with the hashes that an infotext gives for their names."""
    found: dict[str, list[str]] = {}
    for name, value in _hashes(text):
        found.setdefault(file_stem(name.strip()).casefold(), []).append(value.lower())
    return tuple(
        replace(lora, shorts=(*lora.shorts, *found.get(lora.name.casefold(), ()))) for lora in loras
    )


def _hashes(text: str) -> Iterator[tuple[str, str]]:
    """Each LoRA's name with a hash, that of the whole file first."""
    last = text[:MAX_TEXT].strip().rpartition("\n")[2]
    for written in _HASHES.findall(last):
        try:
            values = read_json(written)
        except UntrustedJSONError:
            continue
        for name, value in values.items() if isinstance(values, dict) else ():
            kind, mark, rest = name.partition(":")
            if mark and kind.lower() == "lora" and _DIGITS.fullmatch(str(value)):
                yield rest, str(value)
    yield from _HASH.findall(_plain(dict(_PAIR.findall(last)), "Lora hashes"))


def _parts(text: str) -> tuple[str, str, dict[str, str]]:
    """The prompt, the negative prompt and the settings; none if the last line has none."""
    *lines, last = text[:MAX_TEXT].strip().split("\n")
    values = dict(_PAIR.findall(_HASHES.sub("", last)))
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
