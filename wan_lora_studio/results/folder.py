"""Folder of outputs: the videos in it, hidden files and links left aside."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.filesystem import READ_NO_LINK
from wan_lora_studio.lora.names import is_utf8
from wan_lora_studio.results.facts import VideoFacts
from wan_lora_studio.results.reading import read_facts
from wan_lora_studio.texts import say

SUFFIX = ".mp4"
BESIDE = (".json", ".jpg")
MAX_DEPTH = 8


@dataclass(frozen=True)
class FoundVideo:
    """A file below the folder: its path from there with '/', size in bytes, time of change."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Look:
    """The videos of one look, and each folder's time of change from before it was listed."""

    videos: dict[str, FoundVideo]
    folders: dict[str, int]


def below(root: Path, folder: Path) -> str:
    """The path of a folder within the root, from there with '/'; "" if it lies elsewhere."""
    place, top = folder.resolve(), root.resolve()
    return place.relative_to(top).as_posix() if place != top and place.is_relative_to(top) else ""


def look(root: Path, without: str = "") -> Look:
    """Everything that is there but in the folder `without`. Raises OSError if the root cannot be
    listed."""
    found = Look({}, {})
    pending = [("", 0)]
    while pending:
        folder, depth = pending.pop()
        place = root / folder
        try:
            found.folders[folder] = place.stat().st_mtime_ns
            with os.scandir(place) as entries:
                inside = _sort_in(entries, folder, depth, found)
                pending += [each for each in inside if each[0] != without]
        except OSError:
            if not folder:
                raise
            found.folders.pop(folder, None)
    return found


def _sort_in(
    entries: Iterable[os.DirEntry[str]], folder: str, depth: int, found: Look
) -> list[tuple[str, int]]:
    found_below: list[tuple[str, int]] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_dir(follow_symlinks=False):
            found_below += [(path, depth + 1)] if depth < MAX_DEPTH else []
        elif entry.name.lower().endswith(SUFFIX) and is_utf8(path):
            with contextlib.suppress(FileNotFoundError):  # it was removed since it was listed
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found.videos[path] = FoundVideo(path, status.st_size, status.st_mtime_ns)
    return found_below


def changed(root: Path, folders: dict[str, int]) -> bool:
    """Whether any of the folders was changed since it was listed."""
    for folder, mtime_ns in folders.items():
        try:
            if (root / folder).stat().st_mtime_ns != mtime_ns:
                return True
        except OSError:
            return True
    return False


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; no link is followed and no FIFO is waited for. Raises OSError."""
    descriptor = os.open(path, READ_NO_LINK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(say("results.not_regular", path=path))
    return os.fdopen(descriptor, "rb")


def facts_in(path: Path) -> VideoFacts:
    """The facts of a whole video. Raises GenerationError that says why there are none."""
    with one_file(path.name, GenerationError):
        try:
            with open_regular(path) as file:
                return read_facts(file)
        except OSError as error:
            raise GenerationError(
                say("results.unreadable", file=path.name, reason=error.strerror or error),
                suggestions=[say("results.check_and_reload")],
                context={"status": 404},
            ) from error


def files_of(video: Path) -> list[Path]:
    """The video and the files that belong to it, as far as they are there."""
    return [path for path in (video, *(video.with_suffix(s) for s in BESIDE)) if path.is_file()]
