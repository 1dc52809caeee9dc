"""Which LoRAs are applied, and how strongly: plain values with their validation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import MOST_PROBLEMS, GenerationError, together
from wan_lora_studio.lora.roles import EXPERTS, Expert
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import shortened

LIMIT = 100.0


@dataclass(frozen=True)
class Schedule:
    """A strength over the run: from each `fraction_of_steps` on, that strength.

    Before the first point the strength is the first point's.
    """

    points: tuple[tuple[float, float], ...]

    @property
    def constant(self) -> bool:
        return len({strength for _, strength in self.points}) == 1

    def at(self, fraction: float) -> float:
        """The strength at a fraction (0 to 1) of the steps."""
        index = bisect_right([start for start, _ in self.points], fraction + 1e-9) - 1
        return self.points[max(index, 0)][1]

    def to_plain(self) -> float | list[list[float]]:
        """A float where the strength never changes, else its points."""
        if self.constant:
            return self.points[0][1]
        return [[start, strength] for start, strength in self.points]


@dataclass(frozen=True)
class Strength:
    """The strength for each expert."""

    high: Schedule
    low: Schedule

    def for_expert(self, expert: Expert) -> Schedule:
        return self.high if expert == "high" else self.low

    def to_plain(self) -> Any:
        """The form of the contract: a float for both, or `{"high": x, "low": y}`."""
        high, low = self.high.to_plain(), self.low.to_plain()
        if high == low and isinstance(high, float):
            return high
        return {"high": high, "low": low}


@dataclass(frozen=True)
class LoRASelection:
    """LoRA names with their strengths, in the order in which they were chosen."""

    items: tuple[tuple[str, Strength], ...] = ()

    @classmethod
    def parse(cls, selection: Mapping[str, Any]) -> LoRASelection:
        """Read `{name: strength}`. Raises GenerationError that lists every problem."""
        if not isinstance(selection, Mapping):
            what = say("lora.selection.strengths.no_object")
            raise GenerationError(
                say("lora.selection.strengths.refused", problems=what), context={"problems": [what]}
            )
        problems: list[str] = []
        items = []
        for name, value in selection.items():
            if not isinstance(name, str) or not name:
                problems.append(say("lora.selection.strengths.no_name", name=shortened(name)))
                continue
            strength = _strength(name, value, problems)
            if strength is not None:
                items.append((name, strength))
        if problems:
            raise GenerationError(
                say("lora.selection.strengths.refused", problems=together(problems)),
                suggestions=[say("lora.selection.strengths.form")],
                context={"problems": problems[:MOST_PROBLEMS]},
            )
        return cls(tuple(items))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.items)

    def to_plain(self) -> dict[str, Any]:
        return {name: strength.to_plain() for name, strength in self.items}


def _strength(name: str, value: Any, problems: list[str]) -> Strength | None:
    if isinstance(value, Strength):
        return value
    if not isinstance(value, Mapping):
        both = _schedule(name, value, problems)
        return None if both is None else Strength(both, both)
    unknown = [str(key) for key in value if key not in EXPERTS]
    if unknown:
        problems.append(
            say("lora.selection.strengths.experts", lora=name, experts=", ".join(unknown))
        )
        return None
    if not value:
        problems.append(say("lora.selection.strengths.no_expert", lora=name))
        return None
    # An expert that is not named gets nothing, as for an unpaired half.
    high = _schedule(f"{name} (high)", value.get("high", 0.0), problems)
    low = _schedule(f"{name} (low)", value.get("low", 0.0), problems)
    return None if high is None or low is None else Strength(high, low)


def _schedule(name: str, value: Any, problems: list[str]) -> Schedule | None:
    """The schedule of one expert; None after adding what is wrong to `problems`."""
    points = [[0.0, value]] if _is_number(value) else value
    if not isinstance(points, Sequence) or isinstance(points, str | bytes) or not points:
        problems.append(
            say("lora.selection.strengths.no_strength", lora=name, value=shortened(value))
        )
        return None
    found = list(filter(None, (_point_problem(name, point) for point in points)))
    if found:
        problems.extend(found)
        return None
    starts = [float(start) for start, _ in points]
    if starts != sorted(set(starts)):
        problems.append(say("lora.selection.strengths.order", lora=name))
        return None
    return Schedule(tuple((float(start), float(strength)) for start, strength in points))


def _point_problem(name: str, point: Any) -> str | None:
    pair = isinstance(point, Sequence) and not isinstance(point, str | bytes)
    if not pair or len(point) != 2 or not all(_is_number(part) for part in point):
        return say("lora.selection.strengths.point", lora=name, value=shortened(point))
    start, strength = point
    if not abs(strength) <= LIMIT:  # nor for NaN; an integer may be too large for a float
        value, least, most = shortened(strength), f"{-LIMIT:g}", f"{LIMIT:g}"
        return say(
            "lora.selection.strengths.out_of_range", lora=name, value=value, least=least, most=most
        )
    if not 0.0 <= start <= 1.0:
        return say("lora.selection.strengths.fraction", lora=name, value=shortened(start))
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
