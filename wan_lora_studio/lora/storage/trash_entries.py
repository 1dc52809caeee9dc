"""Trash entries: what lies in a library's trash, read from its manifests.

One of an extra folder on another disk lies in a `.trash` there, so that nothing is copied.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from wan_lora_studio.lora.files import read_small
from wan_lora_studio.lora.names import name_key
from wan_lora_studio.units import MB
from wan_lora_studio.untrusted_json import read_object

FOLDER = ".trash"
MANIFEST = "manifest.json"
OUTSIDE = ".outside"


@dataclass(frozen=True)
class Trashed:
    """One deletion. `paths` are relative to the library; `deleted` is ISO 8601, UTC; bytes.

    `base` is the extra folder in which its files are kept, "" for the library itself.
    """

    id: str
    name: str
    paths: tuple[str, ...]
    deleted: str
    size: int = 0
    base: str = ""
    together: str = ""  # the same for all that one request deleted

    @property
    def place(self) -> str:
        """How the paths of its files begin while they are in the trash."""
        return f"{self.base}/{FOLDER}/{self.id}/" if self.base else f"{FOLDER}/{self.id}/"

    def stored(self, path: str) -> str:
        """Where the file from `path` lies."""
        if self.base:
            return self.place + path.removeprefix(f"{self.base}/")
        return self.place + _stored(path)

    def is_meant(self, name: str, entry_id: str | None) -> bool:
        """Whether it is of that name, and has the id if one is given; which may be that of all
        that were deleted together."""
        ids = (None, self.id, self.together or self.id)
        return name_key(self.name) == name_key(name) and entry_id in ids

    def to_plain(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "files": list(self.paths),
            "deleted": self.deleted,
            "size_mb": round(self.size / MB, 3),
        }


class TrashEntries:
    """The deletions of one library, and where each lies. It only reads."""

    def __init__(self, root: Path, extra: Sequence[Path] = ()) -> None:
        """`extra` are folders outside the library from which files may come."""
        self._root = root
        self._extra = tuple(extra)
        self._known: dict[str, Trashed | None] = {}  # by folder

    def all(self) -> list[Trashed]:
        """What can be restored, the newest first. A damaged entry is left alone."""
        read = (self._read(folder, base) for base in self.bases() for folder in self.folders(base))
        return sorted(filter(None, read), key=lambda entry: entry.id, reverse=True)

    def expired(self, days: float, megabytes: float) -> list[Trashed]:
        """What is older than `days`, or over `megabytes` in all, counted from the newest.

        0 is no limit. The newest deletion never expires by its size, with all that went together
        with it, so that it can be undone.
        """
        if not days and not megabytes:
            return []
        oldest = (datetime.now(UTC) - timedelta(days=days)).isoformat() if days else ""
        found, total = [], 0
        known = self._remembered()
        newest = known[0] if known else None
        for entry in known:
            total += entry.size
            undoable = entry is newest or (newest and entry.together == newest.together != "")
            too_much = bool(megabytes) and not undoable and total > megabytes * MB
            if too_much or entry.deleted < oldest:
                found.append(entry)
        return [entry for entry in found if self._read(self.folder(entry), entry.base)]

    def _remembered(self) -> list[Trashed]:
        """As `entries`, where each is read once; what was done to its files since does not show."""
        before, self._known = self._known, {}
        for base in self.bases():
            for folder in self.folders(base):
                place = str(folder)
                self._known[place] = before.get(place) or self._read(folder, base)
        found = filter(None, self._known.values())
        return sorted(found, key=lambda entry: entry.id, reverse=True)

    def base_of(self, paths: Sequence[str]) -> str:
        """Where these files are kept once they are deleted: on their own disk if they share one."""
        for folder in self._extra:
            if all(Path(path).is_relative_to(folder) for path in paths):
                elsewhere = folder.stat().st_dev != self._root.stat().st_dev
                return folder.as_posix() if elsewhere else ""
        return ""

    def bases(self) -> Iterator[str]:
        yield ""
        yield from (folder.as_posix() for folder in self._extra)

    def folder(self, entry: Trashed) -> Path:
        return self._root / entry.place

    def folders(self, base: str, *, hidden: bool = False) -> Iterator[Path]:
        top = self._root / base / FOLDER
        if top.is_symlink() or not top.is_dir():
            return
        with os.scandir(top) as listed:
            names = [each.name for each in listed if each.is_dir(follow_symlinks=False)]
        for name in names:
            if hidden or not name.startswith("."):
                yield top / name

    def _read(self, folder: Path, base: str) -> Trashed | None:
        if (folder / MANIFEST).is_symlink():
            return None  # the trash makes no links of its own
        try:
            values = read_object(read_small(folder / MANIFEST, MB))
            paths = [str(path) for path in values["paths"]]
            name, deleted = str(values["name"]), str(values["deleted"])
            batch = str(values.get("together", ""))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        own = [Path(base)] if base else self._extra
        known = [path for path in paths if Path(path).is_absolute() or not base]
        expected = [path for path in known if _is_expected(path, own)]
        entry = Trashed(folder.name, name, tuple(expected), deleted, 0, base, batch)
        files = [self._root / entry.stored(path) for path in expected]
        if not files or not all(os.path.lexists(path) for path in files):
            return None
        return replace(entry, size=sum(path.lstat().st_size for path in files))


def _stored(path: str) -> str:
    """Where in a deletion's folder the file from `path` lies; one of an extra folder is told
    apart by a name that the library cannot have."""
    if not Path(path).is_absolute():
        return path
    return f"{OUTSIDE}/{path.replace(':', '').lstrip('/')}"


def _is_expected(path: str, extra: Sequence[Path]) -> bool:
    """Whether a file may be put back to `path`: within the library, or an extra folder."""
    place = PurePosixPath(path)
    if Path(path).is_absolute():
        folder = next((each for each in extra if Path(path).is_relative_to(each)), None)
        if folder is None:
            return False
        place = PurePosixPath(Path(path).relative_to(folder).as_posix())
    return bool(place.parts) and not any(part[0] in "./" for part in place.parts)
