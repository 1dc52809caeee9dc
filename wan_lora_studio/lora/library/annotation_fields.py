"""What a user says about a LoRA, which goes before what its sidecars and its header say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.description import MAX_TEXT, MAX_WORDS, plain_text, split_words
from wan_lora_studio.lora.storage import Edits
from wan_lora_studio.texts import say

MAX_STRENGTH = 100.0


def checked_changes(changes: Mapping[str, Any]) -> Edits:
    """The changes in the form in which they are kept; None takes an edit back.

    Raises LoRAError that names every field that is unknown or has a value of another kind.
    """
    found: Edits = {}
    problems = []
    for field, value in changes.items():
        reader = FIELDS.get(field)
        if reader is None:
            problems.append(say("lora.library.edits.unknown_field", field=repr(field)))
        elif value is None:
            found[field] = None
        else:
            try:
                found[field] = reader(value)
            except (TypeError, ValueError, OverflowError) as error:
                problems.append(f"{field}: {error}")
    if problems:
        raise LoRAError(
            say("lora.library.edits.refused", problems="; ".join(problems)),
            suggestions=[say("lora.library.edits.fields", fields=", ".join(FIELDS))],
            context={"problems": problems},
        )
    return found


def merged_edits(old: Mapping[str, Any], changes: Mapping[str, Any]) -> Edits:
    """`old` with the changes made; an edit that was taken back is not in it."""
    both = {**old, **changes}
    return {field: value for field, value in both.items() if value is not None}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(say("lora.library.edits.text"))
    if len(value) > MAX_TEXT:
        raise ValueError(say("lora.library.edits.text_length", most=f"{MAX_TEXT:,}"))
    return plain_text(value)


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return list(split_words(_text(value)))
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise TypeError(say("lora.library.edits.words"))
    words = dict.fromkeys(map(_text, value))
    found = [word for word in words if word]
    if len(found) > MAX_WORDS:
        raise ValueError(say("lora.library.edits.word_count", most=MAX_WORDS))
    return found


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(say("lora.library.edits.flag"))
    return value


def _strengths(value: Any) -> dict[str, float]:
    """Strength by expert, from one number for both or from a mapping of both."""
    if not isinstance(value, Mapping):
        value = {"high": value, "low": value}
    if set(value) != {"high", "low"}:
        raise ValueError(say("lora.library.edits.strengths"))
    return {role: _strength(value[role]) for role in ("high", "low")}


def _range(value: Any) -> list[float]:
    """The ends of the strength slider."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(say("lora.library.edits.range"))
    low, high = (_strength(end) for end in value)
    if low >= high:
        raise ValueError(say("lora.library.edits.range_order"))
    return [low, high]


def _strength(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(say("lora.library.edits.number"))
    if not math.isfinite(value) or abs(value) > MAX_STRENGTH:
        raise ValueError(
            say(
                "lora.library.edits.number_range",
                least=f"{-MAX_STRENGTH:g}",
                most=f"{MAX_STRENGTH:g}",
            )
        )
    return float(value)


def _role(value: Any) -> str:
    if value not in ("both", "high", "low"):
        raise ValueError(say("lora.library.edits.role"))
    return str(value)


FIELDS: dict[str, Callable[[Any], Any]] = {
    "title": _text,
    "description": _text,
    "tags": _words,
    "trigger_words": _words,
    "author": _text,
    "base_model": _text,
    "notes": _text,
    "preferred_strengths": _strengths,
    "strength_range": _range,
    "expert": _role,
    "favourite": _flag,
}
