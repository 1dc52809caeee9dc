"""Trash for results: deleted files wait in the outputs folder's `.trash`, each in its own folder.

Where the video lies is what counts: its renaming is the moment of a deletion, and of its undoing.
The index follows. Every change needs the `Moves` of the outputs folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.filesystem import rename
from wan_lora_studio.lora.names import is_utf8
from wan_lora_studio.results.folder import SUFFIX, files_of
from wan_lora_studio.texts import say

FOLDER = ".trash"
LOCK = ".trash.lock"
LOCK_SECONDS = 20.0


class Moves:
    """Whose turn it is to move files of one outputs folder: among threads, and among programs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = threading.RLock()
        self._lock = FileLock(root / LOCK, timeout=LOCK_SECONDS, thread_local=False)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """May be taken again by the thread that has it.

        Raises GenerationError if another program does not let go, or nothing can be written.
        """
        with self._turn:
            try:
                os.scandir(self._root).close()  # FileLock would make a folder that is gone
                self._lock.acquire()
            except Timeout as error:
                raise _refused(say("results.trash.busy")) from error
            except OSError as error:
                raise _refused(error.strerror or str(error)) from error
            try:
                yield
            finally:
                self._lock.release()


@dataclass(frozen=True)
class Stored:
    """A folder of the trash: its name is the result's id. `path` is where its video was, counted
    from the outputs folder; `deleted` in seconds since 1970."""

    id: str
    path: str
    video: Path
    deleted: float


def names(root: Path) -> set[str]:
    """The names of the trash's folders, whatever they hold."""
    return {place.name for place in _listed(root / FOLDER)}


def contents(root: Path) -> dict[str, Stored]:
    """What the trash holds, by id; folders without a video are left out."""
    top = root / FOLDER
    found = {}
    if top.is_dir() and not top.is_symlink():
        for place in _listed(top):
            stored = _stored(place)
            if stored is not None:
                found[stored.id] = stored
    return found


def stored(root: Path, result_id: str) -> Stored | None:
    """What the trash holds of a result; None if its video is not there."""
    return _stored(root / FOLDER / result_id)


def put_away(root: Path, path: str, result_id: str) -> None:
    """Move a video and what belongs to it to the trash; all of it or nothing.

    The video goes first: without it there is no result. Raises GenerationError if a file cannot
    be moved.
    """
    sources = files_of(root / path)
    if not sources or sources[0] != root / path:
        raise _refused(say("results.trash.gone"))
    place = root / FOLDER / result_id
    try:
        if _stored(place) is not None:
            rename(place, _free_folder(place))  # another video's, which the next look takes in
        target = (place / path).parent
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(error.strerror or str(error)) from error
    try:
        _move_all([(source, target / source.name) for source in sources])
    except GenerationError:
        _remove_empty(place)
        raise


def bring_back(root: Path, stored: Stored) -> str:
    """Move them back; gives the video's path, which is another where the old one is taken."""
    sources = files_of(stored.video)
    video = _free_place(root / stored.path, {source.suffix for source in sources})
    try:
        video.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(error.strerror or str(error)) from error
    # The video last: with it the result is there again.
    _move_all([(source, video.with_suffix(source.suffix)) for source in reversed(sources)])
    _remove_empty(root / FOLDER / stored.id)
    return video.relative_to(root).as_posix()


def size(root: Path, result_id: str) -> int:
    """Bytes that the trash holds of a result."""
    found = 0
    with contextlib.suppress(OSError):
        for path in (root / FOLDER / result_id).rglob("*"):
            found += path.lstat().st_size if path.is_file() else 0
    return found


def poster(root: Path, result_id: str) -> Path | None:
    """The picture beside the video there, if it has one."""
    found = stored(root, result_id)
    place = found.video.with_suffix(".jpg") if found else None
    return place if place is not None and place.is_file() else None


def give_id(root: Path, stored: Stored, result_id: str) -> Stored:
    """Let a folder of the trash belong to another id. Raises OSError."""
    place = root / FOLDER / result_id
    rename(root / FOLDER / stored.id, place)
    below = stored.video.relative_to(root / FOLDER / stored.id)
    return Stored(result_id, stored.path, place / below, stored.deleted)


def remove_strays(root: Path, known: Container[str], before: float | None = None) -> None:
    """Drop folders that no known result names: those without a video, and with `before` (seconds
    since 1970) only what is older, and then whatever is in it."""
    top = root / FOLDER
    for place in _listed(top) if top.is_dir() and not top.is_symlink() else []:
        with contextlib.suppress(OSError):
            stray = place.name not in known and place.is_dir() and not place.is_symlink()
            old = before is not None and place.stat().st_mtime < before
            if stray and (old or (before is None and _stored(place) is None)):
                shutil.rmtree(place, ignore_errors=True)


def remove(root: Path, result_id: str) -> None:
    """Drop what the trash holds of a result, for good."""
    shutil.rmtree(root / FOLDER / result_id, ignore_errors=True)


def _listed(top: Path) -> list[Path]:
    try:
        return [place for place in top.iterdir() if is_utf8(place.name)]
    except OSError:
        return []


def _stored(place: Path) -> Stored | None:
    """The video that a folder of the trash holds, at its old path below the folder or, as older
    versions left it, directly in it."""
    try:
        if place.is_symlink() or not place.is_dir():
            return None
        videos = [
            video
            for video in sorted(place.rglob("*"))
            if video.name.lower().endswith(SUFFIX) and video.is_file() and not video.is_symlink()
        ]
        if not videos or not is_utf8(str(videos[0])):
            return None
        path = videos[0].relative_to(place).as_posix()
        return Stored(place.name, path, videos[0], place.stat().st_mtime)
    except OSError:
        return None


def _free_folder(place: Path) -> Path:
    number, found = 1, place
    while os.path.lexists(found):
        number += 1
        found = place.with_name(f"{place.name}-{number}")
    return found


def _free_place(video: Path, suffixes: set[str]) -> Path:
    """Where nothing is in the way of the files; one that is not among them is their own, left
    there when a deletion was cut off."""
    number, place = 1, video
    while any(place.with_suffix(suffix).exists() for suffix in suffixes):
        number += 1
        place = video.with_name(f"{video.stem}-{number}{video.suffix}")
    return place


def _move_all(moves: list[tuple[Path, Path]]) -> None:
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            rename(source, target)
            done.append((source, target))
    except OSError as error:
        for source, target in reversed(done):
            with contextlib.suppress(OSError):  # the rest is moved back all the same
                rename(target, source)
        raise _refused(error.strerror or str(error)) from error


def _remove_empty(place: Path) -> None:
    """Remove the folder and those in it, unless a file is left."""
    with contextlib.suppress(OSError):
        for folder in sorted(place.rglob("*"), reverse=True):
            folder.rmdir()
        place.rmdir()


def _refused(reason: str) -> GenerationError:
    return GenerationError(
        say("results.trash.refused", reason=reason),
        cause=say("results.trash.cause"),
        suggestions=[say("results.trash.check")],
        context={"reason": reason},
    )
