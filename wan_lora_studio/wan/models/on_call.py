"""On call: parts of a pipeline whose weights are in memory only while they are used, one at a time.

A part is read when it is called, after the one before it has gone, and goes when another is
called or when it is let go. The module stays the same, with all hooks on it. Meanwhile a number
that is none stands in for each weight, in its shape and type: whoever moves the part or asks what
it is finds what there will be, and a use by mistake shows in the result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import update_wrapper
from types import MappingProxyType
from typing import Any, Protocol

import torch
from diffusers.quantizers.gguf.utils import GGUFParameter
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from wan_lora_studio.wan.adapters import Presence, custody_of
from wan_lora_studio.wan.models.device_memory import release_memory

logger = logging.getLogger(__name__)

Came = Callable[[str, nn.Module], object]
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


class Place(Protocol):
    """Where a part's weights wait while they are here."""

    def in_pieces(self, name: str) -> bool:
        """Whether they are brought to the device in pieces, by hooks that come with them."""
        ...

    def came(self, name: str, part: nn.Module) -> None: ...

    def leaves(self, name: str, part: nn.Module) -> None: ...


class PartOnCall:
    """One part: its `module`, which lasts, and whether its weights are `here`. What is applied to
    it follows."""

    def __init__(self, name: str, reader: PartReader, module: Any = None) -> None:
        """Without a `module`, whose weights are here, one is made that has none."""
        self._name, self._reader = name, reader
        self._presence = Presence()
        self._presence.here = module is not None
        self._place: Place | None = None
        self.module = reader.empty() if module is None else module
        custody_of(self.module).presence = self._presence
        if not self.here:
            _stand_in(self.module)

    @property
    def here(self) -> bool:
        return self._presence.here

    def come(self) -> None:
        """Read the weights. On any failure they are not here."""
        try:
            _take_over(self.module, self._reader.read())
            if self._place is not None:
                _Detour.end(self.module)
                self._place.came(self._name, self.module)
            self._presence.come()
        except BaseException:
            self._leave()
            raise

    def go(self) -> None:
        """Let the weights go; nothing is left of them."""
        try:
            self._presence.go()
        finally:
            self._leave()

    def stay(self) -> None:
        """Have them here for good, and be on call no longer."""
        if not self.here:
            self.come()
        custody_of(self.module).presence = None

    def settle(self, place: Place | None) -> None:
        """Have them wait there while they are here, which they are not now."""
        _Detour.end(self.module)
        self._place = place
        self._await()

    def _leave(self) -> None:
        try:
            if self._place is not None:
                self._place.leaves(self._name, self.module)
        finally:
            _stand_in(self.module)
            self._await()

    def _await(self) -> None:
        if self._place is not None and self._place.in_pieces(self._name):
            _Detour.begin(self.module)


class OnCall:
    """The parts of one pipeline that are on call, by component, of those that can be read."""

    def __init__(self, readers: Mapping[str, PartReader] = NONE, names: Iterable[str] = ()) -> None:
        self._readers = readers
        self._parts: dict[str, PartOnCall] = {}
        self._hooks: dict[str, Any] = {}
        self._told: Told | None = None
        for name in names:
            self._add(PartOnCall(name, readers[name]), name)

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

    def change(self, names: Iterable[str], pipeline: Any, stays: Came) -> None:
        """Have these of a pipeline's parts be on call, and no others; none of these is in memory
        then. `stays` is given each other one as soon as it was read. Raises ModelLoadError."""
        self.settle(None)
        wanted = tuple(names)
        for name in [name for name in self._parts if name not in wanted]:
            self._parts[name].stay()
            self._hooks.pop(name).remove()
            stays(name, self._parts.pop(name).module)
        for name in wanted:
            if name not in self._parts:
                self._add(PartOnCall(name, self._readers[name], getattr(pipeline, name)), name)
        self.let_go()

    def settle(self, place: Place | None) -> None:
        """Have none of them in memory, and the weights wait there while they are."""
        self.let_go()
        for part in self._parts.values():
            part.settle(place)

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

    def _add(self, part: PartOnCall, name: str) -> None:
        self._parts[name] = part
        self._hooks[name] = part.module.register_forward_pre_hook(_Caller(self, name), prepend=True)


class _Caller:
    """Forward hook of a part: brings it in before the pass."""

    def __init__(self, on_call: OnCall, name: str) -> None:
        self._on_call, self._name = on_call, name

    def __call__(self, *_: Any) -> None:
        self._on_call.call(self._name)


class _Detour:
    """The forward of a part while it is not here, whose hooks come with its weights.

    torch looks the forward up before it calls the hook that brings the part in; this looks again.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module, self._own = module, module.__dict__.get("forward")
        update_wrapper(self, module.forward)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._module.forward(*args, **named)

    @classmethod
    def begin(cls, module: nn.Module) -> None:
        if not isinstance(module.forward, cls):
            module.forward = cls(module)

    @classmethod
    def end(cls, module: nn.Module) -> None:
        detour = module.forward
        if not isinstance(detour, cls):
            return
        del module.__dict__["forward"]
        if detour._own is not None:
            module.forward = detour._own


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
