"""Grid axes on the command line: KIND=VALUES and KIND:LORA=VALUES."""

from __future__ import annotations

import argparse
import re
from typing import Any

from wan_lora_studio.errors import RequestError
from wan_lora_studio.grid import Grid
from wan_lora_studio.texts import say

NONE = "none"  # no LoRA, or no accelerator
NUMBERS = {"strength": float, "seed": int, "steps": int}
NAMES = ("lora", "accelerator")
RANGE = re.compile(r"(\d+)-(\d+)")
MOST_IN_RANGE = 1000


def parse_axis_argument(text: str) -> dict[str, Any]:
    """`seed=1,2,3`, `seed=1-8`, `strength:style=0,0.5,1`, `lora:style=style_e10,none`, or
    `prompt=a cat|a dog`: with "|" in it, values may hold commas."""
    kind = re.split("[:=]", text, maxsplit=1)[0].strip()
    # The name of a LoRA may contain "=", and so may a prompt.
    before, equals, values = text.partition("=") if kind == "prompt" else text.rpartition("=")
    of, colon, lora = before.partition(":")
    if not equals or (colon and not lora):
        raise argparse.ArgumentTypeError(say("ui.command_line.grid.no_axis", text=repr(text)))
    axis = {"of": of.strip(), "lora": lora or None, "values": _values(of.strip(), values)}
    try:
        Grid.read({"x": axis})
    except RequestError as error:
        words = "; ".join(str(problem) for problem in error.context["problems"])
        raise argparse.ArgumentTypeError(f"{text!r}: {words.replace('x ', 'it ')}") from None
    return axis


def _values(kind: str, text: str) -> list[Any]:
    separator = "|" if "|" in text or kind == "prompt" else ","
    found: list[Any] = []
    for each in (part.strip() for part in text.split(separator)):
        if kind == "seed" and (span := RANGE.fullmatch(each)):
            first, last = int(span[1]), int(span[2])
            found += range(first, min(last, first + MOST_IN_RANGE) + 1)
        else:
            found.append(_value(kind, each))
    return found


def _value(kind: str, text: str) -> Any:
    """As the kind takes it; what is none of it is left for the check to name."""
    if kind in NAMES and text.casefold() == NONE:
        return None
    try:
        return NUMBERS[kind](text) if kind in NUMBERS else text
    except ValueError:
        return text
