"""Every layout of the demo LoRAs applies exactly: against a float64 merge written here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import lora_weights
import pytest
import torch
from applying import (
    assert_bit_identical,
    assert_same_output,
    float64_merge,
    item,
    shapes_of,
    state,
    two_experts,
)
from lora_weights import Made
from tiny_models import tiny_transformer

from backend.errors import IncompatibleLoRAError, LoRAFileError
from backend.wan.adapters.stack import applied_stack

LAYOUTS: dict[str, Callable[[dict[str, tuple[int, ...]]], Made]] = {
    "musubi": lambda shapes: lora_weights.lora_file(shapes, lora_weights.kohya, alpha=2.0),
    "diffusion-pipe": lambda shapes: lora_weights.lora_file(shapes, lora_weights.diffusion_model),
    "ai-toolkit for both experts": lora_weights.combined_file,
    "DiffSynth": lambda shapes: lora_weights.lora_file(shapes, lora_weights.diffsynth),
    "diffusers": lambda shapes: lora_weights.lora_file(shapes, lora_weights.diffusers),
    "LoKr": lora_weights.lokr_file,
    "LightX2V": lora_weights.accelerator_file,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_applies_exactly_and_completely(layout: str, tmp_path: Path) -> None:
    pipeline = two_experts()
    made = LAYOUTS[layout](shapes_of(pipeline))
    path = made.save(tmp_path / "a.safetensors")
    before, strength = state(pipeline), {"high": 0.8, "low": -0.5}
    references = {
        "transformer": float64_merge(pipeline.transformer, [(0.8, made.exact["high"])]),
        "transformer_2": float64_merge(pipeline.transformer_2, [(-0.5, made.exact["low"])]),
    }
    with applied_stack(pipeline, [item("a", strength, both=path)]) as stack:
        report = stack.loras["a"]
        for name, reference in references.items():
            assert_same_output(getattr(pipeline, name), reference)
            bare = tiny_transformer(seed=int(name == "transformer_2"))
            with pytest.raises(AssertionError):
                assert_same_output(bare, reference)
    assert report["unknown"] == [] and report["ignored"] == {}
    for cover in report["coverage"].values():
        assert cover["matched"] == cover["total"] >= 20
    assert_bit_identical(pipeline, before)


def test_several_loras_and_a_pair_add_up(tmp_path: Path) -> None:
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
    with applied_stack(pipeline, [pair, single]):
        assert_same_output(pipeline.transformer, references[0])
        assert_same_output(pipeline.transformer_2, references[1])


def test_half_a_pair_leaves_the_other_expert_alone(tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    low_before = {name: v.clone() for name, v in pipeline.transformer_2.state_dict().items()}
    half = item("half", 1.0, high=made.save(tmp_path / "half.safetensors"))
    with applied_stack(pipeline, [half]) as stack:
        report = stack.loras["half"]
        for name, value in pipeline.transformer_2.state_dict().items():
            assert torch.equal(value, low_before[name])
    assert report["strengths"] == {"high": 1.0, "low": 0.0}
    assert report["coverage"]["low"] == {"matched": 0, "total": 0}


def test_bf16_weights_equal_the_float64_merge_rounded_once(tmp_path: Path) -> None:
    pipeline = two_experts(torch.bfloat16)
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya, alpha=2.0)
    before = state(pipeline)
    reference = float64_merge(pipeline.transformer, [(0.7, made.exact["high"])])
    with applied_stack(pipeline, [item("a", 0.7, both=made.save(tmp_path / "a.safetensors"))]):
        pairs = zip(pipeline.transformer.parameters(), reference.parameters(), strict=True)
        equal = [(found == wanted).flatten() for found, wanted in pairs]
        assert float(torch.cat(equal).double().mean()) >= 0.999
    assert_bit_identical(pipeline, before)


def test_a_schedule_takes_effect_at_its_fraction_of_the_steps(tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    path, before = made.save(tmp_path / "a.safetensors"), state(pipeline)
    schedule = {"high": [[0.0, 1.0], [0.5, 0.3]], "low": 0.0}
    first, second = (
        float64_merge(pipeline.transformer, [(strength, made.exact["high"])])
        for strength in (1.0, 0.3)
    )
    with applied_stack(pipeline, [item("a", schedule, both=path)]) as stack:
        assert_same_output(pipeline.transformer, first)
        stack.at_fraction(0.49)
        assert_same_output(pipeline.transformer, first)
        stack.at_fraction(0.5)
        assert_same_output(pipeline.transformer, second)
        stack.at_fraction(0.0)
        assert_same_output(pipeline.transformer, first)
    assert_bit_identical(pipeline, before)


def test_a_key_that_fits_nothing_is_reported_and_the_rest_applies(tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.diffusion_model)
    made.tensors["diffusion_model.blocks.0.nonsense.thing.weight"] = torch.ones(3)
    for half, shape in (("A", (4, 32)), ("B", (32, 4))):
        key = f"diffusion_model.blocks.0.cross_attn.k_img.lora_{half}.weight"
        made.tensors[key] = torch.ones(shape)
    path = made.save(tmp_path / "a.safetensors")
    with applied_stack(pipeline, [item("a", 1.0, both=path)]) as stack:
        report = stack.loras["a"]
    assert report["unknown"] == ["diffusion_model.blocks.0.nonsense.thing.weight"]
    assert len(report["ignored"]) == 2
    assert report["coverage"]["high"] == {"matched": 20, "total": 21}


def break_shape(made: Made) -> None:
    key = "lora_unet_blocks_1_self_attn_k.lora_up.weight"
    made.tensors[key] = torch.ones(48, 4)


def break_half(made: Made) -> None:
    del made.tensors["lora_unet_blocks_1_ffn_2.lora_down.weight"]


def break_value(made: Made) -> None:
    made.tensors["lora_unet_blocks_1_ffn_2.lora_down.weight"][0, 0] = float("nan")


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (break_shape, IncompatibleLoRAError),
        (break_half, LoRAFileError),
        (break_value, LoRAFileError),
    ],
)
def test_a_bad_file_is_refused_by_name_before_the_first_change(
    damage: Callable[[Made], None], error: type[Exception], tmp_path: Path
) -> None:
    pipeline = two_experts()
    shapes = shapes_of(pipeline)
    good = lora_weights.lora_file(shapes, lora_weights.kohya, seed=2)
    bad = lora_weights.lora_file(shapes, lora_weights.kohya, seed=3)
    damage(bad)
    before = state(pipeline)
    items = [
        item("good", 1.0, both=good.save(tmp_path / "good.safetensors")),
        item("bad_one", 1.0, both=bad.save(tmp_path / "bad.safetensors")),
    ]
    with pytest.raises(error, match="bad_one"), applied_stack(pipeline, items):
        pytest.fail("a bad file was applied")
    assert_bit_identical(pipeline, before)


def test_a_file_that_fits_nowhere_is_refused(tmp_path: Path) -> None:
    pipeline = two_experts()
    made = Made(tensors={"lora_unet_blocks_7_ffn_0.lora_down.weight": torch.ones(2, 32)})
    made.tensors["lora_unet_blocks_7_ffn_0.lora_up.weight"] = torch.ones(48, 2)
    path = made.save(tmp_path / "a.safetensors")
    with (
        pytest.raises(IncompatibleLoRAError, match="none of its layers"),
        applied_stack(pipeline, [item("a", 1.0, both=path)]),
    ):
        pytest.fail("a file that fits nowhere was applied")


def test_the_weights_come_back_after_an_error_inside(tmp_path: Path) -> None:
    pipeline = two_experts()
    made = lora_weights.accelerator_file(shapes_of(pipeline))
    path, before = made.save(tmp_path / "a.safetensors"), state(pipeline)
    with (
        pytest.raises(ZeroDivisionError),
        applied_stack(pipeline, [item("a", 1.0, both=path)]),
    ):
        _ = 1 / 0
    assert_bit_identical(pipeline, before)


def test_one_transformer_takes_a_file_of_either_role(tmp_path: Path) -> None:
    pipeline = SimpleNamespace(transformer=tiny_transformer(), transformer_2=None)
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    reference = float64_merge(pipeline.transformer, [(1.0, made.exact["high"])])
    path = made.save(tmp_path / "a.safetensors")
    with applied_stack(pipeline, [item("a", 1.0, low=path)]) as stack:
        assert_same_output(pipeline.transformer, reference)
        assert list(stack.loras["a"]["coverage"]) == ["high"]


def test_one_transformer_takes_the_high_half_of_a_pair(tmp_path: Path) -> None:
    pipeline = SimpleNamespace(transformer=tiny_transformer(), transformer_2=None)
    halves = [
        lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya, seed=n) for n in (1, 2)
    ]
    reference = float64_merge(pipeline.transformer, [(1.0, halves[0].exact["high"])])
    paths = [half.save(tmp_path / f"{n}.safetensors") for n, half in enumerate(halves)]
    with applied_stack(pipeline, [item("a", 1.0, high=paths[0], low=paths[1])]) as stack:
        assert_same_output(pipeline.transformer, reference)
        assert set(stack.loras["a"]["ignored"]) == set(halves[1].tensors)


@pytest.mark.parametrize("rank_stabilised", [False, True])
def test_a_peft_folders_configuration_sets_the_scale(rank_stabilised: bool, tmp_path: Path) -> None:
    def key(module: str, part: str) -> str:
        return f"base_model.model.{module}.lora_{'A' if part == 'down' else 'B'}.weight"

    pipeline = two_experts()
    made = lora_weights.lora_file(shapes_of(pipeline), key, rank=4)
    config = {"r": 4, "lora_alpha": 6, "use_rslora": rank_stabilised}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    path = made.save(tmp_path / "adapter_model.safetensors")
    scale = 6 / 2 if rank_stabilised else 6 / 4
    reference = float64_merge(pipeline.transformer, [(scale, made.exact["high"])])
    with applied_stack(pipeline, [item("a", 1.0, both=path)]):
        assert_same_output(pipeline.transformer, reference)
