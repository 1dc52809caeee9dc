"""Stack of one session as values: entries, the run's settings, and changes to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.lora.selection import LoRASelection
from wan_lora_studio.texts import say

MOST_WORDS = 50
MOST_NUMBER = 1e12
RUN_FIELDS = ("steps", "flow_shift", "guidance_scale", "guidance_scale_2")


@dataclass(frozen=True)
class StackEntry:
    """One LoRA of the stack. `strength` is in the contract's form; `on` is false for one that is
    kept but not sent; `words` are the trigger words that the page put into the prompt for it;
    `split` says that the page shows a strength for each expert, even where they are equal."""

    strength: Any
    on: bool = True
    words: tuple[str, ...] = ()
    split: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "strength": self.strength,
            "on": self.on,
            "words": list(self.words),
            "split": self.split,
        }

    @classmethod
    def from_plain(cls, name: str, value: Mapping[str, Any]) -> StackEntry:
        """Raises GenerationError for what is no strength."""
        return cls(
            checked_strength(name, value.get("strength")),
            bool(value.get("on", True)),
            _words(value.get("words", ())),
            bool(value.get("split", False)),
        )


@dataclass(frozen=True)
class RunSettings:
    """What of the form decides which steps the experts get; None is the model's default."""

    steps: int | None = None
    flow_shift: float | None = None
    guidance_scale: float | None = None
    guidance_scale_2: float | None = None

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> RunSettings:
        """What is no usable number counts as not given; the form says so itself."""
        numbers = {name: _number(value.get(name)) for name in RUN_FIELDS}
        steps, shift = numbers.pop("steps"), numbers["flow_shift"]
        numbers["flow_shift"] = shift if shift is not None and shift > 0 else None
        whole = int(steps) if steps is not None and 1 <= steps <= 1000 else None
        return cls(steps=whole, **numbers)


@dataclass(frozen=True)
class StackChange:
    """What one page asks for: the fields that it changed, and nothing else.

    `loras` maps a name to fields of its entry, or to None to take it out. An entry that is not
    there is made only with `add`, so that moving a slider never brings back what another tab
    took out. `order` names entries in their new order; others follow.
    """

    loras: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    order: tuple[str, ...] | None = None

    def applied_to(self, entries: Mapping[str, StackEntry]) -> dict[str, StackEntry]:
        """The entries after the change. Raises GenerationError, and then nothing has changed."""
        found = dict(entries)
        for name, fields in self.loras.items():
            if fields is None:
                found.pop(name, None)
            elif name in found:
                found[name] = _changed(name, found[name], fields)
            elif fields.get("add"):
                found[name] = StackEntry.from_plain(name, fields)
        if self.order is None:
            return found
        first = [name for name in self.order if name in found]
        rest = [name for name in found if name not in first]
        return {name: found[name] for name in (*first, *rest)}


def _changed(name: str, entry: StackEntry, fields: Mapping[str, Any]) -> StackEntry:
    changes: dict[str, Any] = {}
    if "strength" in fields:
        changes["strength"] = checked_strength(name, fields["strength"])
    changes |= {key: bool(fields[key]) for key in ("on", "split") if key in fields}
    if "words" in fields:
        changes["words"] = _words(fields["words"])
    return replace(entry, **changes)


def checked_strength(name: str, value: Any) -> Any:
    """The strength in its plain form. Raises GenerationError that names the LoRA."""
    return LoRASelection.parse({name: value}).to_plain()[name]


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise GenerationError(say("session.trigger_words"))
    return tuple(dict.fromkeys(value))[:MOST_WORDS]


def _number(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Nor NaN, infinity, or an integer that no float can hold.
    return float(value) if number and abs(value) < MOST_NUMBER else None
