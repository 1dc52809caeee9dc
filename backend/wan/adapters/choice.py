"""Merge or runtime: which way of applying suits the weights, the memory and the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import psutil
from torch import Tensor, nn

from backend.errors import LoRALoadingError
from backend.lora.selection import Expert
from backend.wan.adapters.layout import Layout
from backend.wan.adapters.plan import Plan
from backend.wan.adapters.pristine import Checkpoint

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
            "LoRAs cannot be applied beside the weights of a compiled model, and they would "
            f"have to be: {choice.reason}.",
            suggestions=['Set "lora_mode" to "merge", or use the model without torch.compile.'],
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
        return Choice("runtime", "the settings ask for it")
    touched = _touched(layouts, plans)
    fixed = next((name for name, weight in touched.items() if not can_be_merged(weight)), None)
    if wanted == "auto":
        if fixed is not None:
            kind = _kind(touched[fixed])
            return Choice("runtime", f"the model's weights are {kind}, which a merge would round")
        if any(is_streamed(layout) for layout in layouts.values()):
            return Choice("runtime", "the model's weights move between host and device")
        if scheduled and not any(layout.compiled for layout in layouts.values()):
            return Choice("runtime", "the strengths change during the run")
    elif fixed is not None:
        raise LoRALoadingError(
            f"LoRAs cannot be merged into {fixed}: its weights are {_kind(touched[fixed])}.",
            suggestions=['Set "lora_mode" to "auto" or "runtime".'],
        )
    return _by_memory(wanted, layouts, touched, held_bytes)


def can_be_merged(weight: Tensor) -> bool:
    """Whether the weight is a plain floating-point one: not quantised, not float8, not absent."""
    plain = type(weight) in (nn.Parameter, Tensor)
    return plain and weight.is_floating_point() and weight.itemsize >= 2 and not weight.is_meta


def is_streamed(layout: Layout) -> bool:
    """Whether single layers are brought to the device on use (sequential or group offload)."""
    for path, module in layout.modules.items():
        # Looked up past the modules' own attribute search, which is slow for what is not there.
        registry = module.__dict__.get("_diffusers_hook")
        if registry is not None and registry.get_hook("group_offloading") is not None:
            return True
        hook = module.__dict__.get("_hf_hook")
        if path and getattr(hook, "offload", False):
            return True
    return False


def _by_memory(
    wanted: WantedMode,
    layouts: Mapping[Expert, Layout],
    touched: Mapping[str, Tensor],
    held_bytes: int,
) -> Choice:
    needed = sum(weight.numel() * weight.itemsize for weight in touched.values()) - held_bytes
    demanded = "the settings ask for it"
    if needed <= psutil.virtual_memory().available - RESERVE_BYTES:
        reason = "there is memory for a copy of the weights they change"
        return Choice("merge", demanded if wanted == "merge" else reason)
    if all(_has_checkpoint(layout.model) for layout in layouts.values()):
        short = "memory is short, so the original weights are read again from the model's folder"
        return Choice("merge", short, frugal=True)
    if wanted == "merge":
        return Choice("merge", demanded)
    return Choice("runtime", "there is no memory for a copy of the weights that a merge changes")


def _has_checkpoint(model: nn.Module) -> bool:
    found = Checkpoint.of(model)
    if found is not None:
        found.close()
    return found is not None


def _touched(layouts: Mapping[Expert, Layout], plans: Mapping[Expert, Plan]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for expert, plan in plans.items():
        parameters = layouts[expert].parameters
        found |= {f"{expert}: {path}": parameters[path] for path in plan}
    return found


def _kind(weight: Tensor) -> str:
    if type(weight) not in (nn.Parameter, Tensor):
        return f"quantised ({type(weight).__name__})"
    if weight.is_meta:
        return "not in memory"
    return str(weight.dtype).removeprefix("torch.")
