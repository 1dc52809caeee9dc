"""Adapters that peft itself trains and exports: its own output is what ours must be."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanPipeline
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import Tensor

from tests.support.applying import TOLERANCE, apply, difference, item, output
from wan_lora_studio.errors import UnsupportedLoRAError
from wan_lora_studio.wan.adapters.apply_mode import Mode

LINEARS = ["to_q", "to_k", "to_v", "to_out.0", "net.2", "time_proj", "proj_out"]
EVERYTHING = [*LINEARS, "patch_embedding"]
CONFIGS: dict[str, Any] = {
    "LoRA": LoraConfig(r=4, lora_alpha=6, target_modules=EVERYTHING),
    "rank-stabilised": LoraConfig(r=4, lora_alpha=6, use_rslora=True, target_modules=EVERYTHING),
    "patterns": LoraConfig(
        r=4,
        lora_alpha=6,
        rank_pattern={"to_k": 2, "blocks.1.attn1.to_q": 3},
        alpha_pattern={"to_v": 1, "blocks.1.attn1.to_q": 9, "ffn.net.2": 2},
        target_modules=EVERYTHING,
    ),
    "patterns, rank-stabilised": LoraConfig(
        r=4,
        lora_alpha=6,
        use_rslora=True,
        rank_pattern={"to_k": 2},
        alpha_pattern={"to_v": 1, "to_k": 5},
        target_modules=EVERYTHING,
    ),
    "bias": LoraConfig(r=4, lora_alpha=6, lora_bias=True, target_modules=LINEARS),
    "DoRA": LoraConfig(r=4, lora_alpha=6, use_dora=True, target_modules=LINEARS),
    "DoRA, rank-stabilised": LoraConfig(
        r=4, lora_alpha=6, use_dora=True, use_rslora=True, target_modules=LINEARS
    ),
    "DoRA, patch embedding": LoraConfig(
        r=4, lora_alpha=6, use_dora=True, target_modules=EVERYTHING
    ),
    "LoHa": LoHaConfig(r=4, alpha=6, target_modules=LINEARS),
    "LoHa, patterns": LoHaConfig(
        r=4, alpha=6, rank_pattern={"to_k": 2}, alpha_pattern={"to_v": 1}, target_modules=LINEARS
    ),
    "LoKr": LoKrConfig(r=2, alpha=6, target_modules=LINEARS),
    "LoKr, both split": LoKrConfig(
        r=2, alpha=6, decompose_both=True, decompose_factor=8, target_modules=LINEARS
    ),
    "LoKr, full": LoKrConfig(r=64, alpha=64, target_modules=LINEARS),
    "LoKr, full and scaled": LoKrConfig(r=64, alpha=6, target_modules=LINEARS),
}


def trained(model: Any, config: Any) -> Any:
    """A copy of the model under peft, with factors as after training."""
    wrapped = get_peft_model(copy.deepcopy(model), config)
    train(wrapped)
    return wrapped


def train(model: Any) -> None:
    """Stands for training: random factors everywhere."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "magnitude" in name:
                parameter.mul_(1 + 0.3 * torch.rand_like(parameter))
            elif parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.eval()


# peft warns of the shape of its own bias.
@pytest.mark.filterwarnings("ignore:Adapter 'default'")
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_an_export(config: Any, experts: Any, mode: Mode, tmp_path: Path) -> None:
    """The folder that `save_pretrained` writes: weights, and adapter_config.json beside them."""
    wrapped = trained(experts.transformer, config)
    wanted = peft_output(wrapped, experts.transformer)
    wrapped.save_pretrained(tmp_path)
    check(experts, tmp_path / "adapter_model.safetensors", wanted, mode)


@pytest.mark.parametrize("name", ["LoRA", "rank-stabilised", "patterns", "DoRA"])
def test_a_file_saved_through_diffusers(
    name: str, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    """diffusers keeps peft's configuration in the file's header."""
    model = copy.deepcopy(experts.transformer)
    model.add_adapter(CONFIGS[name])
    train(model)
    wanted = peft_output(model, experts.transformer)
    WanPipeline.save_lora_weights(
        tmp_path,
        transformer_lora_layers=get_peft_model_state_dict(model),
        transformer_lora_adapter_metadata=plain(CONFIGS[name].to_dict()),
    )
    check(experts, tmp_path / "pytorch_lora_weights.safetensors", wanted, mode)


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """As diffusers' training scripts pass it on: without what JSON cannot hold."""
    return {
        key: sorted(value) if isinstance(value, set) else value
        for key, value in config.items()
        if value is None or isinstance(value, str | int | float | list | dict | set)
    }


def peft_output(wrapped: Any, bare: Any) -> Tensor:
    found = output(wrapped)
    assert difference(found, output(bare)) > 1e-3
    return found


def check(experts: Any, path: Path, wanted: Tensor, mode: Mode) -> None:
    with apply(experts, [item("a", 1.0, both=path)], mode) as stack:
        assert difference(output(experts.transformer), wanted) <= TOLERANCE
        report = stack.loras["a"]
    assert report["unknown"] == [] and report["ignored"] == {}


def test_an_alpha_for_a_regular_expression_is_refused(experts: Any, tmp_path: Path) -> None:
    """Without evaluating it, which a file could make endless, the scale would be wrong."""
    pattern = r"blocks\.0\..*\.to_q"
    config = LoraConfig(r=4, alpha_pattern={pattern: 2}, target_modules=LINEARS)
    trained(experts.transformer, config).save_pretrained(tmp_path)
    lora = item("a", 1.0, both=tmp_path / "adapter_model.safetensors")
    with pytest.raises(UnsupportedLoRAError, match="regular expression"), apply(experts, [lora]):
        pytest.fail("a scale was guessed")


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_a_start_that_changes_the_model_is_refused(
    start: Any, experts: Any, tmp_path: Path
) -> None:
    """The factors are for a model that only the trainer had."""
    config = LoraConfig(r=4, init_lora_weights=start, target_modules=LINEARS)
    trained(experts.transformer, config).save_pretrained(tmp_path)
    lora = item("a", 1.0, both=tmp_path / "adapter_model.safetensors")
    with pytest.raises(UnsupportedLoRAError, match=start), apply(experts, [lora]):
        pytest.fail("applied to a model that it was not trained on")


@pytest.mark.filterwarnings("ignore:PiSSA changes the base weights")
def test_a_start_that_was_converted_is_applied(experts: Any, mode: Mode, tmp_path: Path) -> None:
    """peft can export the whole difference from the model itself, at twice the rank."""
    bare, model = copy.deepcopy(experts.transformer), copy.deepcopy(experts.transformer)
    config = LoraConfig(r=4, lora_alpha=4, init_lora_weights="pissa", target_modules=LINEARS)
    wrapped = get_peft_model(model, config)
    wrapped.peft_config["default"].init_lora_weights = True
    wrapped.save_pretrained(tmp_path / "start")
    wrapped.peft_config["default"].init_lora_weights = "pissa"
    train(wrapped)
    wanted = peft_output(wrapped, bare)
    wrapped.save_pretrained(
        tmp_path / "end", path_initial_model_for_weight_conversion=str(tmp_path / "start")
    )
    check(experts, tmp_path / "end" / "adapter_model.safetensors", wanted, mode)
