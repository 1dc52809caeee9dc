"""Which files lie in the library's folders, with the stamps by which a change is noticed.

Hidden entries are skipped and symbolic links to folders are not followed; the library's own
folder and the extra folders may be links themselves. Paths are relative to the library; those in
extra folders are absolute, so that `library / path` is the file in both cases.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from backend.lora.endings import FolderNames
from backend.settings import Settings

INODE_BITS = 2**63 - 1  # what the catalogue can hold


class Stamp(NamedTuple):
    """By these a file is taken to be unchanged. Size in bytes; inode 0 where there is none."""

    size: int
    mtime_ns: int
    inode: int = 0


Snapshot = dict[str, Stamp]
Folders = Mapping[str, FolderNames]


@dataclass(frozen=True)
class Walk:
    """What was seen. `offline` are beginnings of paths that cannot be looked at for now;
    `folders` are those of the library itself, the empty ones too."""

    snapshot: Snapshot
    offline: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def take_walk(root: Path, extra: Sequence[Path] = ()) -> Walk:
    """Every visible file below the folders. Raises OSError if `root` cannot be read."""
    os.scandir(root).close()
    offline: list[str] = []
    folders: list[str] = []
    found = dict(_files(str(root), "", offline, folders, skipped=""))
    for folder in extra:
        prefix = extra_prefix(folder)
        try:
            os.scandir(folder).close()
        except OSError:
            offline.append(prefix)
        else:
            found |= _files(str(folder), prefix, offline, [], skipped=str(root))
    return Walk(found, tuple(offline), tuple(folders))


def extra_prefix(folder: Path) -> str:
    """How the paths of files in an extra folder begin."""
    return f"{folder.as_posix()}/"


def extra_folders(settings: Settings, *, writable: bool | None = None) -> tuple[Path, ...]:
    """The extra folders that are looked through in their own right, each once; or only those
    that are `writable`, or not."""
    taken = [settings.loras_dir.resolve()]
    found = []
    for extra in settings.extra_lora_dirs:
        folder, place = extra.path, extra.path.resolve()
        if not any(place.is_relative_to(other) for other in taken):
            taken.append(place)
            if writable in (None, extra.writable):
                found.append(folder)
    return tuple(found)


def _files(
    folder: str, prefix: str, offline: list[str], folders: list[str], *, skipped: str
) -> Iterator[tuple[str, Stamp]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return  # it went away since it was listed
    except OSError:
        offline.append(prefix)
        return
    for entry in entries:
        name = entry.name
        if name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not (skipped and _same(entry.path, skipped)):
                folders.append(f"{prefix}{name}")
                yield from _files(entry.path, f"{prefix}{name}/", offline, folders, skipped=skipped)
            continue
        try:
            stat = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        yield f"{prefix}{name}", Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ino & INODE_BITS)


def _same(folder: str, other: str) -> bool:
    """Whether two folders are one: the library may lie within an extra folder."""
    try:
        return Path(folder).samefile(other)
    except OSError:
        return False


def by_folder(paths: Iterable[str]) -> Folders:
    """The names of the files in each folder; the top folder is ""."""
    found: dict[str, set[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, set()).add(name)
    return {folder: FolderNames(names) for folder, names in found.items()}
