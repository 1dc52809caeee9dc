"""DoRA on top of any algebra: W' = m · (W + ΔW) / ‖W + ΔW‖, applied as the change W' - W.

Source: Liu et al. 2024; magnitudes along the output axis as peft and kohya write them
([out] or [out, 1]), along the input axis as LyCORIS may ([1, in]). The strength scales the
whole change, so that strength 0 is the bare model.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from backend.wan.adapters.delta import Parts, WeightDelta, require_shape, take, to_fp32


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
        on_output = not column_vector
        require_shape((count,), (shape[0] if on_output else shape[1],), f"{place} (DoRA magnitude)")
        return cls(inner, magnitude, on_output)

    def of(self, base: Tensor) -> Tensor:
        whole = self.inner.of(base) + base
        axis = 0 if self.on_output else 1
        others = [dim for dim in range(whole.ndim) if dim != axis]
        norm = whole.norm(dim=others, keepdim=True)
        magnitude = to_fp32(self.magnitude, base.device).reshape(norm.shape)
        return whole.mul_(magnitude / norm.clamp_min(1e-12)).sub_(base)
