"""Windows' file system, as far as this one can stand in for it.

A file that a program has open, or mapped, cannot be renamed, replaced or removed there; nor can a
folder with such a file in it. `stand_in` makes the system's calls refuse as Windows does. What has
a file open is read from /proc, so it is the program's own descriptors that count.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wan_lora_studio import filesystem

DESCRIPTORS, MAPS = Path("/proc/self/fd"), Path("/proc/self/maps")


class RefusedByWindowsError(PermissionError):
    """What Windows raises, with its own number."""

    def __init__(self, number: int, path: object, code: int = errno.EACCES) -> None:
        super().__init__(code, f"[WinError {number}]", str(path))
        self.winerror = number


class TooLongForWindowsError(FileNotFoundError):
    def __init__(self, path: object) -> None:
        super().__init__(errno.ENOENT, "The system cannot find the path specified", str(path))
        self.winerror = 3


def is_in_use(path: Path) -> bool:
    """Whether this process has the file, or one in the folder, open or mapped."""
    place = path.parent.resolve() / path.name
    names = set()
    for descriptor in DESCRIPTORS.iterdir():
        try:
            names.add(descriptor.readlink())
        except FileNotFoundError:
            continue
    names |= {
        Path(line.split(maxsplit=5)[5])
        for line in MAPS.read_text().splitlines()
        if len(line.split(maxsplit=5)) == 6
    }
    return any(name == place or place in name.parents for name in names)


def stand_in(monkeypatch: pytest.MonkeyPatch, *, longest: int | None = None) -> None:
    """From now on files are moved and removed by Windows' rules; `longest` is that of a path."""

    def guarded(act: Callable[..., Any], *, moves: bool) -> Callable[..., Any]:
        def call(path: Any, *others: Any, **more: Any) -> Any:
            paths = [Path(path), *(Path(other) for other in others)]
            for each in paths:
                if longest is not None and len(str(each)) > longest:
                    raise TooLongForWindowsError(each)
                if moves and os.path.lexists(each) and is_in_use(each):
                    raise RefusedByWindowsError(filesystem.HELD, each)
            return act(path, *others, **more)

        return call

    for name in ("rename", "replace", "unlink", "remove"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), moves=True))
    monkeypatch.setattr(os, "link", guarded(os.link, moves=False))
    monkeypatch.setattr(filesystem, "MOVES_OPEN_FILES", False)
    monkeypatch.setattr(filesystem, "WAITS", (0.0,) * len(filesystem.WAITS))


def ignore_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on names that differ in case alone are one, as on Windows and most Macs."""

    real_link, real_lstat = os.link, os.lstat

    def lexists(path: Any) -> bool:
        try:
            real_lstat(path)
        except (OSError, ValueError):
            return False
        return True

    def there(path: Any) -> Any:
        """The entry that a name means; the name itself where there is none."""
        if isinstance(path, int) or lexists(path):
            return path
        place = Path(path)
        try:
            siblings = list(place.parent.iterdir())
        except OSError:
            return path
        return next(
            (each for each in siblings if each.name.casefold() == place.name.casefold()), path
        )

    def found(act: Callable[..., Any]) -> Callable[..., Any]:
        return lambda path, *others, **more: act(there(path), *others, **more)

    def link(source: Any, target: Any, **more: Any) -> None:
        if lexists(there(target)):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        real_link(there(source), target, **more)

    for name in ("stat", "lstat", "open", "unlink", "rename", "replace"):
        monkeypatch.setattr(os, name, found(getattr(os, name)))
    monkeypatch.setattr(os.path, "lexists", lambda path: lexists(there(path)))
    monkeypatch.setattr(os, "link", link)
