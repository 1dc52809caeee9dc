"""LoRA sets: stacks of LoRAs with their strengths, kept under a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wan_lora_studio.documents import Documents
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.description import plain_text
from wan_lora_studio.lora.names import name_key
from wan_lora_studio.lora.selection.set_files import (
    MOST_LORAS,
    SetFile,
    SetItem,
    read_set_file,
    to_set_file,
)
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

FILE = "sets.sqlite"
MOST_CHARACTERS = 100

Records = Mapping[str, Mapping[str, Any]]


class LoRASets:
    """The sets in `settings.data_dir`. Names are told apart without regard to case."""

    def __init__(self, settings: Settings) -> None:
        self._documents = Documents(settings.data_dir / FILE)

    def list(self) -> dict[str, tuple[SetItem, ...]]:
        """Every set by name, in the alphabet's order."""
        found = self._documents.all()
        return {name: _items(found[name]) for name in sorted(found, key=str.casefold)}

    def get(self, name: str) -> tuple[SetItem, ...]:
        """Raises LoRAError if there is no such set."""
        body = self._documents.get(name)
        if body is None:
            raise _unknown(name)
        return _items(body)

    def save(self, name: str, items: Sequence[SetItem], *, replace: bool = False) -> str:
        """Keep `items` under `name`, which is returned trimmed. Raises LoRAError if the name is
        empty, or taken and `replace` is false, or if there is nothing to keep."""
        name = _checked(name)
        if not items:
            raise LoRAError(
                say("lora.selection.sets.empty"),
                suggestions=[say("lora.selection.sets.select_first")],
            )
        if len(items) > MOST_LORAS:
            raise LoRAError(say("lora.selection.sets.too_many", most=MOST_LORAS, count=len(items)))
        taken = self._taken(name)
        if taken is not None and not replace:
            raise _is_taken(taken)
        if taken is not None and taken != name:
            self._documents.rename(taken, name)
        self._documents.put(name, [item.to_dict() for item in items])
        return name

    def rename(self, old: str, new: str) -> str:
        """Raises LoRAError if there is no set `old`, or the new name is taken or empty."""
        self.get(old)
        new = _checked(new)
        taken = self._taken(new)
        if taken not in (None, old):
            raise _is_taken(str(taken))
        self._documents.rename(old, new)
        return new

    def delete(self, name: str) -> tuple[SetItem, ...]:
        """Forget the set; returns what was in it, so that it can be saved again."""
        items = self.get(name)
        self._documents.remove(name)
        return items

    def to_file(self, name: str) -> dict[str, Any]:
        """The set as JSON for another library."""
        return to_set_file(name, self.get(name))

    def add_file(self, text: str, filename: str, records: Records) -> SetFile:
        """Keep the set that a file holds: ours, or WanGP's `.lset`; gives what it holds, under
        the name that it has now. A taken name gets a number. `records` is the library."""
        found = read_set_file(text, filename, records)
        name = self._free(found.name)
        return replace(found, name=self.save(name, found.items))

    def _free(self, wanted: str) -> str:
        name = _checked(wanted[: MOST_CHARACTERS - 5])
        number, free = 2, name
        while self._taken(free) is not None:
            number, free = number + 1, f"{name} {number}"
        return free

    def _taken(self, name: str) -> str | None:
        """The set's own spelling of this name."""
        return next(
            (known for known in self._documents.all() if name_key(known) == name_key(name)), None
        )

    def close(self) -> None:
        self._documents.close()


def _items(body: list[dict[str, Any]]) -> tuple[SetItem, ...]:
    return tuple(SetItem.from_plain(item) for item in body)


def _checked(name: str) -> str:
    found = " ".join(plain_text(name).split())
    if not found or len(found) > MOST_CHARACTERS:
        raise LoRAError(
            say("lora.selection.sets.name", most=MOST_CHARACTERS),
            suggestions=[say("lora.selection.sets.choose_name")],
        )
    return found


def _unknown(name: str) -> LoRAError:
    return LoRAError(
        say("lora.selection.sets.unknown", name=repr(name)),
        suggestions=[say("lora.selection.sets.reopen")],
        context={"status": 404},
    )


def _is_taken(name: str) -> LoRAError:
    return LoRAError(
        say("lora.selection.sets.taken", name=repr(name)),
        suggestions=[say("lora.selection.sets.choose_or_replace")],
        context={"taken": name},
    )
