"""What of a LoRA is in force just now, as the process that applies it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.lora.selection.strengths import LoRASelection


@dataclass(frozen=True)
class Held:
    """`loaded` from when a run has taken it until the run ends; `applied` while it is in force.
    `strength` is that of the expert in which it is stronger at the beginning."""

    loaded: bool = False
    applied: bool = False
    strength: float = 0.0


NOT_HELD = Held()


def held_of(applied: Mapping[str, float], worker: Mapping[str, Any]) -> dict[str, Held]:
    """By name. `worker` is as `LoRALibrary.follow_worker` takes it."""
    found = {name: Held(True, True, float(strength)) for name, strength in applied.items()}
    for name, said in worker.items():
        in_force = said.get("state") == "applied"
        found[name] = Held(True, in_force, _number(said.get("strength")) if in_force else 0.0)
    return found


def _number(strength: Any) -> float:
    if strength is None:
        return 0.0
    ((_, parsed),) = LoRASelection.parse({"one": strength}).items
    return max((parsed.high.at(0.0), parsed.low.at(0.0)), key=abs)
