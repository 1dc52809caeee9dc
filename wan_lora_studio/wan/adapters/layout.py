"""Layout: a transformer's modules and parameters by path, listed once for all who look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from wan_lora_studio.wan.adapters.layer import Shapes
from wan_lora_studio.wan.adapters.parameter_homes import Home, homes_of, is_streamed, moves_whole

COMPILED = "._orig_mod"  # in the path of a part that torch.compile has wrapped
WRAPPERS = re.compile(rf"\{COMPILED}\b|\.base_layer\b")


@dataclass(frozen=True)
class Layout:
    """The modules and parameters of `model` as they are now.

    A parameter that stands under several paths is one parameter: `homes` has it under the first,
    `first_path` leads there from any. `compiled`: torch.compile makes code for the model, which
    does not see hooks that come later.
    """

    model: nn.Module
    compiled: bool
    modules: Mapping[str, nn.Module]
    homes: Mapping[str, Home]
    first_path: Mapping[str, str]

    @classmethod
    def of(cls, model: nn.Module) -> Layout:
        """A compiled model is a wrapper around the one whose weights count, or marked itself; so is
        a compiled part of one. What is wrapped, by torch.compile or by peft, has the path of its
        wrapper, which comes before it."""
        inner = unwrapped(model)
        found = dict(inner.named_modules(remove_duplicate=False))
        modules = {WRAPPERS.sub("", path): module for path, module in found.items()}
        compiled = (
            inner is not model
            or any(COMPILED in path for path in found)
            or any(
                getattr(module, "_compiled_call_impl", None) is not None
                for module in modules.values()
            )
        )
        everywhere = homes_of(modules)
        paths: dict[int, str] = {}
        first_path = {
            path: paths.setdefault(home.identity(), path) for path, home in everywhere.items()
        }
        homes = {path: everywhere[path] for path in paths.values()}
        return cls(inner, compiled, modules, homes, first_path)

    @cached_property
    def shapes(self) -> Shapes:
        """Parameter -> shape; of a linear layer what it computes with, however it is stored."""
        shape_of = {path: tuple(home.parameter.shape) for path, home in self.homes.items()}
        found = {path: shape_of[first] for path, first in self.first_path.items()}
        for path, module in self.modules.items():
            if isinstance(module, nn.Linear):
                found[f"{path}.weight"] = (module.out_features, module.in_features)
        return found

    @cached_property
    def moves(self) -> bool:
        """Whether the weights, or single layers of them, are brought to the device on use."""
        # Beside the weights of a compiled model there is no way; those that move whole can be
        # merged into.
        return is_streamed(self.modules) or (moves_whole(self.model) and not self.compiled)

    def linear(self, parameter: str) -> str | None:
        """The path of the linear layer that the parameter belongs to, if it is only in such."""
        path, _, kind = parameter.rpartition(".")
        linear = all(isinstance(module, nn.Linear) for module in self.holders(parameter))
        return path if kind in ("weight", "bias") and linear else None

    def holders(self, parameter: str) -> tuple[nn.Module, ...]:
        """The modules that use the parameter, each once."""
        paths = self._shared.get(parameter, (parameter,))
        return tuple({id(m): m for p in paths if (m := self._module_of(p)) is not None}.values())

    @cached_property
    def _shared(self) -> Mapping[str, tuple[str, ...]]:
        """All paths of the parameters that stand under several."""
        found: dict[str, tuple[str, ...]] = {}
        for path, first in self.first_path.items():
            if path != first:
                found[first] = (*found.get(first, (first,)), path)
        return found

    def _module_of(self, parameter: str) -> nn.Module | None:
        return self.modules.get(parameter.rpartition(".")[0])


def unwrapped(model: nn.Module) -> nn.Module:
    """The model that a compiled one wraps; itself if it is none."""
    inner: nn.Module = getattr(model, "_orig_mod", model)
    return inner
