"""Neighbours: folders whose files may make a pair, or say each other's role.

Files meet within a folder, and across folders that are called alike but for a role word, such as
`HIGH` and `LOW`. Each folder has some keys; those that share one are neighbours. The keys are
coarser than those by which files are paired, so no pair lies outside a neighbourhood.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wan_lora_studio.lora.index.names_of_halves import near_name
from wan_lora_studio.lora.index.twins import folder_key, folder_marks


@dataclass
class Neighbours:
    """The neighbourhoods of all folders that it was told of."""

    _keys: dict[str, frozenset[str]] = field(default_factory=dict)
    _folders: dict[str, set[str]] = field(default_factory=dict)  # by key

    def add(self, folders: Iterable[str]) -> None:
        """Know these folders too. One that is gone does no harm."""
        for folder in folders:
            if folder not in self._keys:
                keys = self._keys[folder] = keys_of(folder)
                for key in keys:
                    self._folders.setdefault(key, set()).add(folder)

    def of(self, folders: Iterable[str]) -> set[str]:
        """These folders, their neighbours, and the neighbours of those."""
        waiting = list(folders)
        self.add(waiting)
        found = set(waiting)
        while waiting:
            for key in self._keys[waiting.pop()]:
                new = self._folders[key] - found
                found |= new
                waiting += new
        return found


def keys_of(folder: str) -> frozenset[str]:
    """What folders have in common whose files may meet."""
    keys = {folder.casefold(), folder_key(folder)}
    for rest, _ in folder_marks(folder):
        above, mark, below = rest.rpartition("*")
        near = "/".join(near_name(part) for part in below.split("/"))
        keys |= {rest, above + mark + near}
        if rest.endswith("*"):
            keys.add(folder_key(rest[:-1]))
    return frozenset(keys)
