"""LoRA files with one thing wrong, and the error that each must raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from tests.support.loras.algebras import lora_alpha
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.loras.weights import Made
from wan_lora_studio.errors import (
    IncompatibleLoRAError,
    LoRAError,
    LoRAFileError,
    UnsupportedLoRAError,
)

LAYER = "lora_unet_blocks_1_ffn_2"
Damage = Callable[[dict[str, Tensor]], None]


def value(part: str, number: float) -> Damage:
    def damage(tensors: dict[str, Tensor]) -> None:
        tensors[f"{LAYER}.{part}"].flatten()[-1:].fill_(number)

    return damage


def without(part: str) -> Damage:
    return lambda tensors: drop(tensors, f"{LAYER}.{part}")


def drop(tensors: dict[str, Tensor], key: str) -> None:
    del tensors[key]


def shaped(part: str, *shape: int) -> Damage:
    return lambda tensors: tensors.update({f"{LAYER}.{part}": torch.ones(shape)})


def also(**parts: tuple[int, ...]) -> Damage:
    return lambda tensors: tensors.update(
        {f"{LAYER}.{part}": torch.ones(shape) for part, shape in parts.items()}
    )


def stored_as(dtype: torch.dtype, number: float) -> Damage:
    def damage(tensors: dict[str, Tensor]) -> None:
        key = f"{LAYER}.lora_down.weight"
        tensors[key] = tensors[key].to(dtype)
        tensors[key][0, 0] = number

    return damage


NAN, INF = float("nan"), float("inf")
# ffn.2 of the tiny model is [32, 48]; the files' rank is 4.
BROKEN: dict[str, tuple[Damage, type[LoRAError]]] = {
    "NaN in a factor": (value("lora_down.weight", NAN), LoRAFileError),
    "infinity in a factor": (value("lora_up.weight", INF), LoRAFileError),
    "minus infinity in a factor": (value("lora_up.weight", -INF), LoRAFileError),
    "NaN as alpha": (value("alpha", NAN), LoRAFileError),
    "NaN in fp16": (stored_as(torch.float16, NAN), LoRAFileError),
    "infinity in bf16": (stored_as(torch.bfloat16, INF), LoRAFileError),
    "NaN in float64": (stored_as(torch.float64, NAN), LoRAFileError),
    "NaN in float8_e4m3fn": (stored_as(torch.float8_e4m3fn, NAN), LoRAFileError),
    "infinity in float8_e5m2": (stored_as(torch.float8_e5m2, INF), LoRAFileError),
    "no up": (without("lora_up.weight"), LoRAFileError),
    "no down": (without("lora_down.weight"), LoRAFileError),
    "ranks that differ": (shaped("lora_up.weight", 32, 5), LoRAFileError),
    "rank 0": (also(**{"lora_up.weight": (32, 0), "lora_down.weight": (0, 48)}), LoRAFileError),
    "a vector as a factor": (shaped("lora_down.weight", 48), LoRAFileError),
    "too many rows": (shaped("lora_up.weight", 33, 4), IncompatibleLoRAError),
    "too few columns": (shaped("lora_down.weight", 4, 47), IncompatibleLoRAError),
    "a kernel on a linear layer": (shaped("lora_down.weight", 4, 48, 3, 3), IncompatibleLoRAError),
    "several alphas": (shaped("alpha", 3), LoRAFileError),
    "no alpha at all": (shaped("alpha", 0), LoRAFileError),
    "magnitudes of no axis": (also(dora_scale=(31, 1)), IncompatibleLoRAError),
    "LoRA and LoKr": (also(lokr_w1=(4, 4), lokr_w2=(8, 12)), UnsupportedLoRAError),
    "LoRA and LoHa": (
        also(hada_w1_a=(32, 2), hada_w1_b=(2, 48), hada_w2_a=(32, 2), hada_w2_b=(2, 48)),
        UnsupportedLoRAError,
    ),
    "OFT": (also(oft_blocks=(2, 8, 8)), UnsupportedLoRAError),
    "a replaced weight": (
        lambda tensors: tensors.update({"blocks.1.ffn.2.weight": torch.ones(32, 48)}),
        UnsupportedLoRAError,
    ),
    "a replaced bias": (
        lambda tensors: tensors.update({"base_model.model.proj_out.bias": torch.ones(16)}),
        UnsupportedLoRAError,
    ),
    "a diff of another shape": (also(diff=(32, 47)), IncompatibleLoRAError),
    "a bias of another shape": (also(diff_b=(31,)), IncompatibleLoRAError),
    "a LoRA bias of another shape": (
        also(**{"lora_up.bias": (31,)}),
        IncompatibleLoRAError,
    ),
}


def good_file(shapes: Mapping[str, tuple[int, ...]]) -> Made:
    """The file that is then broken."""
    return write_layers(LAYOUTS["musubi"], lora_alpha, shapes)
