"""Problems of a grid: what keeps it from being run, each as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.grid.axes import MOST_CELLS, Axis, Grid
from wan_lora_studio.grid.facts import GridFacts
from wan_lora_studio.grid.labels import NamedAxis, named
from wan_lora_studio.texts import say

# What an axis changes, in words.
WORDS = {
    "seed": say("grid.problem.the_seed"),
    "prompt": say("grid.problem.the_prompt"),
    "steps": say("grid.problem.the_steps"),
    "loras": say("grid.problem.the_loras"),
}
ACCELERATORS = say("grid.problem.the_accelerator")

Aspect = tuple[str, str]  # a LoRA's name or "", and what of it
ASPECTS = ("strength", "expert", "place")


@dataclass(frozen=True)
class GridProblem:
    """A sentence on an axis, or with `axis` None on the grid as a whole."""

    text: str
    axis: Literal["x", "y"] | None = None


def problems_of(grid: Grid, facts: GridFacts) -> list[GridProblem]:
    """Empty for a grid whose cells can be made."""
    found: list[GridProblem] = []
    if grid.videos > MOST_CELLS:
        found.append(GridProblem(say("grid.problem.too_many", videos=grid.videos, most=MOST_CELLS)))
    names = named(grid, facts)
    found += _on_axis("x", names.x, facts)
    if names.y is not None:
        found += _on_axis("y", names.y, facts)
    if grid.y is not None:
        shared = sorted(_changed(grid.x, facts) & _changed(grid.y, facts))
        found += [
            GridProblem(say("grid.problem.both_change", what=_words(aspect, facts)))
            for aspect in shared[:1]
        ]
    return found


def _on_axis(which: Literal["x", "y"], names: NamedAxis, facts: GridFacts) -> list[GridProblem]:
    texts = [*_axis_problems(names.axis, facts), *_twice(names)]
    return [GridProblem(text, which) for text in dict.fromkeys(texts)]


def _axis_problems(axis: Axis, facts: GridFacts) -> Iterator[str]:
    for name in _names(axis):
        try:
            facts.library.record(name)
        except LoRAError as error:
            yield error.message
    if axis.of == "lora":
        yield from _places(axis, facts)
    elif axis.of == "accelerator":
        for name in axis.values:
            if name is not None and facts.record(name) and facts.accelerator(name) is None:
                yield say("grid.problem.no_accelerator", lora=facts.title(name))
    elif axis.of == "expert":
        yield from _expert_problems(str(axis.lora), facts)
    elif axis.of == "loras" and not facts.selected:
        yield say("grid.problem.nothing_selected")


def _names(axis: Axis) -> list[str]:
    """The LoRAs that an axis names."""
    values = axis.values if axis.of in ("lora", "accelerator") else ()
    return [name for name in (axis.lora, *values) if name is not None]


def _places(axis: Axis, facts: GridFacts) -> Iterator[str]:
    if axis.lora is not None and axis.lora not in facts.selected:
        yield say("grid.problem.not_selected", lora=facts.title(axis.lora))
    for name in axis.values:
        if name is not None and name != axis.lora and name in facts.selected:
            yield say("grid.problem.selected", lora=facts.title(name))


def _expert_problems(name: str, facts: GridFacts) -> Iterator[str]:
    record = facts.record(name)
    if len(facts.experts) == 1:
        yield say("grid.problem.one_expert")
    elif record is not None and record.get("expert") in ("high", "low"):
        yield say("grid.problem.one_for_lora", lora=facts.title(name))


def _twice(names: NamedAxis) -> Iterator[str]:
    counts = Counter(names.axis.values)
    for value, label in zip(names.axis.values, names.labels, strict=True):
        if counts[value] > 1:
            yield say("grid.problem.twice", title=names.title, label=label)


def _changed(axis: Axis, facts: GridFacts) -> set[Aspect]:
    """What no other axis may change as well."""
    if axis.of in ("strength", "expert"):
        return {(str(axis.lora), axis.of)}
    if axis.of == "lora":
        place = set() if axis.lora is None else {(axis.lora, "place")}
        others = [name for name in axis.values if name not in (None, axis.lora)]
        return place | _whole(others)
    if axis.of == "loras":
        return {("", "loras"), *_whole(list(facts.left_out()))}
    if axis.of == "accelerator":
        held = [name for name in facts.selected if facts.accelerator(name) is not None]
        names = [*(name for name in axis.values if name is not None), *held]
        return {("", "steps"), ("", "accelerator"), *_whole(names)}
    if axis.of == "prompt":
        selected = [facts.library.loras_in_prompt(text).selected for text in axis.values]
        return {("", "prompt"), *_whole([name for each in selected for name in each])}
    return {("", axis.of)}


def _whole(names: list[Any]) -> set[Aspect]:
    return {(name, aspect) for name in names for aspect in ASPECTS}


def _words(aspect: Aspect, facts: GridFacts) -> str:
    name, of = aspect
    if name:
        return facts.title(name)
    return WORDS.get(of, ACCELERATORS)
