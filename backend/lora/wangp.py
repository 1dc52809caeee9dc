"""Reading WanGP's notation of strengths over the steps, its `loras_multipliers`.

Source: docs/LORAS.md and shared/utils/loras_mutipliers.py of github.com/deepbeepmeep/Wan2GP. One
multiplier for each LoRA, separated by blanks or line breaks; `#` starts a comment. In a multiplier
`;` separates the phases, and `,` values that share the steps of their phase evenly. Without `;`
the values share all steps. `|`, at most once, separates like a blank; WanGP marks the end of an
accelerator's multipliers with it. A LoRA without a multiplier has 1.

Two phases are the high and the low noise expert. A third comes from a change of guidance within
one expert's steps, to which a strength cannot be bound here, so three are refused.
"""

from __future__ import annotations

import re

from backend.errors import MOST_PROBLEMS, GenerationError, together
from backend.lora.selection import EXPERTS, LIMIT

Value = float | list[list[float]]
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)


def parse_multipliers(
    text: str, count: int, *, handover: float | None = None
) -> list[Value | dict[str, Value]]:
    """The strengths of `count` LoRAs, each as a selection takes it: a float or points for both
    experts, or `{"high": ..., "low": ...}`. Fractions of points are of all steps.

    `handover`: the fraction of the steps after which the low-noise expert takes over, needed only
    where values change within a phase. Raises GenerationError that lists every problem.
    """
    problems: list[str] = []
    lines = [line.partition("#")[0] for line in text.splitlines()]
    words = " ".join(lines).replace("|", " ").split()
    if "".join(lines).count("|") > 1:
        problems.append("'|' is there more than once")
    if len(words) > count:
        problems.append(f"there are {len(words)} multipliers for {count} LoRAs")
    values = [_value(word, handover, problems) for word in words]
    if problems:
        raise GenerationError(
            f"The multipliers cannot be read: {together(problems)}.",
            suggestions=[
                "Write one multiplier for each LoRA, separated by blanks, for example 1;0 0;1"
                " (high;low noise) or 1,0.5 (first and second half of the steps)."
            ],
            context={"problems": problems[:MOST_PROBLEMS]},
        )
    return values + [1.0] * (count - len(values))


def _value(word: str, handover: float | None, problems: list[str]) -> Value | dict[str, Value]:
    phases = [_numbers(phase, word, problems) for phase in word.split(";")]
    if len(phases) == 1:
        return _spread(phases[0], 0.0, 1.0)
    if len(phases) > 2:
        problems.append(f"{word!r} has {len(phases)} phases, but there are two: high;low noise")
    elif handover is None and max(map(len, phases)) > 1:
        problems.append(f"{word!r} changes within a phase, whose share of the steps is not known")
    middle = 0.5 if handover is None else handover
    spans = ((0.0, middle), (middle, 1.0))
    return {
        expert: _spread(numbers, *span)
        for expert, numbers, span in zip(EXPERTS, phases, spans, strict=False)
    }


def _numbers(phase: str, word: str, problems: list[str]) -> list[float]:
    """The values of a phase; 0 in place of what is no strength, which `problems` then names."""
    found = []
    for part in phase.split(","):
        number = float(part) if _NUMBER.fullmatch(part) else None
        if number is None:
            problems.append(f"{part!r} in {word!r} is not a number")
        elif abs(number) > LIMIT:
            problems.append(f"{part} in {word!r} is not between -{LIMIT:g} and {LIMIT:g}")
        found.append(number or 0.0)
    return found


def _spread(numbers: list[float], start: float, end: float) -> Value:
    """The values evenly over the steps from one fraction to another."""
    if len(numbers) == 1:
        return numbers[0]
    share = (end - start) / len(numbers)
    return [[start + index * share, number] for index, number in enumerate(numbers)]
