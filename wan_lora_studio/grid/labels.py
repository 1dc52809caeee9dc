"""Labels: what a person reads at the axes of a grid, and the name of each cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.grid.axes import Axis, Grid
from wan_lora_studio.grid.facts import GridFacts
from wan_lora_studio.texts import say

LONGEST = 200  # characters that a cell's label may have
TITLES: Mapping[str, str] = {
    "lora": say("grid.title.lora"),
    "loras": say("grid.title.loras"),
    "seed": say("grid.title.seed"),
    "prompt": say("grid.title.prompt"),
    "steps": say("grid.title.steps"),
    "accelerator": say("grid.title.accelerator"),
}
TITLES_OF_LORA: Mapping[str, Callable[[str], str]] = {
    "strength": lambda lora: say("grid.title.strength", lora=lora),
    "expert": lambda lora: say("grid.title.expert", lora=lora),
    "lora": lambda lora: say("grid.title.in_place", lora=lora),
}
NO_LORA = say("grid.label.no_lora")
NO_ACCELERATOR = say("grid.label.no_accelerator")
EXPERTS: Mapping[str, str] = {
    "both": say("grid.label.both"),
    "high": say("grid.label.high"),
    "low": say("grid.label.low"),
    "off": say("grid.label.off"),
}
WITH_LORAS = say("grid.label.with_loras")
WITHOUT_LORAS = say("grid.label.without_loras")
ACCELERATOR_ALONE = say("grid.label.accelerator_alone")
# How a cell is called, from the label at the axis.
PHRASES: Mapping[str, Callable[[str, str], str]] = {
    "strength": lambda label, lora: f"{lora} {label}",
    "expert": lambda label, lora: f"{lora}: {label}",
    "seed": lambda label, _: say("grid.cell.seed", seed=label),
    "steps": lambda label, _: say("grid.cell.steps", count=int(label)),
}


@dataclass(frozen=True)
class NamedAxis:
    """An axis with its title and a label for each of its values."""

    axis: Axis
    title: str
    labels: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        plain = self.axis.to_dict()
        return {
            "of": plain["of"],
            "lora": plain["lora"],
            "title": self.title,
            "labels": list(self.labels),
            "values": plain["values"],
        }


@dataclass(frozen=True)
class NamedGrid:
    """A grid as a person reads it."""

    x: NamedAxis
    y: NamedAxis | None = None

    @property
    def grid(self) -> Grid:
        return Grid(self.x.axis, None if self.y is None else self.y.axis)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.x.labels

    @property
    def rows(self) -> tuple[str, ...]:
        """Empty with one axis."""
        return () if self.y is None else self.y.labels

    def position(self, number: int) -> tuple[int, int]:
        """Column and row, from 0, of a cell by its number from 1."""
        row, column = divmod(number - 1, len(self.columns))
        return column, row

    def to_dict(self) -> dict[str, Any]:
        return {"x": self.x.to_dict(), "y": None if self.y is None else self.y.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NamedGrid:
        """What `to_dict` wrote. Raises KeyError, TypeError, ValueError or RequestError for anything
        else."""
        y = data["y"]
        return cls(_stored_axis(data["x"]), None if y is None else _stored_axis(y))


def named(grid: Grid, facts: GridFacts) -> NamedGrid:
    """Also of a grid that cannot be run, for the page to show with what is wrong."""
    y = None if grid.y is None else _named_axis(grid.y, facts)
    return NamedGrid(_named_axis(grid.x, facts), y)


def cell_name(names: NamedGrid, facts: GridFacts, column: int, row: int) -> str:
    """How a cell is called."""
    phrases = [_phrase(names.x, column, facts)]
    if names.y is not None:
        phrases.append(_phrase(names.y, row, facts))
    return _joined(phrases)


def _named_axis(axis: Axis, facts: GridFacts) -> NamedAxis:
    lora = "" if axis.lora is None else facts.title(axis.lora)
    of_lora = TITLES_OF_LORA.get(axis.of) if lora else None
    labels = tuple(_label(axis, value, facts) for value in axis.values)
    return NamedAxis(axis, of_lora(lora) if of_lora else TITLES[axis.of], labels)


def _phrase(names: NamedAxis, index: int, facts: GridFacts) -> str:
    lora = "" if names.axis.lora is None else facts.title(names.axis.lora)
    label = names.labels[index]
    phrase = PHRASES.get(names.axis.of)
    return label if phrase is None else phrase(label, lora)


def _label(axis: Axis, value: Any, facts: GridFacts) -> str:
    if axis.of == "strength":
        factor = axis.lora is not None and facts.scales(axis.lora)
        return f"× {value:g}" if factor else f"{value:g}"
    if axis.of == "expert":
        return EXPERTS[value]
    if axis.of == "loras":
        return WITH_LORAS if value == "with" else _without(facts)
    if axis.of == "lora":
        return NO_LORA if value is None else facts.title(value)
    if axis.of == "accelerator":
        return NO_ACCELERATOR if value is None else facts.title(value)
    return str(value)


def _without(facts: GridFacts) -> str:
    stays = len(facts.left_out()) < len(facts.selected)
    return ACCELERATOR_ALONE if stays else WITHOUT_LORAS


def _joined(phrases: list[str]) -> str:
    """Each gets its share of the room, and what the others leave."""
    room = LONGEST - 2 * (len(phrases) - 1)
    shares = [min(len(phrase), room // len(phrases)) for phrase in phrases]
    for index, phrase in enumerate(phrases):
        shares[index] += min(len(phrase) - shares[index], room - sum(shares))
    return ", ".join(_cut(phrase, share) for phrase, share in zip(phrases, shares, strict=True))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _stored_axis(data: Mapping[str, Any]) -> NamedAxis:
    asked = {name: data[name] for name in ("of", "lora", "values")}
    axis = Grid.read({"x": asked}).x
    labels = tuple(map(str, data["labels"]))
    if len(labels) != len(axis.values):
        raise ValueError("an axis has not one label for each value")
    return NamedAxis(axis, str(data["title"]), labels)
