"""Row state: where the files of a row of the model table are, and which are missing.

Only this machine is looked at. A row's folder is the one in models_dir, or, where that is not
whole, the hub's cache, which other programs share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from wan_lora_studio.model_store.listing import INDEX, WEIGHTS, RemoteFile, needed
from wan_lora_studio.model_store.model_folder import missing_files
from wan_lora_studio.model_store.notes import DAMAGED, PARTS
from wan_lora_studio.settings import Settings

State = Literal["here", "partly", "absent"]


@dataclass(frozen=True)
class Source:
    """A repository, and the folder that its files belong into: those that are named, or those
    that a diffusers folder is loaded from, without the weights of some components."""

    repo: str
    revision: str | None
    folder: Path
    only: tuple[str, ...] = ()
    without_weights: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RowFiles:
    """`folder` is where the row is loaded from, or would be; `missing` names files in words;
    `size` is what is here of it, in bytes, with what has arrived in part."""

    state: State
    folder: Path
    missing: tuple[str, ...]
    size: int


def row_files(settings: Settings, model_type: str) -> RowFiles:
    """How things stand for a row. Raises SettingsError for an unknown one."""
    folder, missing = _folder(settings, model_type)
    files = settings.weight_files(model_type)
    lacking = [path.name for path in files.values() if not path.exists()]
    missing = (*missing, *lacking)
    without = frozenset(settings.model(model_type).weights)
    own = local_files(Source("", None, folder, without_weights=without))
    size = sum(map(_size, [*own, *files.values(), *parts_in(folder)]))
    state: State = "here" if not missing else "partly" if size else "absent"
    return RowFiles(state, folder, missing, size)


def local_files(source: Source) -> list[Path]:
    """The files of a source that are here, by its own rule of what is needed, and those of it that
    were found damaged."""
    folder = source.folder
    if source.only:
        return [file for path in source.only if (file := folder / path).is_file()]
    if not folder.is_dir():
        return []
    inside = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    listed = [RemoteFile(name.removesuffix(DAMAGED), 0, name) for name in inside]
    return [inside[file.etag] for file in needed(listed, source.without_weights)]


def weights_in(folder: Path, without_weights: Collection[str] = ()) -> list[Path]:
    """The safetensors files that a diffusers folder is loaded from."""
    found = local_files(Source("", None, folder, without_weights=frozenset(without_weights)))
    return [path for path in found if path.suffix == WEIGHTS]


def parts_in(folder: Path) -> list[Path]:
    """Files that have arrived in part."""
    return sorted((folder / PARTS).glob("*.part"))


def _size(path: Path) -> int:
    """In bytes; of a folder, of the files in it; 0 where there is nothing."""
    try:
        if path.is_dir():
            return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        return path.stat().st_size
    except OSError:
        return 0


def sources(settings: Settings, model_type: str) -> tuple[Source, ...]:
    """The repositories that a row's files come from, in the order of their download."""
    entry, files = settings.model(model_type), settings.weight_files(model_type)
    named: dict[tuple[str, Path], list[str]] = defaultdict(list)
    for part, weights in entry.weight_sources.items():
        place = weights.places(settings.models_dir)[0]
        # One that lies elsewhere is somebody's, and never changed.
        if weights.repo is not None and files[part] == place:
            folder = place.parents[len(PurePosixPath(weights.path).parts) - 1]
            named[weights.repo, folder].append(weights.path)
    found = [Source(repo, None, folder, tuple(paths)) for (repo, folder), paths in named.items()]
    if entry.repo is not None:
        folder = settings.model_folder(model_type)
        # Last, so that a row whose index is there has its own weights too.
        found.append(
            Source(entry.repo, entry.revision, folder, without_weights=frozenset(entry.weights))
        )
    return tuple(found)


def installed_folder(settings: Settings, model_type: str) -> Path | None:
    """The folder that a run would load a row from, if its index is there."""
    folder, _ = _folder(settings, model_type)
    return folder if (folder / INDEX).is_file() else None


def _folder(settings: Settings, model_type: str) -> tuple[Path, tuple[str, ...]]:
    entry, own = settings.model(model_type), settings.model_folder(model_type)
    missing = missing_files(own, entry.weights)
    cached = _cached(entry.repo, entry.revision) if missing and entry.repo else None
    if cached is not None:
        missing_there = missing_files(cached, entry.weights)
        if not missing_there or not (own / INDEX).is_file():
            return cached, missing_there
    return own, missing


def _cached(repo: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, INDEX, revision=revision)
    return Path(found).parent if isinstance(found, str) else None
