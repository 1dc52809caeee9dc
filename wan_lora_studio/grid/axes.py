"""Axes: what a grid varies and over which values, read strictly from what a request holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from wan_lora_studio.errors import RequestError, together
from wan_lora_studio.texts import say
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
            problems.append(say("grid.form"))
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
        say("grid.unreadable", problems=together(problems)),
        cause=say("grid.unreadable_cause"),
        suggestions=[
            say("grid.write_axis"),
            say("grid.kinds", kinds=", ".join(KINDS)),
        ],
        context={"problems": problems, "status": 400},
    )


def _axis(which: str, data: Any, problems: list[str]) -> Axis | None:
    """The axis; None after adding what is wrong to `problems`."""
    before = len(problems)
    if not isinstance(data, Mapping) or set(data) - {"of", "lora", "values"}:
        problems.append(say("grid.axis_form", axis=which))
        return None
    kind, lora, values = data.get("of"), data.get("lora"), data.get("values")
    if kind not in KINDS:
        problems.append(
            say("grid.axis_kind", axis=which, kind=shortened(kind), kinds=", ".join(KINDS))
        )
        return None
    if lora is not None and (not isinstance(lora, str) or not lora or kind not in WITH_A_LORA):
        problems.append(say("grid.axis_lora", axis=which, lora=shortened(lora)))
    elif lora is None and kind in OF_A_LORA:
        problems.append(say("grid.axis_no_lora", axis=which))
    if not isinstance(values, list | tuple) or not values:
        problems.append(say("grid.axis_no_values", axis=which))
        return None
    read = READERS[kind]
    found = [read(value) for value in values]
    wrong = [value for value, each in zip(values, found, strict=True) if each is UNREAD]
    if wrong:
        told = ", ".join(shortened(value) for value in wrong[:3])
        problems.append(say("grid.axis_value", axis=which, value=told, wanted=WANTED[kind]))
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
    "strength": say("grid.wanted.strength"),
    "lora": say("grid.wanted.lora"),
    "expert": say("grid.wanted.choice", choices=", ".join(EXPERT_CHOICES)),
    "loras": say("grid.wanted.choice", choices=", ".join(LORAS_CHOICES)),
    "seed": say("grid.wanted.whole"),
    "prompt": say("grid.wanted.text"),
    "steps": say("grid.wanted.whole"),
    "accelerator": say("grid.wanted.accelerator"),
}
