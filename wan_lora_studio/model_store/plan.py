"""Plan: what is still to be fetched for a row, and whether the disk has room for it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.model_store.listing import Listing, RemoteFile, needed
from wan_lora_studio.model_store.notes import noted_commit, part_of, read_note
from wan_lora_studio.model_store.row_state import Source, sources
from wan_lora_studio.model_store.transfer import Wanted
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB, from_mb


@dataclass(frozen=True)
class Piece:
    """A file that a row needs: of which source, and whether it is here."""

    source: Source
    wanted: Wanted
    here: bool


@dataclass(frozen=True)
class Plan:
    """All files that a row needs, in the order in which they are fetched."""

    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of the row on disk."""
        return sum(piece.wanted.file.size for piece in self.pieces)

    @property
    def to_fetch(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if not piece.here)

    @property
    def arrived(self) -> int:
        """Bytes that are here, of files in part too."""
        return sum(
            piece.wanted.file.size if piece.here else piece.wanted.arrived for piece in self.pieces
        )


async def make_plan(settings: Settings, model_type: str, hub: Hub) -> Plan:
    """Ask the hub what a row needs, and look what of it is here. Raises ModelLoadError."""
    found = sources(settings, model_type)
    if not found:
        raise no_source(settings, model_type)
    listings = {source: await _listing(hub, source) for source in found}
    return Plan(
        tuple(piece for source, listing in listings.items() for piece in _pieces(source, listing))
    )


def require_space(plan: Plan, settings: Settings) -> None:
    """Raise ModelLoadError where the disk has less than what is still to arrive, and a reserve."""
    reserve = from_mb(settings.disk_reserve_mb)
    wanted: dict[int, tuple[Path, int]] = {}
    for piece in plan.to_fetch:
        place = _existing(piece.wanted.target)
        disk = place.stat().st_dev
        before = wanted.get(disk, (place, 0))[1]
        wanted[disk] = (place, before + piece.wanted.file.size - piece.wanted.arrived)
    for place, size in wanted.values():
        free = shutil.disk_usage(place).free
        if size + reserve > free:
            raise no_room(size, free, reserve, place)


def no_room(size: int, free: int, reserve: int, place: Path) -> ModelLoadError:
    return ModelLoadError(
        say("model_store.no_room", size=_gb(size), place=place, free=_gb(free)),
        cause=say("model_store.reserve", size=_gb(reserve)),
        suggestions=[
            say("model_store.make_room", size=_gb(size + reserve - free)),
            say("model_store.larger_disk"),
        ],
        context={"needed": size, "free": free, "reserve": reserve, "reason": "space"},
    )


def no_source(settings: Settings, model_type: str) -> ModelLoadError:
    """For a row that names no repository of the hub."""
    folder = settings.model_folder(model_type)
    return ModelLoadError(
        say("model_store.no_source", model=settings.model(model_type).title),
        cause=say("model_store.no_source_cause"),
        suggestions=[say("model_store.put_folder", folder=folder)],
        context={"folder": str(folder), "reason": "source"},
    )


async def _listing(hub: Hub, source: Source) -> Listing:
    """At the commit of what is here already, as files of two commits don't go together."""
    noted = noted_commit(source.folder) if source.revision is None else None
    if noted is not None:
        try:
            return await hub.listing(source.repo, noted)
        except ModelLoadError as error:
            if error.context.get("reason") != "revision":
                raise
    return await hub.listing(source.repo, source.revision)


def _pieces(source: Source, listing: Listing) -> list[Piece]:
    return [_piece(source, listing, file) for file in _files(source, listing)]


def _files(source: Source, listing: Listing) -> tuple[RemoteFile, ...]:
    if not source.only:
        return needed(listing.files, source.without_weights)
    by_path = {file.path: file for file in listing.files}
    if absent := [path for path in source.only if path not in by_path]:
        raise ModelLoadError(
            say("model_store.no_file", repo=source.repo, file=absent[0]),
            cause=say("model_store.no_file_cause"),
            suggestions=[say("model_store.correct_weights")],
            context={"repo": source.repo, "file": absent[0], "reason": "file"},
        )
    return tuple(by_path[path] for path in source.only)


def _piece(source: Source, listing: Listing, file: RemoteFile) -> Piece:
    folder = source.folder
    target, part = folder / file.path, part_of(folder, file.etag)
    wanted = Wanted(listing.repo, listing.commit, file, target, part)
    return Piece(source, wanted, is_here(folder, file))


def is_here(folder: Path, file: RemoteFile) -> bool:
    """By its size, and by the hash that is noted of it if there is one."""
    target = folder / file.path
    try:
        if not target.is_file() or target.stat().st_size != file.size:
            return False
    except OSError:
        return False
    note = read_note(folder, file.path)
    return note is None or note.etag == file.etag


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(folder for folder in path.absolute().parents if folder.exists())


def _gb(size: float) -> str:
    return f"{size / (1000 * MB):.1f} GB"
