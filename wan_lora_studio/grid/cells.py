"""Cells: what each field of a grid changes of the task, so that it is a complete run of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.grid.axes import Axis, Kind
from wan_lora_studio.grid.facts import GridFacts
from wan_lora_studio.grid.labels import NamedGrid, cell_name

DIGITS = 4  # of a strength that is scaled
NOTHING = 0.0

Selection = dict[str, Any]
# (selection, axis, value, facts) -> selection
Selecting = Callable[[Selection, Axis, Any, GridFacts], Selection]


@dataclass(frozen=True)
class Cell:
    """One field of a grid, from 0: its name, and the fields of the task that it changes."""

    column: int
    row: int
    label: str
    changes: Mapping[str, Any]


def cells_of(names: NamedGrid, facts: GridFacts) -> list[Cell]:
    """Row by row. The grid has no problems (`problems_of`)."""
    grid = names.grid
    rows = (None,) if grid.y is None else grid.y.values
    return [
        Cell(
            column,
            row,
            cell_name(names, facts, column, row),
            _changes([(grid.x, x), *([] if grid.y is None else [(grid.y, y)])], facts),
        )
        for row, y in enumerate(rows)
        for column, x in enumerate(grid.x.values)
    ]


def _changes(chosen: list[tuple[Axis, Any]], facts: GridFacts) -> dict[str, Any]:
    """Which LoRAs, in the order of `SELECTING`, whichever axis is x; then the other fields."""
    changes: dict[str, Any] = {}
    selection = dict(facts.selected)
    for kind, select in SELECTING.items():
        for axis, value in chosen:
            if axis.of == kind:
                selection = select(selection, axis, value, facts)
                changes["selected_loras"] = selection
    for axis, value in chosen:
        if axis.of == "accelerator":
            changes |= _accelerated(value, facts)
        elif axis.of not in SELECTING:
            changes[axis.of] = value
    return changes


def _with_strength(selection: Selection, axis: Axis, value: Any, facts: GridFacts) -> Selection:
    name = str(axis.lora)
    given = scaled(facts.selected[name], value) if facts.scales(name) else value
    return {**selection, name: given}


def _on_expert(selection: Selection, axis: Axis, value: Any, facts: GridFacts) -> Selection:
    """An expert that had nothing gets what the other has."""
    name = str(axis.lora)
    if value == "off":
        return {other: each for other, each in selection.items() if other != name}
    whole = selection.get(name, facts.strength(name))
    apart = whole if isinstance(whole, Mapping) else {"high": whole, "low": whole}
    high, low = apart.get("high") or NOTHING, apart.get("low") or NOTHING
    high, low = high or low, low or high
    if value == "both":
        return {**selection, name: high if high == low else {"high": high, "low": low}}
    return {
        **selection,
        name: {
            "high": high if value == "high" else NOTHING,
            "low": low if value == "low" else NOTHING,
        },
    }


def _with_lora(selection: Selection, axis: Axis, value: Any, _facts: GridFacts) -> Selection:
    """The newcomer stands where the other stood, for the order is part of the sum."""
    if axis.lora is None:
        return selection if value is None else {**selection, value: 1.0}
    named = {axis.lora: value}
    return {
        new: strength
        for name, strength in selection.items()
        if (new := named.get(name, name)) is not None
    }


def _with_all(selection: Selection, _axis: Axis, value: Any, facts: GridFacts) -> Selection:
    left_out = () if value == "with" else facts.left_out()
    return {name: strength for name, strength in selection.items() if name not in left_out}


def _with_accelerator(selection: Selection, _axis: Axis, value: Any, facts: GridFacts) -> Selection:
    """No other accelerator than this one; at the task's own strength where it is selected."""
    kept = {
        name: strength
        for name, strength in selection.items()
        if name == value or facts.accelerator(name) is None
    }
    wanted = None if value is None else facts.accelerator(value)
    return kept if wanted is None or value in kept else {**kept, value: wanted.strength}


SELECTING: Mapping[Kind, Selecting] = {
    "loras": _with_all,
    "strength": _with_strength,
    "expert": _on_expert,
    "lora": _with_lora,
    "accelerator": _with_accelerator,
}


def _accelerated(value: str | None, facts: GridFacts) -> dict[str, Any]:
    """The settings that an accelerator is for; without one, the model's own in place of those
    that a selected one has brought."""
    if value is not None:
        return _settings(value, facts)
    brought: dict[str, Any] = {}
    for name in facts.selected:
        if facts.accelerator(name) is not None:
            brought |= _settings(name, facts)
    own = facts.task.to_dict()
    return {field: None for field, setting in brought.items() if own[field] == setting}


def _settings(name: str, facts: GridFacts) -> dict[str, Any]:
    found = facts.accelerator(name)
    if found is None:
        return {}
    two = {"guidance_scale_2": found.guidance} if len(facts.experts) > 1 else {}
    fields = {"steps": found.steps, "guidance_scale": found.guidance, **two}
    return {**fields, "flow_shift": found.flow_shift}


def scaled(strength: Any, factor: float) -> Any:
    """Every number of a strength times the factor."""
    if isinstance(strength, Mapping):
        return {expert: scaled(part, factor) for expert, part in strength.items()}
    if isinstance(strength, list | tuple):
        return [[at, round(number * factor, DIGITS)] for at, number in strength]
    return round(strength * factor, DIGITS)
