"""Tasks: defaults from the model table, every problem named at once, exact round trips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.task import GenerationResult, GenerationTask


def task(**fields: Any) -> GenerationTask:
    return GenerationTask(**{"model_type": "t2v-A14B", "prompt": "a red circle", **fields})


def problems(**fields: Any) -> list[str]:
    with pytest.raises(GenerationError) as caught:
        task(**fields).resolved(load_settings())
    return list(caught.value.context["problems"])


def test_each_problem_is_told_at_its_field_too() -> None:
    with pytest.raises(GenerationError) as caught:
        task(
            prompt=" ",
            width=850,
            num_frames=18,
            guidance_scale=-1,
            guidance_scale_2=1,
            selected_loras={"a": "x"},
        ).resolved(load_settings())
    assert caught.value.context["fields"] == {
        "prompt": "Write a prompt first.",
        "width": "Use 848 or 864.",
        "guidance_scale": "Use a number from 0 to 100.",
        "num_frames": "Use 17 or 21.",
        "selected_loras": "a: 'x' is not a strength.",
    }


def test_the_round_trip_through_json_is_exact() -> None:
    schedule = {"high": [[0.0, 1.0], [0.5, 0.3]], "low": 0.4}
    original = task(seed=3, selected_loras={"a": 0.5, "b": schedule}, image=Path("x.png"))
    again = GenerationTask.from_dict(json.loads(json.dumps(original.to_dict())))
    assert again == original
    assert again.image == "x.png"


def test_unknown_and_missing_fields_are_named() -> None:
    with pytest.raises(GenerationError, match=r"unknown: colour.*missing: prompt"):
        GenerationTask.from_dict({"model_type": "demo", "colour": "red"})


def test_none_means_the_model_tables_value() -> None:
    resolved = task().resolved(load_settings())
    assert (resolved.width, resolved.height, resolved.num_frames, resolved.fps) == (
        1280,
        720,
        81,
        16,
    )
    assert (resolved.guidance_scale, resolved.guidance_scale_2) == (4.0, 3.0)
    assert resolved.flow_shift == 12.0
    assert resolved.negative_prompt
    assert task(seed=0).resolved(load_settings()).seed == 0


def test_a_missing_seed_becomes_a_random_one() -> None:
    seeds = {task().resolved(load_settings()).seed for _ in range(4)}
    assert len(seeds) > 1


def test_one_given_guidance_means_both_experts() -> None:
    assert task(guidance_scale=1.0).resolved(load_settings()).guidance_scale_2 == 1.0


def test_every_problem_is_named_at_once() -> None:
    found = "; ".join(
        problems(
            prompt=" ",
            width=100,
            num_frames=16,
            steps=0,
            seed=-1,
            fps="fast",
            guidance_scale=float("nan"),
            selected_loras={"a": "strong", "b": {"middle": 1}},
        )
    )
    for word in ("prompt", "96 or 112", "13 or 17", "steps", "seed", "fps", "guidance", "a:", "b:"):
        assert word in found


def test_pictures_are_asked_for_and_refused_where_the_model_says_so(tmp_path: Path) -> None:
    assert "takes no input picture" in problems(image="x.png")[0]
    assert "needs an input picture" in problems(model_type="i2v-A14B")[0]
    missing = str(tmp_path / "none.png")
    assert missing in problems(model_type="i2v-A14B", image=missing)[0]


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    assert "ti2v-5B" in problems(model_type="sora")[0]


def test_sizes_of_the_5b_model_are_multiples_of_32() -> None:
    assert "704 or 736" in problems(model_type="ti2v-5B", height=720)[0]


def test_a_result_round_trips() -> None:
    result = GenerationResult("v.mp4", "v.jpg", task(seed=1), (17, 128, 128, 3), {}, {}, [])
    assert GenerationResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


@pytest.mark.parametrize(
    "fields",
    [
        {"model_type": []}, {"model_type": "x" * 10_000}, {"seed": 10**5000}, {"width": 10**400},
        {"guidance_scale_2": 10**309}, {"flow_shift": -(10**5000)}, {"selected_loras": []},
        {"selected_loras": {"a": 10**309}}, {"model_type": "i2v-A14B", "image": "a\0b"},
        {"model_type": "i2v-A14B", "image": [1]},
    ],
)  # fmt: skip
def test_what_no_task_can_have_is_named(fields: dict[str, Any]) -> None:
    found = problems(**fields)
    assert len(found) == 1
    assert len(found[0]) < 500
