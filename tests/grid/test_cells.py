"""What each cell of a grid changes of its task."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.grids import MakeFacts, axis
from wan_lora_studio.grid import Grid, GridFacts, NamedGrid, cells_of, named, problems_of

FAST = {"steps": 4, "guidance_scale": 1.0, "guidance_scale_2": 1.0, "flow_shift": 5.0}


def changes(facts: GridFacts, x: dict[str, Any], y: dict[str, Any] | None = None) -> list[Any]:
    grid = Grid.read({"x": x, "y": y})
    assert problems_of(grid, facts) == []
    return [dict(cell.changes) for cell in cells_of(named(grid, facts), facts)]


def selections(facts: GridFacts, x: dict[str, Any], y: dict[str, Any] | None = None) -> list[Any]:
    return [each["selected_loras"] for each in changes(facts, x, y)]


def test_cells_go_row_by_row_and_have_names(facts: MakeFacts) -> None:
    grid = Grid.read({"x": axis("seed", 1, 2), "y": axis("steps", 3, 4)})
    names = named(grid, facts())
    cells = cells_of(names, facts())
    assert [(cell.column, cell.row) for cell in cells] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert [cell.changes for cell in cells][1:3] == [
        {"seed": 2, "steps": 3},
        {"seed": 1, "steps": 4},
    ]
    assert cells[1].label == "seed 2, 3 steps"
    assert (
        cells_of(named(Grid.read({"x": axis("steps", 1)}), facts()), facts())[0].label == "1 step"
    )
    assert [names.position(number) for number in (1, 2, 3, 4)] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert NamedGrid.from_dict(names.to_dict()) == names


def test_a_long_name_is_cut_where_it_is_long(facts: MakeFacts) -> None:
    grid = Grid.read({"x": axis("prompt", "a" * 500), "y": axis("seed", 7)})
    (cell,) = cells_of(named(grid, facts()), facts())
    assert len(cell.label) == 200
    assert cell.label.endswith("…, seed 7")


def test_a_number_is_the_strength_where_the_strength_is_one(facts: MakeFacts) -> None:
    plain = facts(selected_loras={"golden_hour": 0.8, "motion_trail": 1.0})
    wanted = axis("strength", 0, 0.5, lora="golden_hour")
    assert selections(plain, wanted) == [
        {"golden_hour": 0.0, "motion_trail": 1.0},
        {"golden_hour": 0.5, "motion_trail": 1.0},
    ]
    assert list(selections(plain, wanted)[0]) == ["golden_hour", "motion_trail"]
    assert selections(facts(), wanted)[1] == {"golden_hour": 0.5}


def test_a_number_is_a_factor_of_any_other_strength(facts: MakeFacts) -> None:
    apart = facts(selected_loras={"golden_hour": {"high": 0.8, "low": [[0, 1], [0.5, 0.3]]}})
    wanted = axis("strength", 0.5, lora="golden_hour")
    assert selections(apart, wanted) == [
        {"golden_hour": {"high": 0.4, "low": [[0, 0.5], [0.5, 0.15]]}}
    ]
    assert named(Grid.read({"x": wanted}), apart).columns == ("× 0.5",)


def test_another_lora_takes_the_place_and_the_strength(facts: MakeFacts) -> None:
    chosen = facts(selected_loras={"golden_hour": 0.7, "neon_outline": 1.0})
    wanted = axis("lora", "golden_hour", "motion_trail", None, lora="golden_hour")
    found = selections(chosen, wanted)
    assert found == [
        {"golden_hour": 0.7, "neon_outline": 1.0},
        {"motion_trail": 0.7, "neon_outline": 1.0},
        {"neon_outline": 1.0},
    ]
    assert list(found[1]) == ["motion_trail", "neon_outline"]
    more = axis("lora", "motion_trail", None)
    assert selections(chosen, more)[0] == {**found[0], "motion_trail": 1.0}
    assert selections(chosen, more)[1] == found[0]


def test_epochs_by_strengths(facts: MakeFacts) -> None:
    chosen = facts(selected_loras={"golden_hour": 0.7})
    found = selections(
        chosen,
        axis("strength", 0.5, 1, lora="golden_hour"),
        axis("lora", "golden_hour", "motion_trail", lora="golden_hour"),
    )
    assert found == [
        {"golden_hour": 0.5},
        {"golden_hour": 1.0},
        {"motion_trail": 0.5},
        {"motion_trail": 1.0},
    ]


@pytest.mark.parametrize(
    ("strength", "both", "high", "low"),
    [
        (0.6, 0.6, (0.6, 0.0), (0.0, 0.6)),
        ({"high": 1.0, "low": 0.5}, {"high": 1.0, "low": 0.5}, (1.0, 0.0), (0.0, 0.5)),
        ({"high": 1.0}, 1.0, (1.0, 0.0), (0.0, 1.0)),
    ],
)
def test_experts(facts: MakeFacts, strength: Any, both: Any, high: Any, low: Any) -> None:
    chosen = facts(selected_loras={"golden_hour": strength})
    found = selections(chosen, axis("expert", "both", "high", "low", "off", lora="golden_hour"))
    apart = [dict(zip(("high", "low"), each, strict=True)) for each in (high, low)]
    assert found == [*({"golden_hour": each} for each in (both, *apart)), {}]


def test_with_and_without_leaves_an_accelerator_where_it_is(facts: MakeFacts) -> None:
    chosen = facts(selected_loras={"golden_hour": 1.0, "lightning_4step": 1.0})
    wanted = axis("loras", "without", "with")
    assert selections(chosen, wanted) == [
        {"lightning_4step": 1.0},
        {"golden_hour": 1.0, "lightning_4step": 1.0},
    ]
    assert named(Grid.read({"x": wanted}), chosen).columns == ("Accelerator alone", "With LoRAs")
    alone = facts(selected_loras={"lightning_4step": 1.0})
    assert selections(alone, wanted)[0] == {}


def test_an_accelerator_brings_its_settings(facts: MakeFacts) -> None:
    wanted = axis("accelerator", None, "lightning_4step")
    plain = facts(selected_loras={"golden_hour": 1.0}, steps=20)
    none, fast = changes(plain, wanted)
    assert none == {"selected_loras": {"golden_hour": 1.0}}
    strength = fast["selected_loras"].pop("lightning_4step")
    accelerator = plain.accelerator("lightning_4step")
    assert accelerator is not None
    assert strength == accelerator.strength
    assert fast == {
        "selected_loras": {"golden_hour": 1.0},
        **FAST,
        "steps": accelerator.steps,
        "flow_shift": accelerator.flow_shift,
    }


def test_without_the_selected_accelerator_the_models_settings_come_back(facts: MakeFacts) -> None:
    accelerator = facts().accelerator("lightning_4step")
    assert accelerator is not None
    fast = {**FAST, "steps": accelerator.steps, "flow_shift": 3.25}
    chosen = facts(selected_loras={"lightning_4step": 0.9}, **fast)
    none, same = changes(chosen, axis("accelerator", None, "lightning_4step"))
    assert none == {
        "selected_loras": {},
        "steps": None,
        "guidance_scale": None,
        "guidance_scale_2": None,
    }
    assert same["selected_loras"] == {"lightning_4step": 0.9}
