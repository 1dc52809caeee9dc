"""Reading WanGP's notation of strengths over the steps, its `loras_multipliers`.

Source: docs/LORAS.md and shared/utils/loras_mutipliers.py of github.com/deepbeepmeep/Wan2GP. One
multiplier for each LoRA, separated by blanks or line breaks; `#` starts a comment. In a multiplier
`;` separates the phases, and `,` values that share the steps of their phase evenly. Without `;`
the values share all steps. `|`, at most once, separates like a blank; WanGP marks the end of an
accelerator's multipliers with it. A LoRA without a multiplier has 1.

Two phases are the high and the low noise expert. With three, `model_switch_phase` says after which
one the low noise expert takes over (models/wan/any2video.py); a third comes from a change of
guidance within one expert's steps, at which its strength may change as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.errors import MOST_PROBLEMS, GenerationError, together
from wan_lora_studio.lora.roles import EXPERTS, Expert
from wan_lora_studio.lora.selection.strengths import LIMIT
from wan_lora_studio.texts import say

Value = float | list[list[float]]
MOST_PHASES = 3
MOST_STEPS = 1000
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)


@dataclass(frozen=True)
class Phases:
    """How the phases of a run lie over its steps.

    The low-noise expert takes over after phase `switch` of three: 1 or 2. `ends` are the
    fractions of all steps after which the first and the second phase end, None if not known.
    """

    switch: int = 2  # as in the three-phase profiles that WanGP comes with
    ends: tuple[float, float] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Phases:
        """From WanGP's settings: a phase ends where the noise falls to its threshold."""
        switch = settings.get("model_switch_phase", 1 if "guidance_phases" in settings else 2)
        names = ("num_inference_steps", "flow_shift", "switch_threshold", "switch_threshold2")
        numbers = [_plain_number(settings.get(name)) for name in names]
        known = [number for number in numbers if number is not None and number > 0]
        if len(known) < len(names) or not 1 <= known[0] <= MOST_STEPS:
            return cls(1 if switch == 1 else 2)
        steps, shift, *thresholds = int(known[0]), *known[1:]
        first, second = (_steps_above(threshold, steps, shift) for threshold in thresholds)
        return cls(1 if switch == 1 else 2, (first / steps, max(first, second) / steps))

    @property
    def handover(self) -> float | None:
        """The fraction of the steps after which the low-noise expert takes over."""
        return None if self.ends is None else self.ends[self.switch - 1]

    def note(self, text: str) -> str:
        """What becomes of three phases in these multipliers; "" if they have none."""
        if not any(word.count(";") == 2 for word in _words(text)):
            return ""
        if self.switch == 1:
            high, low = say("lora.selection.wangp.first"), say("lora.selection.wangp.last_two")
        else:
            high, low = say("lora.selection.wangp.first_two"), say("lora.selection.wangp.last")
        where = (
            say("lora.selection.wangp.at_thresholds")
            if self.ends
            else say("lora.selection.wangp.at_equal_shares")
        )
        return say("lora.selection.wangp.phases", high=high, low=low, where=where)


def _steps_above(threshold: float, steps: int, shift: float) -> int:
    """How many steps come before the noise, from 1000 to 0, is at the threshold or below it."""
    left = [1 - step / steps for step in range(steps)]
    noise = (1000 * shift * part / (1 + (shift - 1) * part) for part in left)
    return sum(value > threshold for value in noise)


