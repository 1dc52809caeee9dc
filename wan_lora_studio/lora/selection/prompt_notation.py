"""Notation of other programs in a prompt: LoRAs to take out of it, and what is not read here.

`<lora:NAME:STRENGTH>` is what A1111, Forge, ComfyUI's prompt nodes and SwarmUI write, `<lyco:...>`
what A1111 wrote for LyCORIS. The numbers are read so:

    <lora:NAME>                 the strength that NAME was last used with, else the default
    <lora:NAME:0.8>             0.8 for both experts
    <lora:NAME:0.8:0.4>         0.8 for the high-noise expert, 0.4 for the low-noise one
    <lora:NAME:high=1:low=0.4>  the same in words; an expert that is not named gets nothing
    <lora:NAME:te=0.5:unet=0.8> A1111's words: `unet` counts; a Wan LoRA has no text encoder part,
                                so `te` counts only where it stands alone

A1111 reads a second number as the UNet's and ComfyUI as the text encoder's; neither means anything
for two experts. NAME may hold spaces, dots, folders and the file's ending.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.lora.selection.strengths import LIMIT
from wan_lora_studio.texts import say

# Colons and angle brackets of full width are what a Chinese or Japanese keyboard writes.
_START = r"(?:[<＜]|&lt;)\s*(?:lora|lyco)\s*[:：]"
_TAG = re.compile(rf"{_START}([^<>＜＞]*?)(?:[>＞]|&gt;)", re.IGNORECASE)
_OPEN = re.compile(rf"{_START}[^<>＜＞]{{0,60}}", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_WORDS = ("te", "unet", "high", "low")
_MOST_SHOWN = 40  # characters of an example


@dataclass(frozen=True)
class PromptLoRA:
    """A LoRA in a prompt. `tag` is the text as written, from `start` on; `name` what it calls the
    LoRA; `strength` as a selection takes it, None where none is given."""

    start: int
    tag: str
    name: str
    strength: float | Mapping[str, float] | None


@dataclass(frozen=True)
class PromptReading:
    """`text` is the prompt without the LoRAs that could be read. `problems` are sentences on those
    that could not; they are still in the text."""

    text: str
    loras: tuple[PromptLoRA, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Notation:
    """A notation that other programs read. `sentence` says of an example of it what to write
    instead."""

    pattern: re.Pattern[str]
    sentence: Callable[[str], str]


def _notation(pattern: str, sentence: Callable[[str], str]) -> Notation:
    return Notation(re.compile(pattern), sentence)


# Each part of a pattern stops at the next bracket or has a bound: reading takes linear time.
_JSON_KEY = r"""(?!\s*(?:"[^"{}]*"|'[^'{}]*'|[\w ]+)\s*:(?!:))"""
_WEIGHT = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
UNSUPPORTED = (
    _notation(
        rf"\{{{_JSON_KEY}[^{{}}|]*\|[^{{}}]*\}}",
        lambda text: say("lora.selection.prompt.unsupported.choices", text=text),
    ),
    _notation(
        r"(?<![\w/])__(?=[^_\s])[\w*/. -]{1,80}?__(?!\w)",
        lambda text: say("lora.selection.prompt.unsupported.wildcards", text=text),
    ),
    _notation(
        # A time or a verse, as in (John 3:16), has a digit before its colon and no point after it.
        rf"(?<!\\)\((?:[^()\\]|\\.)*?(?:[^\d\s():]\s*:\s*{_WEIGHT}|:\s*\d*\.\d+)\s*\)"
        rf"|\([^()]*\([^()]*\)[^()]*:\s*{_WEIGHT}\s*\)"
        r"|(?<!\\)\([^()]*\)(?:\d*\.\d+(?!\w)|[+-]{1,4}(?=[\s,]|$))",
        lambda text: say("lora.selection.prompt.unsupported.weights", text=text),
    ),
    _notation(
        r"(?<!\\)\(\([^()]+\)\)|\{\{[^{}\"']+\}\}|\[\[[^\[\]\"'{}]+\]\]",
        lambda text: say("lora.selection.prompt.unsupported.doubled_brackets", text=text),
    ),
    _notation(
        r"(?<![\\\w\[])\[(?![\s\"'\[{\d\]-])[^\[\]\"'{}]+\]",
        lambda text: say("lora.selection.prompt.unsupported.square_brackets", text=text),
    ),
    _notation(
        r"\\[()\[\]{}]",
        lambda text: say("lora.selection.prompt.unsupported.escaped_brackets", text=text),
    ),
    _notation(
        r"\bembedding:[\w./\\-]+",
        lambda text: say("lora.selection.prompt.unsupported.embeddings", text=text),
    ),
    _notation(
        r"(?<![A-Z] )\bBREAK\b(?! [A-Z]{2})",
        lambda text: say("lora.selection.prompt.unsupported.breaks", text=text),
    ),
    _notation(
        r"[<＜](?!(?:lora|lyco)\s*[:：])[A-Za-z][A-Za-z0-9_ ]{0,20}(?:\[[^\]<>]*\])?[:：](?!//)"
        r"[^<>＜＞]+[>＞]",
        lambda text: say("lora.selection.prompt.unsupported.tags", text=text),
    ),
)


def read_prompt(prompt: str) -> PromptReading:
    """Take the LoRAs out of a prompt. Never raises."""
    loras: list[PromptLoRA] = []
    problems: list[str] = []
    for match in _TAG.finditer(prompt):
        try:
            loras.append(_read_tag(match))
        except ValueError as error:
            tag = shortened(match[0])
            problems.append(say("lora.selection.prompt.unreadable", tag=tag, problem=error))
    open_ones = _OPEN.finditer(_TAG.sub(lambda match: " " * len(match[0]), prompt))
    problems += [
        say("lora.selection.prompt.not_closed", tag=shortened(match[0])) for match in open_ones
    ]
    return PromptReading(without_notation(prompt, loras), tuple(loras), tuple(problems))


def unsupported_in(*texts: str | None) -> tuple[str, ...]:
    """A sentence for each notation in the texts that is not read here, with its first example."""
    text = "\n".join(filter(None, texts))
    if not text:
        return ()
    bare = _TAG.sub(" ", text)
    found = ((each, each.pattern.search(bare)) for each in UNSUPPORTED)
    return tuple(each.sentence(shortened(match[0])) for each, match in found if match)


def without_notation(prompt: str, loras: Iterable[PromptLoRA]) -> str:
    """The prompt without these LoRAs of it, and without blanks and commas that only they needed."""
    kept, end = None, 0
    for lora in loras:
        part = prompt[end : lora.start]
        kept = part if kept is None else _joined(kept, part)
        end = lora.start + len(lora.tag)
    return prompt if kept is None else _joined(kept, prompt[end:])


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"


def _read_tag(match: re.Match[str]) -> PromptLoRA:
    """Raises ValueError with the end of a sentence."""
    name, *parts = (part.strip() for part in re.split("[:：]", match[1]))
    if not name:
        raise ValueError(say("lora.selection.prompt.no_name"))
    pairs = [part.partition("=") for part in parts]
    words = {word.strip().casefold(): value for word, equals, value in pairs if equals}
    if unknown := [shortened(word) for word in words if word not in _WORDS]:
        named_so, count = ", ".join(unknown), len(unknown)
        raise ValueError(say("lora.selection.prompt.unknown_words", words=named_so, count=count))
    numbers = [_number(word) for word, equals, _ in pairs if not equals]
    if len(numbers) > 2 or (numbers and words):
        raise ValueError(say("lora.selection.prompt.too_many"))
    named = {word: _number(value.strip()) for word, value in words.items()}
    return PromptLoRA(match.start(), match[0], " ".join(name.split()), _strength(numbers, named))


def _strength(numbers: list[float], named: Mapping[str, float]) -> Any:
    if len(numbers) == 2:
        high, low = numbers
        return high if high == low else {"high": high, "low": low}
    if numbers:
        return numbers[0]
    if "high" in named or "low" in named:
        return {"high": named.get("high", 0.0), "low": named.get("low", 0.0)}
    return named.get("unet", named.get("te"))


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(_not_a_number(shortened(text)))
    number = float(text)
    if not math.isfinite(number) or abs(number) > LIMIT:
        least, most = f"{-LIMIT:g}", f"{LIMIT:g}"
        raise ValueError(
            say("lora.selection.prompt.out_of_range", text=shortened(text), least=least, most=most)
        )
    return number


def _not_a_number(text: str) -> str:
    if not text:
        return say("lora.selection.prompt.empty")
    if "," in text:
        return say("lora.selection.prompt.comma", text=text)
    return say("lora.selection.prompt.no_number", text=text)


def _joined(before: str, after: str) -> str:
    before, after = before.rstrip(" \t"), after.lstrip(" \t")
    begins = not before or before.endswith("\n")
    if after.startswith(",") and (begins or before.endswith(",")):
        after = after[1:].lstrip(" \t")
    if not after.strip():
        return before.rstrip(" \t\n,")
    if after.startswith("\n"):
        return before + after[1:] if begins else before.rstrip(" \t,") + after
    return f"{before}{after}" if begins or after[0] in ",.;:!?)" else f"{before} {after}"
