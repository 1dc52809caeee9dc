"""DoRA on top of any algebra: W' = m · (W + ΔW) / ‖W + ΔW‖, applied as the change W' - W.

Source: Liu et al. 2024; magnitudes along the output axis as peft and kohya write them
([out] or [out, 1]), along the input axis as LyCORIS may ([1, in]). The strength scales the
whole change, so that strength 0 is the bare model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor

from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.delta import (
    Base,
    Parts,
    Product,
    WeightDelta,
    require_shape,
    take,
    to_fp32,
)
from wan_lora_studio.wan.adapters.row_blocks import add_product, pieces
from wan_lora_studio.wan.adapters.terms import Dense, Gain, LowRank, Term


@dataclass(frozen=True)
class DoRADelta:
    """magnitude: one value per row (on_output) or per column of the weight."""

    inner: WeightDelta
    magnitude: Tensor
    on_output: bool

    @classmethod
    def read(
        cls, parts: Parts, inner: WeightDelta, shape: tuple[int, ...], place: str
    ) -> DoRADelta:
        """Raises IncompatibleLoRAError when the magnitudes fit neither axis."""
        magnitude = take(parts, "dora_scale", place)
        count = magnitude.numel()
        column_vector = magnitude.ndim >= 2 and magnitude.shape[0] == 1 and shape[0] != 1
        # peft writes the outputs of a convolution as [1, out, 1...].
        peft_convolution = len(shape) > 2 and count == shape[0] != shape[1]
        on_output = not column_vector or peft_convolution
        named = say("wan.adapters.magnitude", layer=place)
        require_shape((count,), (shape[0] if on_output else shape[1],), named)
        return cls(inner, magnitude, on_output)

    def of(self, base: Tensor) -> Tensor:
        whole = self.inner.of(base) + base
        axis = 0 if self.on_output else 1
        others = [dim for dim in range(whole.ndim) if dim != axis]
        norm = torch.linalg.vector_norm(whole, dim=others, keepdim=True)
        return whole.mul_(self._factor(norm)).sub_(base)

    def product(self, device: torch.device) -> None:
        return None

    def terms(self, base: Base) -> tuple[Term, ...]:
        """W' - W = (g - 1) · W + g · ΔW, where g scales each output by itself.

        g needs all of the weight, so that it is made when the layer first runs.
        """
        weight = base()
        inner = self.inner.terms(base)
        if not self.on_output or not isinstance(inner[0], LowRank):
            return (Dense(self.of(weight.float())),)
        factor = cache(partial(self._factor_of_outputs, base))
        return Gain(factor), replace(inner[0], factor=factor)

    def _factor_of_outputs(self, base: Base) -> Tensor:
        weight = base()
        product = self.inner.product(weight.device)
        assert product is not None
        return self._factor(_norm_of_rows(weight, product))

    def _factor(self, norm: Tensor) -> Tensor:
        """m / ‖W + ΔW‖ with the shape of the norm."""
        magnitude = to_fp32(self.magnitude, norm.device).reshape(norm.shape)
        return magnitude.div(norm.clamp_min(1e-12))


def _norm_of_rows(weight: Tensor, product: Product) -> Tensor:
    """‖W + ΔW‖ of each output, [out], fp32."""
    matrix = weight.flatten(1)
    norm = torch.empty(len(matrix), dtype=torch.float32, device=weight.device)
    for rows, total in pieces(matrix):
        add_product(total.copy_(matrix[rows]), product, 1.0, rows)
        torch.linalg.vector_norm(total, dim=1, out=norm[rows])
    return norm
