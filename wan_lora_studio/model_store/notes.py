"""Notes: which commit and hash each file of a model folder is of.

They are as `hf download --local-dir` writes them, so that it and this app know each other's files:
`.cache/huggingface/download/FILE.metadata` with the lines commit, hash, time. What has arrived of
a file waits in `.download`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.filesystem import remove

NOTES = Path(".cache") / "huggingface" / "download"
PARTS = Path(".download")
DAMAGED = ".damaged"  # after the name of a file whose hash is wrong
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Note:
    commit: str
    etag: str


def read_note(folder: Path, path: str) -> Note | None:
    """That on a file, by its path in the folder; None where there is none."""
    try:
        commit, etag = _place(folder, path).read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, UnicodeDecodeError, ValueError):
        return None
    return Note(commit.strip(), etag.strip()) if COMMIT.fullmatch(commit.strip()) else None


def write_note(folder: Path, path: str, note: Note) -> None:
    place = _place(folder, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{note.commit}\n{note.etag}\n{time.time()}\n", encoding="utf-8")


def remove_note(folder: Path, path: str) -> None:
    remove(_place(folder, path), missing_ok=True)


def noted_commit(folder: Path) -> str | None:
    """The commit that the folder's files are of, the whole model's or that of what is there."""
    notes = folder / NOTES
    for place in sorted(notes.rglob("*.metadata")):
        path = place.relative_to(notes).as_posix().removesuffix(".metadata")
        if (folder / path).is_file() and (note := read_note(folder, path)):
            return note.commit
    return None


def part_of(folder: Path, etag: str) -> Path:
    """Where a file waits that has arrived in part, by its hash, so that no two versions mix."""
    return folder / PARTS / f"{etag}.part"


def _place(folder: Path, path: str) -> Path:
    return folder / NOTES / f"{path}.metadata"
