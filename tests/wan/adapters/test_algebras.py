"""Each algebra against the package that trains it: lycoris for its own, peft for DoRA."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lycoris.functional import general, locon, loha, lokr
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from tests.support.loras.weights import random
from wan_lora_studio.errors import IncompatibleLoRAError, LoRAFileError, UnsupportedLoRAError
from wan_lora_studio.wan.adapters.layer import Layer, read_layer

LINEAR = (24, 16)
CONVOLUTION = (24, 8, 1, 2, 2)


def change(parts: dict[str, Tensor], shape: tuple[int, ...], base: Tensor | None = None) -> Tensor:
    """The change of the one weight of a layer with these parts."""
    layer = Layer("m", parts, {part: f"m.{part}" for part in parts})
    reading = read_layer(layer, {"m.weight": shape, "m.bias": shape[:1]})
    assert not reading.ignored
    (found,) = [item for item in reading.changes if item.parameter == "m.weight"]
    return found.delta.of(torch.zeros(shape) if base is None else base)


def close(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    torch.testing.assert_close(found.double(), wanted.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [LINEAR, CONVOLUTION])
def test_lora_with_alpha(shape: tuple[int, ...]) -> None:
    down, up = random(4, *shape[1:], seed=1), random(shape[0], 4, *(1 for _ in shape[2:]), seed=2)
    parts = {"lora_down": down, "lora_up": up, "alpha": torch.tensor([8])}
    close(change(parts, shape), locon.diff_weight(down, up, None, gamma=2.0))


def test_lora_with_a_tucker_core() -> None:
    down, up = random(4, 8, 1, 1, 1, seed=1), random(24, 4, 1, 1, 1, seed=2)
    mid = random(4, 4, 1, 2, 2, seed=3)
    parts = {"lora_down": down, "lora_up": up, "lora_mid": mid, "alpha": torch.tensor(2.0)}
    close(change(parts, CONVOLUTION), locon.diff_weight(down, up, mid, gamma=0.5))


@pytest.mark.parametrize("full_w1", [True, False])
@pytest.mark.parametrize("full_w2", [True, False])
def test_lokr(full_w1: bool, full_w2: bool) -> None:
    w1, w1a, w1b = random(4, 4, seed=1), random(4, 3, seed=2), random(3, 4, seed=3)
    w2, w2a, w2b = random(6, 4, seed=4), random(6, 3, seed=5), random(3, 4, seed=6)
    parts = {"lokr_w1": w1} if full_w1 else {"lokr_w1_a": w1a, "lokr_w1_b": w1b}
    parts |= {"lokr_w2": w2} if full_w2 else {"lokr_w2_a": w2a, "lokr_w2_b": w2b}
    parts["alpha"] = torch.tensor(1.5)
    # For LoKr, lycoris takes alpha itself here and divides by the rank.
    weights = (
        *((w1, None, None) if full_w1 else (None, w1a, w1b)),
        *((w2, None, None) if full_w2 else (None, w2a, w2b)),
        None,
    )
    close(change(parts, LINEAR), lokr.diff_weight(*weights, gamma=1.5))


def test_lokr_with_a_tucker_core() -> None:
    w1, core = random(4, 2, seed=1), random(3, 3, 1, 2, 2, seed=2)
    w2a, w2b = random(3, 6, seed=3), random(3, 4, seed=4)
    parts = {"lokr_w1": w1, "lokr_w2_a": w2a, "lokr_w2_b": w2b, "lokr_t2": core}
    wanted = lokr.kron_weight(w1, None, None, None, w2a, w2b, core, scale=1.0)
    close(change(parts, CONVOLUTION), wanted)


@pytest.mark.parametrize("tucker", [True, False])
def test_loha(tucker: bool) -> None:
    shape = CONVOLUTION if tucker else LINEAR
    left = (3, 24) if tucker else (24, 3)
    parts = {
        "hada_w1_a": random(*left, seed=1),
        "hada_w1_b": random(3, shape[1], seed=2),
        "hada_w2_a": random(*left, seed=3),
        "hada_w2_b": random(3, shape[1], seed=4),
    }
    cores = (
        (random(3, 3, 1, 2, 2, seed=5), random(3, 3, 1, 2, 2, seed=6)) if tucker else (None,) * 2
    )
    if tucker:
        parts |= {"hada_t1": cores[0], "hada_t2": cores[1]}
    wanted = loha.diff_weight(
        *(parts[name] for name in ("hada_w1_b", "hada_w1_a", "hada_w2_b", "hada_w2_a")),
        *cores,
        gamma=2.0,
    )
    close(change({**parts, "alpha": torch.tensor(6.0)}, shape), wanted)


@pytest.mark.parametrize("on_output", [True, False])
def test_dora_against_lycoris(on_output: bool) -> None:
    base, down, up = random(*LINEAR, seed=1), random(4, 16, seed=2), random(24, 4, seed=3)
    magnitude = random(*((24, 1) if on_output else (1, 16)), seed=4).abs() + 0.5
    parts = {"lora_down": down, "lora_up": up, "dora_scale": magnitude}
    whole = general.weight_decompose(base + up @ down, magnitude, wd_on_out=on_output)
    close(change(parts, LINEAR, base), whole - base)


def test_dora_and_the_up_bias_against_peft() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 24))
    base, bias = model[0].weight.detach().clone(), model[0].bias.detach().clone()
    config = LoraConfig(r=4, lora_alpha=6, target_modules=["0"], use_dora=True)
    inject_adapter_in_model(config, model)
    layer: Any = model[0]
    with torch.no_grad():
        layer.lora_B["default"].weight.normal_(std=0.3)
        layer.lora_magnitude_vector["default"].weight.mul_(1.3)
    parts = {
        "lora_down": layer.lora_A["default"].weight.detach(),
        "lora_up": layer.lora_B["default"].weight.detach(),
        "dora_scale": layer.lora_magnitude_vector["default"].weight.detach(),
        "alpha": torch.tensor(6.0),
    }
    merged = base + change(parts, LINEAR, base)
    inputs = random(5, 16, seed=9)
    close(inputs @ merged.T + bias, model(inputs).detach())


def test_the_up_bias_is_scaled_like_its_product() -> None:
    parts = {
        "lora_down": random(4, 16, seed=1),
        "lora_up": random(24, 4, seed=2),
        "lora_up_bias": random(24, seed=3),
        "alpha": torch.tensor(2.0),
    }
    layer = Layer("m", parts, {part: part for part in parts})
    reading = read_layer(layer, {"m.weight": LINEAR, "m.bias": (24,)})
    found = {item.parameter: item.delta.of(torch.zeros(24)) for item in reading.changes[1:]}
    close(found["m.bias"], 0.5 * parts["lora_up_bias"])


def test_a_diff_is_left_as_it_is_when_it_is_used() -> None:
    diff = random(*LINEAR, seed=1)
    before, base = diff.clone(), random(*LINEAR, seed=2)
    magnitude = torch.ones(24, 1)
    change({"diff": diff}, LINEAR, base)
    parts = {"lokr_w1": torch.ones(1, 1), "lokr_w2": diff, "dora_scale": magnitude}
    change(parts, LINEAR, base)
    assert torch.equal(diff, before)


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"lora_down": (4, 16)}, LoRAFileError),
        ({"lora_down": (4, 16), "lora_up": (24, 3)}, LoRAFileError),
        ({"lora_down": (4, 15), "lora_up": (24, 4)}, IncompatibleLoRAError),
        ({"lokr_w1": (4, 4), "lokr_w2": (6, 5)}, IncompatibleLoRAError),
        ({"lokr_w1": (4, 4)}, LoRAFileError),
        ({"hada_w1_a": (24, 2), "hada_w1_b": (2, 16)}, LoRAFileError),
        ({"diff": (24, 15)}, IncompatibleLoRAError),
        ({"diff_b": (23,)}, IncompatibleLoRAError),
        ({"lora_down": (4, 16), "lora_up": (24, 4), "lokr_w1": (4, 4)}, UnsupportedLoRAError),
        ({"lora_down": (4, 16), "lora_up": (24, 4), "dora_scale": (7,)}, IncompatibleLoRAError),
    ],
)
def test_what_does_not_fit_is_refused(
    parts: dict[str, tuple[int, ...]], error: type[Exception]
) -> None:
    tensors = {name: torch.ones(shape) for name, shape in parts.items()}
    layer = Layer("m", tensors, {part: f"m.{part}" for part in parts})
    with pytest.raises(error, match="m"):
        read_layer(layer, {"m.weight": LINEAR, "m.bias": (24,)})
