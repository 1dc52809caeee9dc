"""Custody of one transformer: who may change it, and how to undo what was changed.

The transformer keeps its own, so that all who apply LoRAs to it, through whatever pipeline or
library, find the same owner and the same pristine weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from wan_lora_studio.wan.adapters.layout import Layout, unwrapped
from wan_lora_studio.wan.adapters.merge import write_back
from wan_lora_studio.wan.adapters.presence import Presence
from wan_lora_studio.wan.adapters.pristine import Pristine
from wan_lora_studio.wan.ownership import Ownership

PLACE = "_lora_custody"
COMPILED_CALL = "_compiled_call_impl"  # what a module compiled in place is called by


class Custody:
    """Of one transformer. A copy of the transformer has a new one."""

    def __init__(self) -> None:
        self.owner = Ownership()
        self.hooked: list[nn.Module] = []  # each is noted before it gets a hook
        self.presence: Presence | None = None  # None: the weights are always in memory
        self._pristine: Pristine | None = None

    def __deepcopy__(self, memo: object) -> Custody:
        return Custody()

    def __reduce__(self) -> tuple[type[Custody], tuple[()]]:
        return (Custody, ())

    @property
    def copied_bytes(self) -> int:
        """Host memory that copies of weights take."""
        return 0 if self._pristine is None else self._pristine.copied_bytes

    def pristine(self, layout: Layout, *, frugal: bool) -> Pristine:
        """W0, to be asked for while the weights are pristine, or by who changed them."""
        if self._pristine is None or not self._pristine.fits(frugal=frugal):
            self._pristine = Pristine(layout, frugal=frugal)
        self._pristine.use(layout)
        return self._pristine

    def forget(self) -> None:
        """Keep nothing of W0; the weights are pristine, and are about to go."""
        if self._pristine is not None:
            self._pristine.release()
            self._pristine = None

    def take_off(self) -> None:
        """Undo everything: no hook is left, and every weight is bit-identical to before.

        May be interrupted, and is then to be called again. Raises ModelLoadError as `write_back`.
        """
        if self.presence is not None:
            self.presence.follower = None
        for module in self.hooked:
            drop_hooks(module)
        self.hooked.clear()
        if self._pristine is not None:
            write_back(self._pristine)
            self._pristine.release()


def custody_of(model: nn.Module) -> Custody:
    """The custody that a transformer keeps; that of the weights' owner for a compiled wrapper."""
    found: Custody = unwrapped(model).__dict__.setdefault(PLACE, Custody())
    return found


class Hooked:
    """Whose methods are hooks on a transformer's modules, and go when the LoRAs go."""


class ReplacedCall:
    """Stands for the `compiled` call of a module compiled in place, until the LoRAs go."""

    def __init__(self, compiled: Callable[..., Any]) -> None:
        self.compiled = compiled

    def leave(self, model: nn.Module) -> None:
        model.__dict__[COMPILED_CALL] = self.compiled


def drop_hooks(module: nn.Module) -> None:
    call = module.__dict__.get(COMPILED_CALL)
    if isinstance(call, ReplacedCall):
        call.leave(module)
    for hooks in (module._forward_hooks, module._forward_pre_hooks):
        for number, hook in list(hooks.items()):
            if isinstance(getattr(hook, "__self__", None), Hooked):
                hooks.pop(number, None)
