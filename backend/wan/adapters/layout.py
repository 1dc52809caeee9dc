"""A transformer's modules and parameters by path, listed once for all who look them up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import nn

from backend.wan.adapters.layer import Shapes


@dataclass(frozen=True)
class Layout:
    """The modules and parameters of `model` as they are now.

    `compiled`: torch.compile makes code for it, which does not see hooks that come later.
    """

    model: nn.Module
    compiled: bool
    modules: dict[str, nn.Module]
    parameters: dict[str, nn.Parameter]

    @classmethod
    def of(cls, model: nn.Module) -> Layout:
        """A compiled model is a wrapper around the one whose weights count, or marked itself."""
        inner: nn.Module = getattr(model, "_orig_mod", model)
        modules = dict(inner.named_modules())
        compiled = inner is not model or any(
            getattr(module, "_compiled_call_impl", None) is not None for module in modules.values()
        )
        parameters = {
            f"{path}.{name}" if path else name: parameter
            for path, module in modules.items()
            # The public iterator takes ten times as long, which shows over a thousand modules.
            for name, parameter in module._parameters.items()
            if parameter is not None
        }
        return cls(inner, compiled, modules, parameters)

    @cached_property
    def shapes(self) -> Shapes:
        """Parameter -> shape; of a linear layer what it computes with, however it is stored."""
        found = {name: tuple(value.shape) for name, value in self.parameters.items()}
        for path, module in self.modules.items():
            if isinstance(module, nn.Linear):
                found[f"{path}.weight"] = (module.out_features, module.in_features)
        return found

    def linear(self, parameter: str) -> str | None:
        """The path of the linear layer that the parameter belongs to, if it does."""
        path, _, kind = parameter.rpartition(".")
        fits = kind in ("weight", "bias") and isinstance(self.modules.get(path), nn.Linear)
        return path if fits else None
