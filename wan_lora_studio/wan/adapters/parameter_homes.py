"""Parameter homes: where a parameter's values are kept, whatever hooks do with the parameter.

A hook that moves a module gives its parameters other storage, under inference mode storage that
nothing outside may write; or it puts other parameters in their place, or keeps the values in a
table of its own and brings back what is in there. So a parameter is looked up each time, and
written wherever its values will be read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from accelerate.hooks import CpuOffload
from torch import Tensor, nn

from wan_lora_studio.texts import say


def writing() -> AbstractContextManager[Any]:
    """Inside, any tensor may be written in place, also what was made under inference mode.
    Tensors that are none of inference mode's stay so."""
    return torch.inference_mode()


class Home(NamedTuple):  # a thousand are made for each use, and a dataclass takes twice the time
    """One parameter of a module. `group`: diffusers' group of parameters that it is offloaded
    with, if it is."""

    module: nn.Module
    name: str
    group: Any = None

    @property
    def parameter(self) -> Tensor:
        """What the module holds now."""
        found = self.module._parameters[self.name]
        assert found is not None
        return found

    @property
    def value(self) -> Tensor:
        """The values: those of the parameter, or of the table that fills it when it is used."""
        return self._filled.detach()

    def identity(self) -> int:
        """Equal for homes of one parameter, while they exist."""
        parameter = self.module._parameters[self.name]
        return id(self._filled) if parameter is None or parameter.is_meta else id(parameter)

    @property
    def kind(self) -> str:
        """Why the values cannot be written, in words; "" where they can."""
        value = self.value
        if type(value) not in (nn.Parameter, Tensor) or type(self.parameter) is not nn.Parameter:
            return say("wan.adapters.kind.quantised", kind=type(self.parameter).__name__)
        if getattr(self.group, "offload_to_disk_path", None) is not None:
            return say("wan.adapters.kind.on_disk")
        if value.is_meta:
            return say("wan.adapters.kind.absent")
        plain = value.is_floating_point() and value.itemsize >= 2
        return "" if plain else str(value.dtype).removeprefix("torch.")

    def write(self, fill: Callable[[Tensor], None]) -> None:
        """Have `fill` write the values in place, and bring them to every other place that they
        are read from later."""
        with writing():
            value = self.value
            fill(value)
            for table in self._tables():
                if not _same_memory(table, value):
                    table.copy_(value)

    @property
    def _filled(self) -> Tensor:
        parameter = self.parameter
        return next(self._tables(), parameter) if parameter.is_meta else parameter

    def _tables(self) -> Iterator[Tensor]:
        """Copies that hooks will put into the parameter."""
        kept: Mapping[Any, Tensor] = getattr(self.group, "cpu_param_dict", None) or {}
        if (copy := kept.get(self.parameter)) is not None:
            yield copy
        for hook in _accelerate_hooks(self.module):
            table = getattr(hook, "weights_map", None)
            if getattr(hook, "offload", False) and table is not None and self.name in table:
                found = table[self.name]
                # A table of files makes a new tensor each time; writing to that is no use.
                if isinstance(found, Tensor) and table[self.name] is found:
                    yield found


def homes_of(modules: Mapping[str, nn.Module]) -> dict[str, Home]:
    """The parameters of the modules by path; one that stands under several has it several times."""
    groups = {
        id(tensor): group for group in _groups(modules.values()) for tensor in _in_group(group)
    }
    return {
        f"{path}.{name}" if path else name: Home(module, name, groups.get(id(parameter)))
        for path, module in modules.items()
        # The public iterator takes ten times as long, which shows over a thousand modules.
        for name, parameter in module._parameters.items()
        if parameter is not None
    }


def is_streamed(modules: Mapping[str, nn.Module]) -> bool:
    """Whether single layers are brought to the device on use (sequential or group offload)."""
    if next(_groups(modules.values()), None) is not None:
        return True
    return any(
        getattr(hook, "offload", False)
        for path, module in modules.items()
        if path
        for hook in _accelerate_hooks(module)
    )


def moves_whole(model: nn.Module) -> bool:
    """Whether all of the model is brought to the device on use (model offload)."""
    return any(isinstance(hook, CpuOffload) for hook in _accelerate_hooks(model))


def _groups(modules: Iterable[nn.Module]) -> Iterator[Any]:
    """diffusers' groups of modules that are offloaded together."""
    for module in modules:
        # Looked up past the modules' own attribute search, which is slow for what is not there.
        registry = module.__dict__.get("_diffusers_hook")
        if registry is not None:
            hook = registry.get_hook("group_offloading")
            if hook is not None:
                yield hook.group


def _in_group(group: Any) -> Iterator[Tensor]:
    for module in group.modules:
        yield from module.parameters()
    yield from group.parameters


def _accelerate_hooks(module: nn.Module) -> tuple[Any, ...]:
    hook = module.__dict__.get("_hf_hook")
    if hook is None:
        return ()
    return tuple(getattr(hook, "hooks", (hook,)))


def _same_memory(one: Tensor, other: Tensor) -> bool:
    return one.device == other.device and one.data_ptr() == other.data_ptr()
