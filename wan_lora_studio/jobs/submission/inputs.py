"""Inputs of jobs, held from the moment they are submitted: pictures and LoRA files.

Everything lies in one folder by its content, so that jobs share what is the same:
`pictures/<sha256>.png` are copies, `loras/<key>/<file>` are hard links. What no job names any
more is swept. A file lock keeps a sweep, by any instance, away from what is just being added.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.filesystem import replace
from wan_lora_studio.jobs.submission.lora_pins import LoRAPins
from wan_lora_studio.lora.index import Pins
from wan_lora_studio.texts import say
from wan_lora_studio.wan.task import GenerationTask

MAX_SUFFIX = 6


class Inputs:
    """The folder of what jobs hold. Use it inside `changing`.

    `extra` are folders beside the library from which LoRAs can be taken away.
    """

    def __init__(self, folder: Path, library: Path, extra: Iterable[Path] = ()) -> None:
        self._pictures = folder / "pictures"
        self._loras = LoRAPins(folder / "loras", library, extra)
        self._lock_file = folder / "inputs.lock"

    @property
    def loras(self) -> LoRAPins:
        return self._loras

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody sweeps or adds meanwhile, in any instance."""
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._lock_file):
            yield

    def with_picture(self, task: GenerationTask) -> GenerationTask:
        """The task with a copy of its picture, which stays as it is now.

        Raises GenerationError, with nothing left behind, if the picture cannot be copied.
        """
        if not task.image or Path(task.image).parent == self._pictures:
            return task
        source = Path(task.image)
        try:
            self._pictures.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(source.read_bytes()).hexdigest() + _suffix(source)
            if not (self._pictures / name).is_file():
                _copy_durably(source, self._pictures / name)
        except OSError as error:
            raise GenerationError(
                say("jobs.submission.picture", reason=error),
                suggestions=[say("jobs.submission.picture_again")],
                context={"image": str(source)},
            ) from error
        return dataclasses.replace(task, image=str(self._pictures / name))

    def sweep(self, pictures: Iterable[str], pins: Iterable[Pins]) -> None:
        """Remove what is named neither here nor there. What cannot be removed stays for later."""
        known = set(pictures)
        with contextlib.suppress(OSError):
            for path in self._pictures.iterdir():
                if str(path) not in known:
                    path.unlink(missing_ok=True)
        self._loras.sweep(pins)


def _suffix(source: Path) -> str:
    suffix = source.suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= MAX_SUFFIX else ".picture"


def _copy_durably(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        with source.open("rb") as reading, partial.open("wb") as writing:
            shutil.copyfileobj(reading, writing)
            writing.flush()
            os.fsync(writing.fileno())
        replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
