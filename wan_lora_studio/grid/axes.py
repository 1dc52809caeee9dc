"""Axes: what a grid varies and over which values, read strictly from what a request holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from wan_lora_studio.errors import RequestError, together
from wan_lora_studio.untrusted_json import shortened

MOST_CELLS = 500
Kind = Literal["strength", "lora", "expert", "loras", "seed", "prompt", "steps", "accelerator"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXPERT_CHOICES = ("both", "high", "low", "off")
LORAS_CHOICES = ("with", "without")
OF_A_LORA = ("strength", "expert")  # these need the name of one
WITH_A_LORA = (*OF_A_LORA, "lora")  # these may have it


@dataclass(frozen=True)
class Axis:
    """What is varied, over which values. `lora` is the LoRA that it is about, for the kind `lora`
    the one whose place is taken; None where it is about none."""

    of: Kind
    values: tuple[Any, ...]
    lora: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"of": self.of, "lora": self.lora, "values": list(self.values)}


@dataclass(frozen=True)
class Grid:
    """A task varied along `x`, and for each of its values along `y`."""

    x: Axis
    y: Axis | None = None

    @classmethod
    def read(cls, data: Any) -> Grid:
        """Raises RequestError that names everything that cannot be read."""
        problems: list[str] = []
        fields = data if isinstance(data, Mapping) else {}
        if not fields or set(fields) - {"x", "y"} or "x" not in fields:
            problems.append('it is not {"x": an axis, "y": an axis or null}')
            raise _unreadable(problems)
        x = _axis("x", fields["x"], problems)
        y = None if fields.get("y") is None else _axis("y", fields["y"], problems)
        if x is None or problems:
            raise _unreadable(problems)
        return cls(x, y)

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (self.x,) if self.y is None else (self.x, self.y)

    @property
    def videos(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)


def _unreadable(problems: list[str]) -> RequestError:
    return RequestError(
        f"The grid can’t be read: {together(problems)}.",
        cause="An axis says what it is of, for which LoRA, and its values.",
        suggestions=[
            'Write each axis as {"of": "seed", "lora": null, "values": [1, 2, 3]}.',
            f"An axis is of one of these: {', '.join(KINDS)}.",
        ],
        context={"problems": problems, "status": 400},
    )


def _axis(which: str, data: Any, problems: list[str]) -> Axis | None:
    """The axis; None after adding what is wrong to `problems`."""
    before = len(problems)
    if not isinstance(data, Mapping) or set(data) - {"of", "lora", "values"}:
        problems.append(f'{which} is not {{"of": ..., "lora": ..., "values": [...]}}')
        return None
    kind, lora, values = data.get("of"), data.get("lora"), data.get("values")
    if kind not in KINDS:
        problems.append(f"{which} is of {shortened(kind)}, not of one of {', '.join(KINDS)}")
        return None
    if lora is not None and (not isinstance(lora, str) or not lora or kind not in WITH_A_LORA):
        problems.append(f"{which}: lora is {shortened(lora)}")
    elif lora is None and kind in OF_A_LORA:
        problems.append(f"{which} names no LoRA")
    if not isinstance(values, list | tuple) or not values:
        problems.append(f"{which} has no values")
        return None
    read = READERS[kind]
    found = [read(value) for value in values]
    wrong = [value for value, each in zip(values, found, strict=True) if each is UNREAD]
    if wrong:
        told = ", ".join(shortened(value) for value in wrong[:3])
        problems.append(f"{which}: {told} is not {WANTED[kind]}")
    return None if len(problems) > before else Axis(kind, tuple(found), lora)


UNREAD = object()


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNREAD
    return float(value) if abs(value) <= 100 else UNREAD  # nor for NaN


def _whole(value: Any) -> Any:
    """JavaScript has one kind of number; a whole one is meant as a whole one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else UNREAD


def _text(value: Any) -> Any:
    return value if isinstance(value, str) and value.strip() else UNREAD


def _name(value: Any) -> Any:
    return None if value is None else _text(value)


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, str) and value in choices else UNREAD


READERS: Mapping[str, Callable[[Any], Any]] = {
    "strength": _number,
    "lora": _name,
    "expert": _one_of(EXPERT_CHOICES),
    "loras": _one_of(LORAS_CHOICES),
    "seed": _whole,
    "prompt": _text,
    "steps": _whole,
    "accelerator": _name,
}
WANTED: Mapping[str, str] = {
    "strength": "a number from -100 to 100",
    "lora": "the name of a LoRA, or null for none",
    "expert": f"one of {', '.join(EXPERT_CHOICES)}",
    "loras": f"one of {', '.join(LORAS_CHOICES)}",
    "seed": "a whole number",
    "prompt": "a text",
    "steps": "a whole number",
    "accelerator": "the name of an accelerator, or null for none",
}
