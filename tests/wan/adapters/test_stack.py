"""A stack on one or two experts: pairs, halves, roles, schedules, and the report about it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch

from tests.support.applying import (
    apply,
    assert_bit_identical,
    assert_same_output,
    float64_merge,
    item,
    output,
    shapes_of,
    state,
    two_experts,
)
from tests.support.loras import weights as lora_weights
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.wan.adapters.apply_mode import Mode


def test_several_loras_and_a_pair_add_up(mode: Mode, tmp_path: Path) -> None:
    pipeline = two_experts()
    shapes = shapes_of(pipeline)
    high = lora_weights.lora_file(shapes, lora_weights.kohya, alpha=2.0, seed=3)
    low = lora_weights.lora_file(shapes, lora_weights.kohya, alpha=1.0, seed=4)
    other = lora_weights.accelerator_file(shapes)
    pair = item(
        "pair",
        1.0,
        high=high.save(tmp_path / "high.safetensors"),
        low=low.save(tmp_path / "low.safetensors"),
    )
    single = item("other", 0.5, both=other.save(tmp_path / "other.safetensors"))
    references = [
        float64_merge(
            pipeline.transformer, [(1.0, high.exact["high"]), (0.5, other.exact["high"])]
        ),
        float64_merge(pipeline.transformer_2, [(1.0, low.exact["low"]), (0.5, other.exact["low"])]),
    ]
    with apply(pipeline, [pair, single], mode):
        assert_same_output(pipeline.transformer, references[0])
        assert_same_output(pipeline.transformer_2, references[1])


def test_half_a_pair_leaves_the_other_expert_alone(mode: Mode, tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    low_before = output(pipeline.transformer_2)
    half = item("half", 1.0, high=made.save(tmp_path / "half.safetensors"))
    with apply(pipeline, [half], mode) as stack:
        report = stack.loras["half"]
        assert torch.equal(output(pipeline.transformer_2), low_before)
    assert report["strengths"] == {"high": 1.0, "low": 0.0}
    assert report["coverage"]["low"] == {"matched": 0, "total": 0}


def test_a_schedule_takes_effect_at_its_fraction_of_the_steps(mode: Mode, tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    path, before = made.save(tmp_path / "a.safetensors"), state(pipeline)
    schedule = {"high": [[0.0, 1.0], [0.5, 0.3]], "low": 0.0}
    first, second = (
        float64_merge(pipeline.transformer, [(strength, made.exact["high"])])
        for strength in (1.0, 0.3)
    )
    with apply(pipeline, [item("a", schedule, both=path)], mode) as stack:
        assert_same_output(pipeline.transformer, first)
        stack.at_fraction(0.49)
        assert_same_output(pipeline.transformer, first)
        stack.at_fraction(0.5)
        assert_same_output(pipeline.transformer, second)
        stack.at_fraction(0.0)
        assert_same_output(pipeline.transformer, first)
    assert_bit_identical(pipeline, before)


def test_a_key_that_fits_nothing_is_reported(mode: Mode, tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.diffusion_model)
    reference = float64_merge(pipeline.transformer, [(1.0, made.exact["high"])])
    made.tensors["diffusion_model.blocks.0.nonsense.thing.weight"] = torch.ones(3)
    for half, shape in (("A", (4, 32)), ("B", (32, 4))):
        key = f"diffusion_model.blocks.0.cross_attn.k_img.lora_{half}.weight"
        made.tensors[key] = torch.ones(shape)
    path = made.save(tmp_path / "a.safetensors")
    with apply(pipeline, [item("a", 1.0, both=path)], mode) as stack:
        report = stack.loras["a"]
        assert_same_output(pipeline.transformer, reference)
    assert report["unknown"] == ["diffusion_model.blocks.0.nonsense.thing.weight"]
    assert len(report["ignored"]) == 2
    assert report["coverage"]["high"] == {"matched": 20, "total": 21}


def test_one_transformer_takes_a_file_of_either_role(mode: Mode, tmp_path: Path) -> None:
    pipeline = SimpleNamespace(transformer=tiny_transformer(), transformer_2=None)
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    reference = float64_merge(pipeline.transformer, [(1.0, made.exact["high"])])
    path = made.save(tmp_path / "a.safetensors")
    with apply(pipeline, [item("a", 1.0, low=path)], mode) as stack:
        assert_same_output(pipeline.transformer, reference)
        assert list(stack.loras["a"]["coverage"]) == ["high"]


def test_one_transformer_takes_the_high_half_of_a_pair(mode: Mode, tmp_path: Path) -> None:
    pipeline = SimpleNamespace(transformer=tiny_transformer(), transformer_2=None)
    halves = [
        lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya, seed=n) for n in (1, 2)
    ]
    reference = float64_merge(pipeline.transformer, [(1.0, halves[0].exact["high"])])
    paths = [half.save(tmp_path / f"{n}.safetensors") for n, half in enumerate(halves)]
    with apply(pipeline, [item("a", 1.0, high=paths[0], low=paths[1])], mode) as stack:
        assert_same_output(pipeline.transformer, reference)
        assert set(stack.loras["a"]["ignored"]) == set(halves[1].tensors)
