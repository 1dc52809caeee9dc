"""A layer for another task's channels among good ones: left out by name, the rest exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.applying import (
    STRENGTH,
    TOLERANCE,
    apply,
    check_rounding,
    difference,
    item,
    output,
    shapes_of,
    wanted_outputs,
)
from tests.support.loras.files import TINY_CONFIG
from tests.support.loras.weights import Made, diffusion_model, kohya, lora_file, random
from wan_lora_studio.errors import IncompatibleLoRAError
from wan_lora_studio.lora.inspection.architectures import architecture_from_config
from wan_lora_studio.lora.inspection.compatibility import judge
from wan_lora_studio.lora.inspection.inspector import inspect_lora
from wan_lora_studio.wan.adapters.apply_mode import Mode

WIDTH = 32  # of the tiny model, which reads 4 channels and writes 4 in patches of 2 × 2
CONFIG = {**TINY_CONFIG, "num_attention_heads": 2, "attention_head_dim": 16, "ffn_dim": 48}
EMBEDDING = "patch_embedding is made for 36 input channels, and this model has 4"
Tensors = dict[str, torch.Tensor]

MISFITS: dict[str, tuple[Tensors, str]] = {
    "a difference": (
        {"diffusion_model.patch_embedding.diff": random(WIDTH, 36, 1, 2, 2, seed=1)},
        EMBEDDING,
    ),
    "a difference, flattened": (
        {"diffusion_model.patch_embedding.diff": random(WIDTH, 144, seed=1)},
        EMBEDDING,
    ),
    "a difference with its bias": (
        {
            "diffusion_model.patch_embedding.diff": random(WIDTH, 36, 1, 2, 2, seed=1),
            "diffusion_model.patch_embedding.diff_b": random(WIDTH, seed=2),
        },
        EMBEDDING,
    ),
    "a LoRA": (
        {
            "diffusion_model.patch_embedding.lora_A.weight": random(4, 36, 1, 2, 2, seed=1),
            "diffusion_model.patch_embedding.lora_B.weight": random(WIDTH, 4, 1, 1, 1, seed=2),
        },
        EMBEDDING,
    ),
    "a LoRA, flattened": (
        {
            "lora_unet_patch_embedding.lora_down.weight": random(4, 144, seed=1),
            "lora_unet_patch_embedding.lora_up.weight": random(WIDTH, 4, seed=2),
            "lora_unet_patch_embedding.alpha": torch.tensor(2.0),
        },
        EMBEDDING,
    ),
    "the head": (
        {
            "diffusion_model.head.head.diff": random(192, WIDTH, seed=1),
            "diffusion_model.head.head.diff_b": random(192, seed=2),
        },
        "proj_out is made for 192×32, and this model has 16×32",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
@pytest.mark.parametrize("naming", [diffusion_model, kohya])
def test_the_good_layers_are_applied(
    misfit: str, naming: Callable[[str, str], str], experts: Any, mode: Mode, tmp_path: Path
) -> None:
    tensors, reason = MISFITS[misfit]
    made = lora_file(shapes_of(experts), naming)
    wanted = wanted_outputs(experts, made)
    made.tensors |= tensors
    path = made.save(tmp_path / "a.safetensors")
    with apply(experts, [item("a", STRENGTH, both=path)], mode) as stack:
        report = stack.loras["a"]
        assert difference(output(experts.transformer), wanted["high"]) <= TOLERANCE
        assert difference(output(experts.transformer_2), wanted["low"]) <= TOLERANCE
    assert report["ignored"] == dict.fromkeys(tensors, reason)
    assert report["coverage"]["high"] == {"matched": 20, "total": 21}
    assert report["unknown"] == []


@pytest.mark.parametrize("misfit", MISFITS)
def test_alone_it_is_refused_by_name(misfit: str, experts: Any, mode: Mode, tmp_path: Path) -> None:
    tensors, reason = MISFITS[misfit]
    path = Made(tensors).save(tmp_path / "a.safetensors")
    with (
        pytest.raises(IncompatibleLoRAError, match=reason),
        apply(experts, [item("a", 1.0, both=path)], mode),
    ):
        pytest.fail("a file of which nothing fits was applied")
    verdict = judge({"both": inspect_lora(path)}, "t", tiny())
    assert (verdict.verdict, verdict.coverage["high"].matched) == ("no", 0)
    assert reason in verdict.reasons[0]


@pytest.mark.parametrize(
    "tensors",
    [
        {"diffusion_model.patch_embedding.diff": random(48, 36, 1, 2, 2, seed=1)},
        {"diffusion_model.patch_embedding.diff": random(WIDTH, 36, 1, 3, 2, seed=1)},
        {"diffusion_model.patch_embedding.diff": random(WIDTH, 35, seed=1)},
        {"diffusion_model.head.head.diff": random(16, 48, seed=1)},
        {"diffusion_model.blocks.0.ffn.0.diff_b": random(47, seed=1)},
        {"diffusion_model.time_embedding.0.diff": random(WIDTH, 64, seed=1)},
        {
            "diffusion_model.patch_embedding.diff": random(WIDTH, 36, 1, 2, 2, seed=1),
            "diffusion_model.patch_embedding.diff_b": random(48, seed=1),
        },
    ],
    ids=["width", "kernel", "no channels", "head's width", "ffn", "time", "two sizes"],
)
def test_a_layer_of_another_model_is_refused(
    tensors: Tensors, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    made = lora_file(shapes_of(experts), diffusion_model)
    made.tensors |= tensors
    path = made.save(tmp_path / "a.safetensors")
    with (
        pytest.raises(IncompatibleLoRAError, match="made for"),
        apply(experts, [item("a", 1.0, both=path)], mode),
    ):
        pytest.fail("a layer of another model was left out without a word")
    assert not judge({"both": inspect_lora(path)}, "t", tiny()).compatible


def test_the_verdict_is_partly_and_names_it(experts: Any, tmp_path: Path) -> None:
    made = lora_file(shapes_of(experts), diffusion_model)
    made.tensors |= MISFITS["a difference"][0]
    verdict = judge({"both": inspect_lora(made.save(tmp_path / "a.safetensors"))}, "t", tiny())
    assert verdict.verdict == "partly"
    assert verdict.reasons == (f"1 key is ignored: {EMBEDDING}.",)
    assert (verdict.coverage["low"].matched, verdict.coverage["low"].total) == (20, 21)


def test_an_image_embedding_of_another_size() -> None:
    image = architecture_from_config(
        "t", "T", ("high",), {**CONFIG, "image_dim": 20, "added_kv_proj_dim": WIDTH}
    )
    from wan_lora_studio.lora.inspection.interface_layers import other_task

    root = "condition_embedder.image_embedder"
    shapes = {
        f"{root}.ff.net.0.proj": {"lora_down": (4, 24), "lora_up": (24, 4)},
        f"{root}.ff.net.2": {"lora_down": (4, 24), "lora_up": (WIDTH, 4)},
        f"{root}.norm1": {"diff": (24,), "diff_b": (24,)},
    }
    for module, parts in shapes.items():
        assert other_task(module, parts, *image.shapes_of(module)) is not None
    other = {"lora_down": (4, 24), "lora_up": (WIDTH + 1, 4)}
    assert other_task(f"{root}.ff.net.2", other, *image.shapes_of(f"{root}.ff.net.2")) is None


def tiny() -> Any:
    return architecture_from_config("t", "T", ("high", "low"), CONFIG)


def test_in_bf16(half_experts: Any, tmp_path: Path) -> None:
    made = lora_file(shapes_of(half_experts), diffusion_model)
    made.tensors |= MISFITS["a difference"][0]
    check_rounding(half_experts, made, tmp_path / "a.safetensors")
