"""Input pictures, held for the job from the moment it is submitted."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

from backend.errors import GenerationError
from backend.wan.task import GenerationTask

MAX_SUFFIX = 6


def pin_picture(task: GenerationTask, folder: Path) -> GenerationTask:
    """Copy the task's picture to `folder` under the task's id; the task returned uses the copy.

    Raises GenerationError, with nothing left behind, if the picture cannot be copied.
    """
    if not task.image:
        return task
    source = Path(task.image)
    suffix = source.suffix.lower()
    if not suffix[1:].isalnum() or len(suffix) > MAX_SUFFIX:
        suffix = ".picture"
    target = folder / f"{task.id}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _copy_durably(source, target)
    except OSError as error:
        raise GenerationError(
            f"The input picture cannot be kept for the job: {error}.",
            suggestions=["Check the free disk space, then choose the picture again."],
            context={"image": str(source)},
        ) from error
    return dataclasses.replace(task, image=str(target))


def drop_picture(task: GenerationTask) -> None:
    """Remove the copy that `pin_picture` made."""
    if task.image:
        Path(task.image).unlink(missing_ok=True)


def _copy_durably(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        with source.open("rb") as reading, partial.open("xb") as writing:
            shutil.copyfileobj(reading, writing)
            writing.flush()
            os.fsync(writing.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
