"""On call: parts of a pipeline whose weights are in memory only while they are used, one at a time.

A part is read when it is called, after the one before it has gone, and goes when another is
called or when it is let go. The module stays the same, with all hooks on it. Meanwhile a number
that is none stands in for each weight, in its shape and type: whoever moves the part or asks what
it is finds what there will be, and a use by mistake shows in the result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Protocol

import torch
from diffusers.quantizers.gguf.utils import GGUFParameter
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from wan_lora_studio.wan.adapters import Presence, custody_of
from wan_lora_studio.wan.models.device_memory import release_memory

logger = logging.getLogger(__name__)

Told = Callable[[str], None]  # is called with the component that is about to be read


class PartReader(Protocol):
    """Reads one part of a pipeline. `nbytes`: what its weights will take in memory."""

    @property
    def nbytes(self) -> int: ...

    def read(self) -> Any:
        """The part on the host, each time anew. Raises ModelLoadError."""
        ...

    def empty(self) -> Any:
        """The same without values, for which there is no memory."""
        ...


NONE: Mapping[str, PartReader] = MappingProxyType({})


class PartOnCall:
    """One part: its `module`, which lasts, and whether the weights are `here`. What is applied to
    it follows."""

    def __init__(self, reader: PartReader) -> None:
        self._reader = reader
        self._presence = Presence()
        self.module = reader.empty()
        custody_of(self.module).presence = self._presence
        _stand_in(self.module)

    @property
    def here(self) -> bool:
        return self._presence.here

    def come(self) -> None:
        """Read the weights. On any failure they are not here."""
        try:
            _take_over(self.module, self._reader.read())
            self._presence.come()
        except BaseException:
            _stand_in(self.module)
            raise

    def go(self) -> None:
        """Let the weights go; nothing is left of them."""
        try:
            self._presence.go()
        finally:
            _stand_in(self.module)


class OnCall:
    """The parts of one pipeline that are on call, by component."""

    def __init__(self, readers: Mapping[str, PartReader] = NONE) -> None:
        self._parts = {name: PartOnCall(reader) for name, reader in readers.items()}
        self._told: Told | None = None
        for name, part in self._parts.items():
            part.module.register_forward_pre_hook(_Caller(self, name))

    @property
    def modules(self) -> dict[str, Any]:
        """All parts, by component."""
        return {name: part.module for name, part in self._parts.items()}

    @property
    def here(self) -> tuple[str, ...]:
        """The components whose weights are in memory; one at most."""
        return tuple(name for name, part in self._parts.items() if part.here)

    def call(self, name: str) -> None:
        """Have a component in memory, if it is one of these. Raises ModelLoadError."""
        part = self._parts.get(name)
        if part is None or part.here:
            return
        self.let_go()
        if self._told is not None:
            self._told(name)
        logger.info("reading %s", name)
        part.come()

    def let_go(self) -> None:
        """Have none of them in memory."""
        leaving = [part for part in self._parts.values() if part.here]
        for part in leaving:
            part.go()
        if leaving:
            release_memory()

    @contextmanager
    def used(self, told: Told) -> Iterator[None]:
        """Inside, `told` hears of each component before it is read, and what it raises ends the
        call; afterwards none is in memory."""
        self._told = told
        try:
            yield
        finally:
            self._told = None
            self.let_go()


class _Caller:
    """Forward hook of a part: brings it in before the pass."""

    def __init__(self, on_call: OnCall, name: str) -> None:
        self._on_call, self._name = on_call, name

    def __call__(self, *_: Any) -> None:
        self._on_call.call(self._name)


def _take_over(module: nn.Module, fresh: nn.Module) -> None:
    """Move the weights of a part that was just read into the one that lasts."""
    for own, new in zip(module.modules(), fresh.modules(), strict=True):
        own._parameters.update(new._parameters)
        own._buffers.update(new._buffers)


def _stand_in(module: nn.Module) -> None:
    """Put something without memory in each weight's place; weights that are one stay one."""
    made: dict[int, nn.Parameter] = {}
    for each in module.modules():
        for name, parameter in each._parameters.items():
            if parameter is not None:
                if id(parameter) not in made:
                    made[id(parameter)] = _nothing_like(parameter)
                each._parameters[name] = made[id(parameter)]


def _nothing_like(weight: Tensor) -> nn.Parameter:
    """Of the same kind: blocks of few bits stay such, and what is in several parts has them."""
    if isinstance(weight, GGUFParameter):
        blocks: nn.Parameter = GGUFParameter(_nothing(weight), quant_type=weight.quant_type)
        return blocks
    if is_traceable_wrapper_subclass(weight):
        names, context = weight.__tensor_flatten__()
        inner = {name: _nothing(getattr(weight, name)) for name in names}
        size, stride = weight.shape, weight.stride()
        whole = type(weight).__tensor_unflatten__(inner, context, size, stride)
        return nn.Parameter(whole, requires_grad=False)
    return nn.Parameter(_nothing(weight), requires_grad=False)


def _nothing(weight: Tensor) -> Tensor:
    number = float("nan") if weight.is_floating_point() else 0
    value = torch.tensor(number, dtype=torch.float32).to(weight.dtype)
    return value.expand(weight.shape)
