"""Counting what is looked at on the disk: folders listed, files stat-ed, files opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Counted:
    """Paths below `root`, each as often as it was looked at; hidden ones do not count."""

    root: Path
    listed: list[str] = field(default_factory=list)
    stated: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def note(self, found: list[str], path: object) -> None:
        if not isinstance(path, str | os.PathLike):
            return
        place = Path(os.path.abspath(path))  # noqa: PTH100 - resolving would look at the disk
        if place.is_relative_to(self.root):
            name = place.relative_to(self.root).as_posix()
            if not any(part.startswith(".") and part != "." for part in name.split("/")):
                found.append(name)


class _Entry:
    """A directory entry whose stat is counted."""

    def __init__(self, entry: os.DirEntry[str], counted: Counted) -> None:
        self._entry, self._counted = entry, counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def __fspath__(self) -> str:
        return self._entry.path

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        self._counted.note(self._counted.stated, self._entry.path)
        return self._entry.stat(follow_symlinks=follow_symlinks)


class _Listing:
    """What `os.scandir` gives, of counted entries."""

    def __init__(self, path: Any, counted: Counted, scandir: Any) -> None:
        counted.note(counted.listed, path)
        self._entries, self._counted = scandir(path), counted

    def __iter__(self) -> Iterator[_Entry]:
        return (_Entry(entry, self._counted) for entry in self._entries)

    def __enter__(self) -> _Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries.close()


@contextmanager
def counted_calls(root: Path) -> Iterator[Counted]:
    """Inside, every look at the disk is done as ever, and counted."""
    counted = Counted(root)
    scandir, stat, lstat, open_ = os.scandir, os.stat, os.lstat, os.open

    def counted_scandir(path: Any = ".") -> _Listing:
        return _Listing(path, counted, scandir)

    def noted(found: list[str], call: Any) -> Any:
        def run(path: Any, *arguments: Any, **more: Any) -> Any:
            counted.note(found, path)
            return call(path, *arguments, **more)

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", counted_scandir)
        patch.setattr(os, "stat", noted(counted.stated, stat))
        patch.setattr(os, "lstat", noted(counted.stated, lstat))
        patch.setattr(os, "open", noted(counted.opened, open_))
        yield counted
