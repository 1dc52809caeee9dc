"""Delta: a change of one weight, which every algebra has in common, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch
from torch import Tensor

from wan_lora_studio.errors import IncompatibleLoRAError, LoRAFileError
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.terms import Term

Parts = Mapping[str, Tensor]
Base = Callable[[], Tensor]  # the pristine parameter as the model holds it


@dataclass(frozen=True)
class Product:
    """A change of the form scale · up @ down, in fp32 (up: [out, rank], down: [rank, in·kernel]).

    `exact_in_bf16`: the factors' numbers are bf16 numbers.
    """

    up: Tensor
    down: Tensor
    scale: float
    exact_in_bf16: bool


class WeightDelta(Protocol):
    """A change of one parameter, computed when it is needed."""

    def of(self, base: Tensor) -> Tensor:
        """The change at strength 1, fp32, with `base`'s shape and device.

        `base` is the pristine parameter in fp32; it is not modified.
        """
        ...

    def product(self, device: torch.device) -> Product | None:
        """The change as a product; None where it is none or where `of` is cheaper."""
        ...

    def terms(self, base: Base) -> tuple[Term, ...]:
        """The change as additions to a linear layer's output, at strength 1.

        Factors stay on their device. Raises UnsupportedLoRAError where `base` cannot be read.
        """
        ...


def take(parts: Parts, name: str, place: str) -> Tensor:
    """The factor `name`, or LoRAFileError when the file has only the other half."""
    try:
        return parts[name]
    except KeyError:
        present = ", ".join(sorted(parts))
        raise LoRAFileError(
            say("wan.adapters.file.missing_factor", layer=place, factor=name, present=present),
            suggestions=[say("wan.adapters.file.incomplete")],
            context={"layer": place},
        ) from None


def scale_of(parts: Parts, rank: int | None, place: str) -> float:
    """The part `scale`, or else alpha / rank; a file without alpha means alpha = rank.

    Without a rank (a full LoKr) an alpha says nothing. Raises LoRAFileError when alpha is not
    one number.
    """
    if "scale" in parts:
        return float(parts["scale"])
    alpha = parts.get("alpha") if rank else None
    if rank and "rank" in parts and parts["rank"].tolist() not in (rank, [rank]):
        raise LoRAFileError(
            say(
                "wan.adapters.file.rank",
                layer=place,
                stated=parts["rank"].tolist(),
                rank=rank,
            ),
            context={"layer": place},
        )
    if alpha is None:
        return 1.0
    if alpha.numel() != 1:
        raise LoRAFileError(
            say("wan.adapters.file.alpha", layer=place, shape=list(alpha.shape)),
            context={"layer": place},
        )
    return float(alpha.double()) / (rank or 1)


def require_shape(found: tuple[int, ...], wanted: tuple[int, ...], place: str) -> None:
    """Raise IncompatibleLoRAError unless the change has the parameter's shape."""
    if found != wanted:
        raise IncompatibleLoRAError(
            say("wan.adapters.other_shape", layer=place, shape=list(found), wanted=list(wanted)),
            context={"layer": place, "lora_shape": list(found), "model_shape": list(wanted)},
        )


def require_weight_shape(found: tuple[int, ...], wanted: tuple[int, ...], place: str) -> None:
    """As `require_shape`; a convolution and its flattened matrix count as the same weight."""
    if len(found) != len(wanted):
        found, wanted = (found[0], prod(found[1:])), (wanted[0], prod(wanted[1:]))
    require_shape(found, wanted, place)


def require_factors(fits: bool, parts: Parts, place: str) -> None:
    """Raise LoRAFileError when a layer's factors do not fit one another."""
    if not fits:
        shapes = ", ".join(f"{name} {list(part.shape)}" for name, part in sorted(parts.items()))
        raise LoRAFileError(
            say("wan.adapters.file.factors", layer=place, shapes=shapes),
            context={"layer": place},
        )


def to_fp32(factor: Tensor, device: torch.device) -> Tensor:
    return factor.to(device=device, dtype=torch.float32)
