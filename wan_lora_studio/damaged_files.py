"""Damaged files of the app's own, set aside under a dated name that overwrites nothing."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wan_lora_studio.filesystem import rename

logger = logging.getLogger(__name__)

COMPANIONS = ("", "-wal", "-shm")
WORD = "damaged"
NAME = re.compile(r"(?P<stem>.+)\.damaged-(?P<when>\d{8}-\d{6})(?:-\d+)?\.sqlite")


@dataclass(frozen=True)
class SetAside:
    """A file that was set aside: where it lies now, the name that it had, and when that was."""

    path: Path
    name: str
    when: datetime


def set_aside(path: Path, called: str, if_damaged: str) -> Path:
    """Move a damaged file away with what SQLite keeps beside it; gives its new path.

    Raises OSError; nothing is moved then.
    """
    target = move_away(path, WORD)
    logger.warning("%s was damaged and is kept as %s; %s.", called, target, if_damaged)
    return target


def move_away(path: Path, word: str) -> Path:
    """Give a SQLite file and its companions a dated name with this word. Raises OSError."""
    target = _free_name(path, word)
    done: list[tuple[Path, Path]] = []
    try:
        for ending in COMPANIONS:
            source, place = _with(path, ending), _with(target, ending)
            if source.exists():
                rename(source, place)
                done.append((source, place))
    except OSError:
        for source, place in reversed(done):
            rename(place, source)
        raise
    return target


def all_set_aside(paths: Iterable[Path]) -> list[SetAside]:
    """What was set aside of these files and is still there, the latest first."""
    found = []
    for path in paths:
        for place in path.parent.glob(f"{path.stem}.{WORD}-*.sqlite"):
            named = NAME.fullmatch(place.name)
            if named is not None and named["stem"] == path.stem:
                with suppress(ValueError, OverflowError, OSError):  # digits that are no date
                    when = datetime.strptime(named["when"], "%Y%m%d-%H%M%S").astimezone()
                    found.append(SetAside(place, path.name, when))
    return sorted(found, key=lambda each: each.when, reverse=True)


def _free_name(path: Path, word: str) -> Path:
    stem = f"{path.stem}.{word}-{datetime.now():%Y%m%d-%H%M%S}"
    number, found = 1, path.with_name(f"{stem}.sqlite")
    while any(os.path.lexists(_with(found, ending)) for ending in COMPANIONS):
        number += 1
        found = path.with_name(f"{stem}-{number}.sqlite")
    return found


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
