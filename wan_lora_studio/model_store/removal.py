"""Removal: a row's files leave the disk, but for those that other rows or programs need."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.filesystem import remove
from wan_lora_studio.model_store.listing import INDEX
from wan_lora_studio.model_store.notes import NOTES, remove_note
from wan_lora_studio.model_store.plan import no_source
from wan_lora_studio.model_store.row_state import (
    Source,
    local_files,
    parts_in,
    row_files,
    sources,
)
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say


@dataclass(frozen=True)
class Removal:
    """What goes, and what stays because the rows in `sharing` need it. `size` is in bytes."""

    files: tuple[Path, ...]
    size: int
    sharing: tuple[str, ...]


def removable(settings: Settings, model_type: str, in_use: Iterable[str] = ()) -> Removal:
    """What removing a row would take from the disk.

    Kept are files of other rows that are whole, or `in_use`, and files that a row names by their
    path. Raises ModelLoadError where nothing of it can be removed here.
    """
    found = sources(settings, model_type)
    if not found:
        raise no_source(settings, model_type)
    for source in found:
        _require_ours(settings, model_type, source)
    own = {file: source for source in found for file in local_files(source)}
    kept: dict[Path, str] = {}
    for name in settings.models:
        if name != model_type:
            kept |= dict.fromkeys(_needed_by(settings, name, name in set(in_use)), name)
    going = [file for file in own if file.resolve() not in kept]
    parts = [part for source in found for part in parts_in(source.folder)]
    if not going and not parts:
        raise _nothing(settings, model_type, own, kept)
    sharing = {kept[file.resolve()] for file in own if file.resolve() in kept}
    return Removal(
        # The index first: what is removed in part is never taken for whole.
        (*sorted(going, key=lambda file: (file.name != INDEX, file)), *parts),
        sum(file.stat().st_size for file in (*going, *parts)),
        tuple(name for name in settings.models if name in sharing),
    )


def remove_row(settings: Settings, model_type: str, in_use: Iterable[str] = ()) -> Removal:
    """Do that. Raises as `removable`, and ModelLoadError for a file that cannot be removed."""
    removal = removable(settings, model_type, in_use)
    folders = {source.folder for source in sources(settings, model_type)}
    for file in removal.files:
        try:
            remove(file, missing_ok=True)
            for folder in folders:
                if file.is_relative_to(folder):
                    remove_note(folder, file.relative_to(folder).as_posix())
        except OSError as error:
            raise ModelLoadError(
                say("model_store.removal.failed", file=file),
                cause=f"{error.strerror or error}.",
                suggestions=[say("model_store.removal.close_first")],
                context={"file": str(file), "reason": "disk"},
            ) from error
    for folder in folders:
        _drop_empty(folder)
    return removal


def _require_ours(settings: Settings, model_type: str, source: Source) -> None:
    ours = settings.models_dir.resolve()
    place = source.folder.resolve()
    if not place.is_relative_to(ours) or place == ours:
        raise ModelLoadError(
            say(
                "model_store.removal.outside",
                model=settings.model(model_type).title,
                folder=source.folder,
                models_dir=settings.models_dir,
            ),
            cause=say("model_store.removal.outside_cause"),
            suggestions=[say("model_store.removal.delete_yourself")],
            context={"folder": str(source.folder), "reason": "not_ours"},
        )


def _needed_by(settings: Settings, name: str, in_use: bool) -> list[Path]:
    """Files that another row needs, by their real paths."""
    files = settings.weight_files(name)
    named = [
        files[part]
        for part, source in settings.model(name).weight_sources.items()
        if source.repo is None
    ]
    if in_use or row_files(settings, name).state == "here":
        named += [file for source in sources(settings, name) for file in local_files(source)]
    return [path.resolve() for path in named]


def _drop_empty(folder: Path) -> None:
    """Folders that hold nothing, notes of files that are gone apart."""
    if not folder.is_dir():
        return
    for name in (".lock", ".gitignore", "CACHEDIR.TAG"):
        for path in (folder / NOTES.parts[0]).rglob(f"*{name}"):
            remove(path, missing_ok=True)
    for place, folders, files in os.walk(folder, topdown=False):
        if not files and not any((Path(place) / each).exists() for each in folders):
            Path(place).rmdir()


def _nothing(
    settings: Settings, model_type: str, own: Iterable[Path], kept: dict[Path, str]
) -> ModelLoadError:
    title = settings.model(model_type).title
    found = row_files(settings, model_type)
    if sharing := sorted({kept[file.resolve()] for file in own}):
        return ModelLoadError(
            say("model_store.removal.shared", model=title, others=", ".join(sharing)),
            cause=say("model_store.removal.shared_cause"),
            suggestions=[say("model_store.removal.remove_first", model=sharing[0])],
            context={"reason": "shared"},
        )
    if found.state == "here":
        return ModelLoadError(
            say("model_store.removal.in_cache", model=title),
            cause=say("model_store.place", folder=found.folder),
            suggestions=[say("model_store.removal.cache_command")],
            context={"folder": str(found.folder), "reason": "not_ours"},
        )
    return ModelLoadError(
        say("model_store.removal.absent", model=title),
        cause=say("model_store.removal.absent_cause", folder=found.folder),
        suggestions=[say("model_store.removal.choose_present")],
        context={"reason": "absent"},
    )
