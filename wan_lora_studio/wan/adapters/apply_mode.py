"""Apply mode, merge or runtime: which suits the weights, the memory and the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import psutil
from torch import nn

from wan_lora_studio.errors import LoRALoadingError
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.custody import custody_of
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.parameter_homes import Home
from wan_lora_studio.wan.adapters.plan import Plan
from wan_lora_studio.wan.adapters.pristine import Checkpoint

Mode = Literal["merge", "runtime"]
WantedMode = Literal["auto", "merge", "runtime"]
RESERVE_BYTES = 2 << 30  # host memory that copies of the weights leave free


@dataclass(frozen=True)
class Choice:
    """The way that was picked, and why, in words for the user.

    `frugal`: W0 is read again from the checkpoint rather than copied.
    """

    mode: Mode
    reason: str
    frugal: bool = False


def choose(
    wanted: WantedMode,
    layouts: Mapping[Expert, Layout],
    plans: Mapping[Expert, Plan],
    *,
    scheduled: bool,
    held_bytes: int = 0,
) -> Choice:
    """Pick the mode. `held_bytes` of copies are there already.

    Raises LoRALoadingError if merging is demanded for weights that cannot be merged into, or
    if only runtime is left for a compiled model.
    """
    choice = _pick(wanted, layouts, plans, scheduled=scheduled, held_bytes=held_bytes)
    compiled = any(layouts[expert].compiled for expert, plan in plans.items() if plan)
    if choice.mode == "runtime" and compiled:
        # What torch.compile has made does not look for hooks that come later.
        raise LoRALoadingError(
            say("wan.adapters.mode.compiled", reason=choice.reason),
            suggestions=[say("wan.adapters.mode.compiled_advice")],
        )
    return choice


def _pick(
    wanted: WantedMode,
    layouts: Mapping[Expert, Layout],
    plans: Mapping[Expert, Plan],
    *,
    scheduled: bool,
    held_bytes: int,
) -> Choice:
    if wanted == "runtime":
        return Choice("runtime", say("wan.adapters.mode.by_setting"))
    touched = _touched(layouts, plans)
    passing = any(custody_of(layout.model).presence is not None for layout in layouts.values())
    if touched and passing:
        return _beside_passing(wanted)
    fixed, kind = next(((name, home.kind) for name, home in touched.items() if home.kind), ("", ""))
    if wanted == "auto":
        if fixed:
            return Choice("runtime", say("wan.adapters.mode.rounds", kind=kind))
        if any(layout.moves for layout in layouts.values()):
            return Choice("runtime", say("wan.adapters.mode.moves"))
        if scheduled and not any(layout.compiled for layout in layouts.values()):
            return Choice("runtime", say("wan.adapters.mode.scheduled"))
    elif fixed:
        raise LoRALoadingError(
            say("wan.adapters.mode.fixed", part=fixed, kind=kind),
            suggestions=[say("wan.adapters.mode.auto_or_runtime")],
        )
    return _by_memory(wanted, layouts, touched, held_bytes)


def _beside_passing(wanted: WantedMode) -> Choice:
    """For experts that are in memory in turn. Raises LoRALoadingError if merging is demanded."""
    if wanted == "auto":
        return Choice("runtime", say("wan.adapters.mode.passing"))
    raise LoRALoadingError(
        say("wan.adapters.mode.no_merge_passing"),
        suggestions=[say("wan.adapters.mode.auto_or_runtime")],
    )


def _by_memory(
    wanted: WantedMode,
    layouts: Mapping[Expert, Layout],
    touched: Mapping[str, Home],
    held_bytes: int,
) -> Choice:
    needed = sum(home.value.nbytes for home in touched.values()) - held_bytes
    demanded = say("wan.adapters.mode.by_setting")
    if needed <= psutil.virtual_memory().available - RESERVE_BYTES:
        reason = say("wan.adapters.mode.room")
        return Choice("merge", demanded if wanted == "merge" else reason)
    if all(_has_checkpoint(layout.model) for layout in layouts.values()):
        short = say("wan.adapters.mode.frugal")
        return Choice("merge", short, frugal=True)
    if wanted == "merge":
        return Choice("merge", demanded)
    return Choice("runtime", say("wan.adapters.mode.no_room"))


def _has_checkpoint(model: nn.Module) -> bool:
    found = Checkpoint.of(model)
    if found is not None:
        found.close()
    return found is not None


def _touched(layouts: Mapping[Expert, Layout], plans: Mapping[Expert, Plan]) -> dict[str, Home]:
    found: dict[str, Home] = {}
    for expert, plan in plans.items():
        homes = layouts[expert].homes
        found |= {f"{expert}: {path}": homes[path] for path in plan}
    return found
