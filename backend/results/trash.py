"""Deleted results: their files wait in the outputs folder's `.trash`, each in its own folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Container
from pathlib import Path

from backend.errors import GenerationError
from backend.results.folder import files_of

FOLDER = ".trash"


def put_away(root: Path, path: str, result_id: str) -> None:
    """Move a video and what belongs to it to the trash; all of it or nothing.

    The video goes first: without it there is no result. Raises GenerationError if a file cannot
    be moved.
    """
    place = root / FOLDER / result_id
    moves = [(source, place / source.name) for source in files_of(root / path)]
    if not moves:
        raise _refused("the file is not there any more")
    place.mkdir(parents=True, exist_ok=True)
    _move_all(moves)


def holds(root: Path, path: str, result_id: str) -> bool:
    return (root / FOLDER / result_id / Path(path).name).is_file()


def bring_back(root: Path, path: str, result_id: str) -> str:
    """Move them back; gives the video's path, which is another where the old one is taken."""
    place = root / FOLDER / result_id
    name = Path(path).name
    if not holds(root, path, result_id):
        raise _refused("it is not in the trash any more")
    sources = files_of(place / name)
    video = _free_place(root / path, {source.suffix for source in sources})
    video.parent.mkdir(parents=True, exist_ok=True)
    # The video last: with it the result is there again.
    _move_all([(source, video.with_suffix(source.suffix)) for source in reversed(sources)])
    with contextlib.suppress(OSError):
        place.rmdir()
    return video.relative_to(root).as_posix()


def size(root: Path, result_id: str) -> int:
    """Bytes that the trash holds of a result."""
    found = 0
    with contextlib.suppress(OSError):
        for path in (root / FOLDER / result_id).iterdir():
            found += path.stat().st_size
    return found


def poster(root: Path, path: str, result_id: str) -> Path | None:
    """The picture beside the video there, if it has one."""
    place = (root / FOLDER / result_id / Path(path).name).with_suffix(".jpg")
    return place if place.is_file() else None


def remove_strays(root: Path, known: Container[str], before: float | None = None) -> None:
    """Drop folders that no known result names, changed before that time (seconds since 1970).

    They are left where the index was lost; nothing can bring them back.
    """
    top = root / FOLDER
    for place in list(top.iterdir()) if top.is_dir() and not top.is_symlink() else []:
        with contextlib.suppress(OSError):
            old = before is None or place.stat().st_mtime < before
            if place.name not in known and old and place.is_dir() and not place.is_symlink():
                shutil.rmtree(place, ignore_errors=True)


def remove(root: Path, result_id: str) -> None:
    """Drop what the trash holds of a result, for good."""
    shutil.rmtree(root / FOLDER / result_id, ignore_errors=True)


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
            source.rename(target)
            done.append((source, target))
    except OSError as error:
        for source, target in reversed(done):
            target.rename(source)
        raise _refused(error.strerror or str(error)) from error


def _refused(reason: str) -> GenerationError:
    return GenerationError(
        f"The result's files cannot be moved: {reason}.",
        suggestions=["Look into the outputs folder, then reload the page."],
        context={"reason": reason},
    )
