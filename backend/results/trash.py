"""Deleted results: their files wait in the outputs folder's `.trash`, each in its own folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from backend.errors import GenerationError
from backend.results.folder import files_of

FOLDER = ".trash"


def put_away(root: Path, path: str, result_id: str) -> None:
    """Move a video and what belongs to it to the trash; all of it or nothing.

    Raises GenerationError if a file cannot be moved.
    """
    place = root / FOLDER / result_id
    shutil.rmtree(place, ignore_errors=True)  # of a deletion that was not carried out
    moves = [(source, place / source.name) for source in files_of(root / path)]
    if not moves:
        raise _refused("the file is not there any more")
    place.mkdir(parents=True)
    _move_all(moves)


def bring_back(root: Path, path: str, result_id: str) -> str:
    """Move them back; gives the video's path, which is another where the old one is taken."""
    place = root / FOLDER / result_id
    name = Path(path).name
    if not (place / name).is_file():
        raise _refused("it is not in the trash any more")
    video = _free_place(root / path)
    video.parent.mkdir(parents=True, exist_ok=True)
    # The video last: with it the result is there again.
    others = [source for source in files_of(place / name) if source.name != name]
    moves = [(source, video.with_suffix(source.suffix)) for source in [*others, place / name]]
    _move_all(moves)
    place.rmdir()
    return video.relative_to(root).as_posix()


def remove(root: Path, result_id: str) -> None:
    """Drop what the trash holds of a result, for good."""
    shutil.rmtree(root / FOLDER / result_id, ignore_errors=True)


def _free_place(video: Path) -> Path:
    number, place = 1, video
    while any(place.with_suffix(suffix).exists() for suffix in (".mp4", ".json", ".jpg")):
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
