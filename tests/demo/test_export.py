"""Each trainer's layout, written and read back, is the change that was trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors import safe_open
from torch import Tensor

from demo import export
from demo.accelerator import Accelerator
from demo.adapters import ADAPTED, Factors, LayerFactors
from demo.diffusion import new_transformer
from demo.merge import read
from demo.naming import to_diffusers, to_original


@pytest.fixture(scope="module")
def transformer() -> WanTransformer3DModel:
    torch.manual_seed(0)
    return new_transformer()


@pytest.fixture(scope="module")
def layers(transformer: WanTransformer3DModel) -> LayerFactors:
    rng = torch.Generator().manual_seed(1)
    return {
        name: Factors(
            torch.randn(4, module.in_features, generator=rng),
            torch.randn(module.out_features, 4, generator=rng),
            alpha=2.0,
        )
        for name, module in transformer.named_modules()
        if name.endswith(tuple(ADAPTED)) and name.startswith("blocks.")
    }


def same(deltas: dict[str, Tensor], layers: LayerFactors) -> bool:
    return set(deltas) == {f"{name}.weight" for name in layers} and all(
        torch.allclose(deltas[f"{name}.weight"].float(), layer.delta(), atol=1e-4)
        for name, layer in layers.items()
    )


def test_names_go_both_ways(transformer: WanTransformer3DModel) -> None:
    for parameter, _ in transformer.named_parameters():
        name = parameter.rpartition(".")[0]
        assert to_diffusers(to_original(name)) == name
    assert to_original("blocks.3.attn2.to_out.0") == "blocks.3.cross_attn.o"
    assert to_original("blocks.3.attn1.norm_q") == "blocks.3.self_attn.norm_q"
    assert to_original("blocks.3.ffn.net.0.proj") == "blocks.3.ffn.0"


def test_musubi_half(
    tmp_path: Path, transformer: WanTransformer3DModel, layers: LayerFactors
) -> None:
    path = tmp_path / "x_high_noise.safetensors"
    export.write(path, export.musubi(layers), {})
    deltas = read(path, transformer)
    assert same(deltas["high"], layers)
    assert not deltas["low"]


def test_ai_toolkit_file_for_both_experts(
    tmp_path: Path, transformer: WanTransformer3DModel, layers: LayerFactors
) -> None:
    other = {name: Factors(layer.down, -layer.up, layer.alpha) for name, layer in layers.items()}
    path = tmp_path / "x.safetensors"
    export.write(path, export.ai_toolkit(layers, other), {})
    deltas = read(path, transformer)
    assert same(deltas["high"], layers)
    assert same(deltas["low"], other)


def test_diffsynth(
    tmp_path: Path, transformer: WanTransformer3DModel, layers: LayerFactors
) -> None:
    path = tmp_path / "x.safetensors"
    export.write(path, export.diffsynth(layers), {})
    deltas = read(path, transformer)
    assert same(deltas["high"], layers)
    assert same(deltas["low"], layers)


def test_lightx2v_with_full_parts(
    tmp_path: Path, transformer: WanTransformer3DModel, layers: LayerFactors
) -> None:
    full = {
        name: torch.full_like(parameter, 0.5)
        for name, parameter in transformer.named_parameters()
        if name.endswith(("norm_q.weight", "norm2.bias", "patch_embedding.weight", "proj_out.bias"))
    }
    path = tmp_path / "x_low_noise.safetensors"
    export.write(path, export.lightx2v(Accelerator(layers, full)), {"modelspec.title": "x"})
    deltas = read(path, transformer)["low"]
    assert set(deltas) == {f"{name}.weight" for name in layers} | set(full)
    assert all(torch.equal(deltas[name].float(), value) for name, value in full.items())
    with safe_open(path, "pt") as file:
        keys = set(file.keys())
    assert "diffusion_model.patch_embedding.diff" in keys
    assert "diffusion_model.blocks.0.norm3.diff_b" in keys
    assert "diffusion_model.head.head.diff_b" in keys
