"""How large the libraries and the files of a run are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LibrarySizes:
    """`counts` of files, ascending; `changed`, of libraries in which LoRAs are changed; `rank` of
    the real files that are read whole; the upload's size in MB. `folder` is where all is written:
    the disk that is measured."""

    counts: tuple[int, ...]
    rank: int
    upload_mb: int
    rounds: int
    folder: Path | None = None
    changed: tuple[int, ...] = (5_000,)


def sizes(
    *, quick: bool, full: bool, upload_mb: int | None, folder: Path | None = None
) -> LibrarySizes:
    """`quick` takes every step and means nothing; `full` adds 50,000 files."""
    if quick:
        return LibrarySizes((20, 40), 1, upload_mb or 4, 2, folder, (40,))
    counts = (1_000, 10_000, 50_000) if full else (1_000, 10_000)
    changed = (5_000, 50_000) if full else (5_000,)
    return LibrarySizes(counts, 32, upload_mb or 2048, 3, folder, changed)


USUAL_LORAS = 5_000


@dataclass(frozen=True)
class PageSizes:
    """How many LoRAs the page shows, how often it is visited, and whether a `gr.Gallery` of the
    same is."""

    loras: int
    rounds: int
    folder: Path | None = None
    gallery: bool = True


def page_sizes(*, quick: bool, loras: int | None = None, folder: Path | None = None) -> PageSizes:
    """`quick` takes every step and means nothing. A gallery of many more than 5,000 takes minutes
    for each visit, and is left out."""
    count = loras or (60 if quick else USUAL_LORAS)
    return PageSizes(count, 1 if quick else 5, folder, gallery=count <= USUAL_LORAS)
