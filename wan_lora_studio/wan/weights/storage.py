"""Storage: the numbers in which a transformer keeps its weights, and computes.

fp8 is diffusers' layerwise casting, which widens each layer while it computes. int8 is torchao's
weight-only quantisation of linear layers, with a scale for each row; torchao is optional. In both,
a weight is made narrow as soon as it was read, so that no more than one is there at its full width.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Precision
from wan_lora_studio.texts import say


@dataclass(frozen=True)
class Storage:
    """It computes in `dtype`."""

    precision: Precision
    dtype: torch.dtype

    def require(self) -> None:
        """Raise ModelLoadError where a package is missing that it needs."""
        if self.precision == "int8" and find_spec("torchao") is None:
            raise ModelLoadError(
                say("wan.weights.no_torchao"),
                cause=say("wan.weights.no_torchao_cause"),
                suggestions=[
                    say("wan.weights.install_torchao"),
                    say("wan.weights.or_fp8"),
                ],
            )

    def prepare(self, model: Any) -> None:
        """Give an empty transformer the types of weights that are to be put into it."""
        for name, parameter in model.named_parameters():
            width = torch.float32 if is_wide(model, name) else self.dtype
            parameter.data = parameter.data.to(width)
        self._cast_layers(model)

    def put(self, model: Any, name: str, weight: Tensor) -> None:
        """Put a weight that was read at its full width into its place, as it is kept there."""
        path, _, leaf = name.rpartition(".")
        layer = model.get_submodule(path)
        kept = weight.to(layer._parameters[leaf].dtype)
        layer._parameters[leaf] = nn.Parameter(kept, requires_grad=False)
        if self.precision == "int8" and _may_be_narrow(model, path, layer) and leaf == "weight":
            _to_int8(layer)

    def empty(self, model: Any) -> Any:
        """An empty transformer as it is when all weights are in their places."""
        self.prepare(model)
        return self._with_int8(model)

    def narrow(self, model: Any) -> Any:
        """A transformer that was read at its full width, with its weights as they are kept."""
        self._cast_layers(model)
        return self._with_int8(model)

    def _cast_layers(self, model: Any) -> None:
        if self.precision == "fp8":
            model.enable_layerwise_casting(
                storage_dtype=torch.float8_e4m3fn, compute_dtype=self.dtype
            )

    def _with_int8(self, model: Any) -> Any:
        if self.precision == "int8":
            for path, layer in model.named_modules():
                if _may_be_narrow(model, path, layer):
                    _to_int8(layer)
        return model


def is_wide(model: Any, name: str) -> bool:
    """Whether a weight loses visible quality below fp32."""
    return not frozenset(type(model)._keep_in_fp32_modules or ()).isdisjoint(name.split("."))


def linear_weights(model: Any) -> frozenset[str]:
    """The weights that may be narrow: those of linear layers, where fp32 is not needed."""
    return frozenset(
        f"{path}.weight"
        for path, layer in model.named_modules()
        if _may_be_narrow(model, path, layer)
    )


def _may_be_narrow(model: Any, path: str, layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) and not is_wide(model, path)


def _to_int8(layer: nn.Module) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    quantize_(layer, Int8WeightOnlyConfig(set_inductor_config=False), filter_fn=lambda *_: True)
