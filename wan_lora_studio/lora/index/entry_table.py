"""Entry table: all entries of the library in their order, made anew only where files changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wan_lora_studio.lora.index.entries import Entry, Group, Place, entries_of, groups_of, place_of
from wan_lora_studio.lora.index.neighbours import Neighbours
from wan_lora_studio.lora.index.scanner import Folders, ScannedFile
from wan_lora_studio.lora.names import is_lora_file, name_key
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage import HandPairs


@dataclass(frozen=True)
class Difference:
    """What became of the entries: names that are gone or mean another LoRA, and new entries.

    `whole`: every entry was made anew.
    """

    gone: frozenset[str] = frozenset()
    new: Mapping[str, Entry] = field(default_factory=dict)
    whole: bool = False


class EntryTable:
    """`entries` by name. It is never changed in place, so that it can be read meanwhile."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._order: list[tuple[Place, str]] = []
        self._names: list[str] = []  # those of `_order`
        self._named: dict[str, dict[str, None]] = {}  # the names of the entries, by folder
        self._keys: dict[str, str] = {}  # name_key -> name
        self._derived: dict[str, str] = {}  # name -> key of the name that it could not have
        self._neighbours = Neighbours()

    def fill(
        self, files: Iterable[ScannedFile], roles: Mapping[str, Role], by_hand: HandPairs
    ) -> None:
        """Make every entry anew."""
        groups, offers = groups_of(files, roles, by_hand)
        entries = entries_of(groups, offers)
        self._order = [(place_of(entry.first), name) for name, entry in entries.items()]
        self._names = list(entries)
        self._named, self._keys, self._derived = {}, {}, {}
        self._neighbours = Neighbours()
        for (name, entry), group in zip(entries.items(), groups, strict=True):
            self._note(name, entry, group)
        self.entries = entries

    def renew(
        self,
        folders: Iterable[str],
        files: Mapping[str, ScannedFile],
        names: Folders,
        roles: Mapping[str, Role],
        by_hand: HandPairs,
    ) -> Difference:
        """Make the entries anew whose files lie in these folders, or may meet with theirs.

        `files` and `names` are the whole library's.
        """
        self._neighbours.add(self._named)
        here = self._whole_neighbourhood(set(folders), by_hand)
        old = {name for folder in here for name in self._named.get(folder, ())}
        some = [
            files[path]
            for folder in here
            for name in names.get(folder, ())
            if is_lora_file(name) and (path := f"{folder}/{name}" if folder else name) in files
        ]
        groups, offers = groups_of(some, roles, by_hand)
        if self._is_in_the_way(old, groups):
            self.fill(files.values(), roles, by_hand)
            return Difference(whole=True)
        made = entries_of(groups, offers)
        new = {name: entry for name, entry in made.items() if self.entries.get(name) != entry}
        gone = frozenset(name for name in old if name not in made or name in new)
        self._replace(gone, new, dict(zip(made, groups, strict=True)))
        return Difference(gone, new)

    def with_file(self, path: str) -> str | None:
        """The name of the LoRA that has the file at `path`."""
        for name in self._named.get(path.rpartition("/")[0], ()):
            if any(file.path == path for file in self.entries[name].files.values()):
                return name
        return None

    def in_folder(self, folder: str) -> list[str]:
        """The names of the LoRAs with a file in the folder."""
        return list(self._named.get(folder, ()))

    def named_like(self, key: str) -> str | None:
        """The name that has this `name_key`."""
        return self._keys.get(key)

    def _whole_neighbourhood(self, folders: set[str], by_hand: HandPairs) -> set[str]:
        """With the folders of the other halves, wherever those are."""
        apart = [{path.rpartition("/")[0] for path in pair} for pair in by_hand.together]
        while True:
            found = self._neighbours.of(folders)
            wider = set(found).union(*(both for both in apart if both & found))
            for folder in found:
                for name in self._named.get(folder, ()):
                    wider |= {file.folder for file in self.entries[name].files.values()}
            if wider == found:
                return found
            folders = wider

    def _is_in_the_way(self, old: set[str], groups: list[Group]) -> bool:
        """Whether names of other entries may depend on what changes here."""
        touched = [key for name in old for key in (name_key(name), self._derived.get(name, ""))]
        fresh = [name_key(group.printable) for group in groups]
        known = self._keys
        taken = any(key in known and known[key] not in old for key in fresh)
        if taken or len(set(fresh)) < len(fresh):
            return True
        derived = [key for name, key in self._derived.items() if name not in old]
        every = {*touched} ^ {*fresh}
        return any(each.startswith(key) for key in derived for each in every)

    def _replace(
        self, gone: frozenset[str], new: Mapping[str, Entry], groups: Mapping[str, Group]
    ) -> None:
        if not gone and not new:
            return
        entries = dict(self.entries)
        for name in gone:
            entry = entries.pop(name)
            at = bisect_left(self._order, (place_of(entry.first), name))
            del self._order[at], self._names[at]
            self._forget(name, entry)
        for name, entry in new.items():
            entries[name] = entry
            place = place_of(entry.first), name
            at = bisect_left(self._order, place)
            self._order.insert(at, place)
            self._names.insert(at, name)
            self._note(name, entry, groups[name])
        # In order without a line of Python for each entry, of which there may be many thousands.
        ordered: dict[str, Any] = dict.fromkeys(self._names)
        self.entries = ordered | entries if new else entries

    def _note(self, name: str, entry: Entry, group: Group) -> None:
        for file in entry.files.values():
            self._named.setdefault(file.folder, {})[name] = None
        self._keys[name_key(name)] = name
        if name != group.printable:
            self._derived[name] = name_key(group.printable)

    def _forget(self, name: str, entry: Entry) -> None:
        for file in entry.files.values():
            self._named.get(file.folder, {}).pop(name, None)
        self._keys.pop(name_key(name), None)
        self._derived.pop(name, None)
