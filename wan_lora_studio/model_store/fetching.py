"""Fetching and verifying a row: its files, one after the other."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.filesystem import rename
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.model_store.notes import (
    DAMAGED,
    PARTS,
    Note,
    read_note,
    remove_note,
    write_note,
)
from wan_lora_studio.model_store.plan import Plan, make_plan, no_room, require_space
from wan_lora_studio.model_store.progress import Progress
from wan_lora_studio.model_store.row_state import row_files
from wan_lora_studio.model_store.transfer import CHUNK, WAITS, Disk, Transfer, Wanted, new_hash
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import from_mb

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass
class Work:
    """A row that is worked on: how far it is, and the partial files that it may leave."""

    model_type: str
    progress: Progress = field(default_factory=lambda: Progress(0))
    parts: tuple[Path, ...] = ()


async def fetch(
    settings: Settings, hub: Hub, disk: Disk, work: Work, waits: Sequence[float] = WAITS
) -> None:
    """Bring what the row lacks, and nothing for one that is here, if only in the hub's cache.

    Raises ModelLoadError; what is whole by then stays.
    """
    if row_files(settings, work.model_type).state == "here":
        return
    with _alone(settings, work.model_type):
        plan = await make_plan(settings, work.model_type, hub)
        require_space(plan, settings)
        work.progress = Progress(plan.size, plan.arrived)
        work.parts = tuple(piece.wanted.part for piece in plan.to_fetch)
        transfer = Transfer(hub, disk, work.progress.add, waits)
        for piece in plan.to_fetch:
            with _disk_failures(settings, plan, piece.wanted):
                await transfer.bring(piece.wanted)
                write_note(piece.source.folder, piece.wanted.file.path, _note(piece.wanted))
        for folder in {piece.source.folder for piece in plan.pieces}:
            with suppress(OSError):  # where another row has something in it
                (folder / PARTS).rmdir()


async def verify(settings: Settings, hub: Hub, disk: Disk, work: Work) -> tuple[str, ...]:
    """The row's files whose content is not the hub's, or that are missing.

    One that was downloaded and has changed is set aside, so that a download brings it again.
    Raises ModelLoadError.
    """
    _require_own_folder(settings, work.model_type)
    with _alone(settings, work.model_type):
        plan = await make_plan(settings, work.model_type, hub)
        work.progress = Progress(plan.size)
        found = []
        for piece in plan.pieces:
            folder, path = piece.source.folder, piece.wanted.file.path
            if await _is_right(piece.wanted, disk, work.progress.add):
                write_note(folder, path, _note(piece.wanted))
                continue
            found.append(path)
            if piece.wanted.target.is_file() and read_note(folder, path) is not None:
                target = piece.wanted.target
                aside = target.with_name(target.name + DAMAGED)
                await disk.do(partial(rename, target, aside))
                remove_note(folder, path)
        return tuple(found)


def _require_own_folder(settings: Settings, model_type: str) -> None:
    found, entry = row_files(settings, model_type), settings.model(model_type)
    if found.state == "here" and found.folder != settings.model_folder(model_type):
        raise ModelLoadError(
            say("model_store.in_cache", model=entry.title),
            cause=say("model_store.place", folder=found.folder),
            suggestions=[say("model_store.verify_cache", repo=entry.repo)],
            context={"folder": str(found.folder), "reason": "not_ours"},
        )


def _note(wanted: Wanted) -> Note:
    return Note(wanted.commit, wanted.file.etag)


async def _is_right(wanted: Wanted, disk: Disk, read: Callable[[int], None]) -> bool:
    """Whether the file is there and its hash is the hub's."""
    try:
        file: BinaryIO = await disk.do(lambda: wanted.target.open("rb"))
    except FileNotFoundError:
        return False
    found = new_hash(wanted.file.etag, wanted.file.size)

    def read_on() -> int:
        chunk = file.read(CHUNK)
        found.update(chunk)
        return len(chunk)

    try:
        while count := await disk.do(read_on):
            read(count)
    finally:
        disk.soon(file.close)
    return found.hexdigest() == wanted.file.etag


@contextmanager
def _alone(settings: Settings, model_type: str) -> Iterator[None]:
    """Hold the row's folder against other programs of this app. Raises ModelLoadError."""
    locks = settings.models_dir / ".locks"
    name = f"{settings.model_folder(model_type).name}.lock"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / name, timeout=0):
            yield
    except Timeout as error:
        raise ModelLoadError(
            say("model_store.busy", model=settings.model(model_type).title),
            cause=say("model_store.same_folder"),
            suggestions=[say("model_store.wait_or_pause")],
            context={"reason": "busy_here"},
        ) from error


@contextmanager
def _disk_failures(settings: Settings, plan: Plan, wanted: Wanted) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise no_room(
                plan.size - plan.arrived, 0, from_mb(settings.disk_reserve_mb), wanted.target.parent
            ) from error
        raise ModelLoadError(
            say("model_store.not_written", file=wanted.file.path, folder=wanted.target.parent),
            cause=f"{error.strerror or error}.",
            suggestions=[say("model_store.allow_writing")],
            context={"file": str(wanted.target), "reason": "disk"},
        ) from error
