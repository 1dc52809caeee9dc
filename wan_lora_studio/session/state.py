"""State of one session: what it has selected and is uploading."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.keyword_names import either_name
from wan_lora_studio.lora.selection import LoRASelection, accelerator_of
from wan_lora_studio.session.selection_warnings import SelectionCheck
from wan_lora_studio.session.stack import RunSettings, StackChange, StackEntry, checked_strength
from wan_lora_studio.wan.lora_manager import LoRAManager

T = TypeVar("T")
LOOKS = 3  # at a selection whose LoRAs leave the library meanwhile


@either_name
@dataclass
class LoRAUIState:
    """The LoRA half of a browser session.

    `upload_progress` is `{file name: fraction 0..1}` of running uploads. `last_refresh` is when
    the page last read its state, in UTC. `entries` is the stack in its order, with what is
    switched off; `run` are the form's settings that the warnings look at.
    `accelerated` is what one click on an accelerator replaced, or None. `version` grows with
    every change of the stack. Without `loras` the summary's numbers are zero.
    """

    loras: LoRAManager | None = None
    model_type: str | None = None
    upload_progress: dict[str, float] = field(default_factory=dict)
    last_refresh: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int = 0
    entries: dict[str, StackEntry] = field(default_factory=dict)
    run: RunSettings = field(default_factory=RunSettings)
    accelerated: dict[str, Any] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def selected_loras(self) -> dict[str, Any]:
        """`{name: strength}` of what is switched on, in the stack's order."""
        return {name: entry.strength for name, entry in self.entries.items() if entry.on}

    def update_selection(self, name: str, strength: Any) -> None:
        """Select `name`, switched on; raises GenerationError if that is no strength."""
        with self._lock:
            plain = checked_strength(name, strength)
            entry = self.entries.get(name)
            new = StackEntry(plain) if entry is None else replace(entry, strength=plain, on=True)
            self.entries = {**self.entries, name: new}
            self.version += 1

    def replace_selection(self, selection: Mapping[str, Any]) -> None:
        """Take a whole selection, or raise GenerationError and keep the old one."""
        plain = LoRASelection.parse(selection).to_plain()
        with self._lock:
            self.entries = {name: StackEntry(strength) for name, strength in plain.items()}
            self.version += 1

    def change(self, change: StackChange) -> None:
        """Merge the fields that a page changed, or raise GenerationError and keep everything."""
        with self._lock:
            changed = change.applied_to(self.entries)
            if list(changed.items()) != list(self.entries.items()):
                self.entries = changed
                self.version += 1

    def set_accelerated(self, value: dict[str, Any] | None) -> None:
        """Remember what an accelerator's settings replaced; None once that is put back."""
        with self._lock:
            if value != self.accelerated:
                self.accelerated = value
                self.version += 1

    def remove(self, name: str) -> None:
        """Take `name` out of the selection, if it is there."""
        self.change(StackChange({name: None}))

    def clear_selection(self) -> None:
        with self._lock:
            self.entries = {}
            self.version += 1

    def get_selection_summary(self) -> dict[str, Any]:
        """The selection with its costs, MB and seconds, and warnings in words."""
        return _of_one_moment(self._summary)

    def _summary(self) -> dict[str, Any]:
        check = self._check()
        costs = self._costs(check)
        del costs["estimate_error"]  # the contract names the keys
        return {**costs, "compatibility_warnings": _texts(check)}

    def page_state(self) -> dict[str, Any]:
        """All that the page shows: the summary, and the stack with its warnings by LoRA."""
        with self._lock:
            return _of_one_moment(self._page_state)

    def _page_state(self) -> dict[str, Any]:
        check = self._check()
        warnings = check.warnings()
        split = check.split
        return {
            **self._costs(check),
            "compatibility_warnings": [warning.text for warning in warnings],
            "version": self.version,
            "model": self._model,
            "stack": [{"name": name, **entry.to_dict()} for name, entry in self.entries.items()],
            "warnings": [warning.to_dict() for warning in warnings],
            "accelerated": self.accelerated,
            "accelerators": self._accelerators(),
            "split": None if split is None else {"high": split.high, "low": split.low},
        }

    def to_plain(self) -> dict[str, Any]:
        """What a restart of the program must not lose, JSON-ready."""
        with self._lock:
            return {
                "version": self.version,
                "model": self.model_type,
                "entries": {name: entry.to_dict() for name, entry in self.entries.items()},
                "accelerated": self.accelerated,
            }

    def take_plain(self, plain: Mapping[str, Any]) -> None:
        """The reverse of `to_plain`. Raises GenerationError, KeyError or TypeError."""
        entries = {
            name: StackEntry.from_plain(name, value) for name, value in plain["entries"].items()
        }
        self.version, self.entries = int(plain["version"]), entries
        self.accelerated = plain["accelerated"]
        if self.loras is not None and plain["model"] in self.loras.settings.models:
            self.model_type = plain["model"]

    @property
    def _model(self) -> str | None:
        """The model that was chosen; the library's default where it has that one no more."""
        if self.loras is None or self.model_type in (None, *self.loras.settings.models):
            return self.model_type
        return self.loras.settings.default_model

    def _check(self) -> SelectionCheck:
        selection = LoRASelection.parse(self.selected_loras)
        return SelectionCheck(selection, self.loras, self._model, self.run)

    def _costs(self, check: SelectionCheck) -> dict[str, Any]:
        """MB that the selection adds while it is applied, seconds to load it, and how far
        such estimates were off: shares, over so many `loads`."""
        memory = seconds = 0.0
        error = {"loads": 0, "seconds": 0.0, "memory": 0.0}
        usable = [name for name, found in check.records().items() if found["status"] == "ok"]
        if self.loras is not None and usable:
            cost = self.loras.estimate_memory_impact(usable, model_type=self._model)
            memory, seconds = cost["total_mb"], cost["load_seconds"]
            seen, time_error = int(cost["loads_seen"]), cost["load_error"]
            error = {"loads": seen, "seconds": time_error, "memory": cost["memory_error"]}
        return {
            "selected_loras": self.selected_loras,
            "total_memory_impact": memory,
            "estimated_load_time": seconds,
            "estimate_error": error,
        }

    def _accelerators(self) -> dict[str, dict[str, Any]]:
        """The settings of each accelerator in the stack, also of one that is switched off."""
        everything = LoRASelection.parse({name: e.strength for name, e in self.entries.items()})
        records = SelectionCheck(everything, self.loras, self._model).records()
        found = {name: accelerator_of(record) for name, record in records.items()}
        return {name: item.to_dict() for name, item in found.items() if item is not None}


def _of_one_moment(look: Callable[[], T]) -> T:
    """What a look finds; it looks again where a LoRA left the library between two questions."""
    for _ in range(LOOKS):
        with suppress(LoRANotFoundError):
            return look()
    return look()


def _texts(check: SelectionCheck) -> list[str]:
    return [warning.text for warning in check.warnings()]