def _plain_number(value: Any) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) and len(value) < 20:
        return float(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and abs(value) < 1e6 else None


def _words(text: str) -> list[str]:
    lines = (line.partition("#")[0] for line in text.splitlines())
    return " ".join(lines).replace("|", " ").split()


def parse_multipliers(
    text: str, count: int, *, handover: float | None = None, phases: Phases | None = None
) -> list[Value | dict[str, Value]]:
    """The strengths of `count` LoRAs, each as a selection takes it: a float or points for both
    experts, or `{"high": ..., "low": ...}`. Fractions of points are of all steps.

    `handover`: the fraction of the steps after which the low-noise expert takes over, needed only
    where values change within an expert's steps. `phases` says what three phases are. Raises
    GenerationError that lists every problem.
    """
    problems: list[str] = []
    words = _words(text)
    if "".join(line.partition("#")[0] for line in text.splitlines()).count("|") > 1:
        problems.append(say("lora.selection.wangp.two_bars"))
    if len(words) > count:
        problems.append(say("lora.selection.wangp.too_many", multipliers=len(words), count=count))
    values = [_value(word, handover, phases or Phases(), problems) for word in words]
    if problems:
        raise GenerationError(
            say("lora.selection.wangp.unreadable", problems=together(problems)),
            suggestions=[say("lora.selection.wangp.form")],
            context={"problems": problems[:MOST_PROBLEMS]},
        )
    return values + [1.0] * (count - len(values))


def _value(
    word: str, handover: float | None, phases: Phases, problems: list[str]
) -> Value | dict[str, Value]:
    parts = [_numbers(phase, word, problems) for phase in word.split(";")]
    if len(parts) == 1:
        return _spread(parts[0], 0.0, 1.0)
    if len(parts) > MOST_PHASES:
        problems.append(
            say(
                "lora.selection.wangp.too_many_phases",
                multiplier=repr(word),
                count=len(parts),
                most=MOST_PHASES,
            )
        )
        return 0.0
    switch = phases.switch if len(parts) == MOST_PHASES else 1
    known = handover if handover is not None else phases.handover
    middle = 0.5 if known is None else known
    ends = phases.ends if len(parts) == MOST_PHASES else None
    found: dict[str, Value] = {}
    for expert, own, (start, end), inner in (
        (EXPERTS[0], parts[:switch], (0.0, middle), ends and ends[0]),
        (EXPERTS[1], parts[switch:], (middle, 1.0), ends and ends[1]),
    ):
        values = {number for numbers in own for number in numbers}
        if len(values) == 1:
            found[expert] = own[0][0]
            continue
        if known is None:
            problems.append(_changes_within(expert, word))
        found[expert] = _within(own, start, end, inner)
    return found


def _changes_within(expert: Expert, word: str) -> str:
    if expert == "high":
        return say("lora.selection.wangp.changes_in_high", multiplier=repr(word))
    return say("lora.selection.wangp.changes_in_low", multiplier=repr(word))


def _within(phases: list[list[float]], start: float, end: float, inner: float | None) -> Value:
    """One expert's values over its part of the steps: of one phase, or of two that meet at
    `inner`, or in the middle if that is not known or no place within."""
    if end <= start:  # the expert has no steps
        return phases[0][0]
    if len(phases) == 1:
        return _spread(phases[0], start, end)
    first, second = phases
    meet = inner if inner is not None and start <= inner <= end else (start + end) / 2
    if meet == start:
        return _spread(second, start, end)
    if meet == end:
        return _spread(first, start, end)
    return [*_points(first, start, meet), *_points(second, meet, end)]


def _numbers(phase: str, word: str, problems: list[str]) -> list[float]:
    """The values of a phase; 0 in place of what is no strength, which `problems` then names."""
    found = []
    for part in phase.split(","):
        number = float(part) if _NUMBER.fullmatch(part) else None
        if number is None:
            problems.append(
                say("lora.selection.wangp.no_number", text=repr(part), multiplier=repr(word))
            )
        elif abs(number) > LIMIT:
            problems.append(
                say(
                    "lora.selection.wangp.out_of_range",
                    text=part,
                    multiplier=repr(word),
                    least=f"{-LIMIT:g}",
                    most=f"{LIMIT:g}",
                )
            )
        found.append(number or 0.0)
    return found


def _spread(numbers: list[float], start: float, end: float) -> Value:
    """The values evenly over the steps from one fraction to another."""
    return numbers[0] if len(numbers) == 1 else _points(numbers, start, end)


def _points(numbers: list[float], start: float, end: float) -> list[list[float]]:
    share = (end - start) / len(numbers)
    return [[start + index * share, number] for index, number in enumerate(numbers)]
