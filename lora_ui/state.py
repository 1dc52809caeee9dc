"""What one browser session has selected and is uploading."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from utils import LoRAManager, LoRANotFoundError, LoRASelection

MB = 1024 * 1024


@dataclass
class LoRAUIState:
    """The LoRA half of a browser session.

    `selected_loras` is `{name: strength}` in the order of choosing, in the contract's form.
    `upload_progress` is `{file name: fraction 0..1}` of running uploads. `last_refresh` is the
    time (seconds since 1970) at which the page last read the library. Without `loras` the
    summary's numbers are zero.
    """

    loras: LoRAManager | None = None
    model_type: str | None = None
    selected_loras: dict[str, Any] = field(default_factory=dict)
    upload_progress: dict[str, float] = field(default_factory=dict)
    last_refresh: float = 0.0
    version: int = 0

    def update_selection(self, name: str, strength: Any) -> None:
        """Select `name` at `strength`; raises GenerationError if that is no strength."""
        self.replace_selection({**self.selected_loras, name: strength})

    def replace_selection(self, selection: dict[str, Any]) -> None:
        """Take a whole selection, or raise GenerationError and keep the old one."""
        self.selected_loras = LoRASelection.parse(selection).to_plain()
        self.version += 1

    def remove(self, name: str) -> None:
        """Take `name` out of the selection, if it is there."""
        if self.selected_loras.pop(name, None) is not None:
            self.version += 1

    def clear_selection(self) -> None:
        self.selected_loras = {}
        self.version += 1

    def get_selection_summary(self) -> dict[str, Any]:
        """The selection with its costs: bytes, seconds and warnings in words."""
        memory, seconds = self._estimate()
        return {
            "selected_loras": dict(self.selected_loras),
            "total_memory_impact": memory,
            "estimated_load_time": seconds,
            "compatibility_warnings": self._warnings(),
        }

    def _estimate(self) -> tuple[float, float]:
        """Bytes that the selection adds while it is applied, and seconds to load it."""
        if self.loras is None or not self.selected_loras:
            return 0.0, 0.0
        records = self.loras.list_available_loras()
        usable = [
            name
            for name in self.selected_loras
            if name in records and records[name]["status"] == "ok"
        ]
        cost = self.loras.estimate_memory_impact(usable, model_type=self.model_type)
        return cost["total_mb"] * MB, cost["load_seconds"]

    def _warnings(self) -> list[str]:
        found = []
        for name, strength in self.selected_loras.items():
            found += self._fit_warnings(name)
            if _is_zero(strength):
                found.append(f"{name} has strength 0 and changes nothing.")
        return found

    def _fit_warnings(self, name: str) -> list[str]:
        if self.loras is None or self.model_type is None:
            return []
        try:
            fit = self.loras.explain_compatibility(name, self.model_type).to_dict()
        except LoRANotFoundError as error:
            return [error.message]
        if fit["verdict"] == "fits":
            return []
        return [f"{name}: {' '.join(fit['reasons']) or 'it is not known whether it fits.'}"]


def _is_zero(strength: Any) -> bool:
    plain = LoRASelection.parse({"one": strength}).items[0][1]
    points = plain.high.points + plain.low.points
    return all(value == 0 for _, value in points)


class Sessions:
    """One LoRAUIState per browser session, kept in memory and found by an opaque key."""

    def __init__(self, make: Callable[[], LoRAUIState], limit: int = 500) -> None:
        self._make = make
        self._limit = limit
        self._states: OrderedDict[str, LoRAUIState] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, key: str | None) -> tuple[str, LoRAUIState]:
        """The state under `key`; a new key and state where it is unknown."""
        with self._lock:
            if key is None or key not in self._states:
                key = secrets.token_urlsafe(24)
                self._states[key] = self._make()
            self._states.move_to_end(key)
            while len(self._states) > self._limit:
                self._states.popitem(last=False)
            state = self._states[key]
        state.last_refresh = state.last_refresh or time.time()
        return key, state
