"""Removing: several LoRAs go into the trash in one change, and come back in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from wan_lora_studio.errors import LoRAError, StudioError
from wan_lora_studio.lora.index import all_paths
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.storage import Trashed


@dataclass(frozen=True)
class Several:
    """What became of several LoRAs: why some were `refused`; with the others it was done.

    `token` brings back what was deleted; None where nothing was.
    """

    refused: Mapping[str, StudioError] = field(default_factory=dict)
    token: str | None = None

    def require_all(self) -> None:
        """Raise the first error, if there is one."""
        for error in self.refused.values():
            raise error


def delete_loras(changes: Changes, names: Sequence[str]) -> Several:
    """Move the files of these LoRAs into the trash, and what is too old there out of it."""
    with changes.change(*names) as change:
        done = Removal(change).remove(names)
        with suppress(OSError, LoRAError):
            changes.purge_expired()
    return done


def undo_deletes(changes: Changes, names: Sequence[str], token: str | None) -> Several:
    """Restore deletions of these names, all in one change."""
    with changes.change() as change:
        return Removal(change).bring_back(names, token)


def empty_trash(changes: Changes) -> int:
    """Delete for good everything that is in the trash; how many LoRAs that were."""
    with changes.emptying():
        entries = changes.trash.listing.all()
        changes.trash.purge(entries)
    return len(entries)


@dataclass(frozen=True)
class Removal:
    """Takes LoRAs out of the library, and puts them back."""

    change: Change

    def remove(self, names: Sequence[str]) -> Several:
        """Put these LoRAs into the trash. One that is not there, or cannot be moved, stops no
        other."""
        refused: dict[str, StudioError] = {}
        entries = self._remove(self._all_paths(names, refused), refused)
        self.change.settle()
        return Several(refused, entries[0].together or entries[0].id if entries else None)

    def _all_paths(
        self, names: Sequence[str], refused: dict[str, StudioError]
    ) -> dict[str, list[str]]:
        """All files of each; those that may not be touched are added to `refused`."""
        found: dict[str, list[str]] = {}
        for name in names:
            try:
                entry = self.change.changeable(name).entry
                found[entry.name] = all_paths(entry, self.change.index.names)
            except LoRAError as error:
                refused[name] = error
        return found

    def _remove(
        self, loras: Mapping[str, Sequence[str]], refused: dict[str, StudioError]
    ) -> list[Trashed]:
        """Put away these LoRAs, each with all its paths, in one change.

        Those of a folder where that fails are added to `refused`; then it is tried without them.
        """
        waiting = dict(loras)
        while waiting:
            try:
                entries = self.change.trash.put_all(waiting)
            except LoRAError as error:
                for name in error.context.get("stuck") or list(waiting):
                    refused[name] = error
                    del waiting[name]
            else:
                self.change.annotate(path for entry in entries for path in entry.paths)
                return entries
        return []

    def bring_back(self, names: Sequence[str], token: str | None) -> Several:
        """Restore deletions of these names: the newest of each, or those of that token or id."""
        trash = self.change.trash
        found = dict(zip(names, trash.found(names, token), strict=True))
        refused = {name: each for name, each in found.items() if isinstance(each, StudioError)}
        by_id = {each.id: each for each in found.values() if isinstance(each, Trashed)}
        entries = list(by_id.values())
        if entries:
            trash.restore_all(entries)
            self.change.annotate(path for entry in entries for path in entry.paths)
            self.change.settle()
        return Several(refused)
