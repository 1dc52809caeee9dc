"""Looking: the weight files in other programs' folders, each recognised by its header.

What a header says is kept in a file beside the app's own, and read again only where the size or
the date of the file has changed. A file that cannot be read is left out with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAError, ModelLoadError
from wan_lora_studio.extra_model_paths import SHARDS
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.filesystem import replace
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object
from wan_lora_studio.wan.found_models.headers import SUFFIXES, shards_of, tensors_of
from wan_lora_studio.wan.found_models.recognition import Recognised, recognised
from wan_lora_studio.weight_source import is_there

MAX_FILES = 5000  # that are looked at, in all folders together
MAX_DEPTH = 4  # of folders below the one that is named
SMALLEST = 20_000_000  # bytes; no part of a Wan model is smaller
CACHE = "found_models.json"
INDEX = "model_index.json"
VERSION = 2  # of what the cache holds; a change of what is recognised counts it up


@dataclass(frozen=True)
class FoundFile:
    """A file, or a folder of shards, with what it was recognised as."""

    path: Path
    what: Recognised


@dataclass(frozen=True)
class LeftOut:
    """What lies there and is not offered, why, and what can be done about it."""

    path: Path
    why: str
    advice: str


@dataclass(frozen=True)
class Looked:
    """All that was found, in the order of the paths."""

    files: tuple[FoundFile, ...]
    left_out: tuple[LeftOut, ...]


def look(folders: tuple[Path, ...], data_dir: Path) -> Looked:
    """Look through the folders. Never raises for what lies there."""
    known = _Cache.load(data_dir / CACHE)
    files, left_out = [], []
    for count, path in enumerate(_places(folders)):
        if count == MAX_FILES:
            why = say("wan.found_models.too_many", count=MAX_FILES)
            left_out.append(LeftOut(path, why, say("wan.found_models.smaller_folders")))
            break
        stamp = _stamp(path)
        if stamp is None:
            continue
        try:
            found = known.get(path, stamp)
        except (LoRAError, ModelLoadError) as error:
            advice = say("wan.found_models.download_or_remove")
            why = error.message.removeprefix(f"{path.name}: ").rstrip(".")
            left_out.append(LeftOut(path, why, advice))
            continue
        if found is not None:
            files.append(FoundFile(path, found))
    known.save()
    return Looked(tuple(files), tuple(left_out))


def _places(folders: tuple[Path, ...]) -> Iterator[Path]:
    """Every weight file, and every folder of shards in their place; each once."""
    seen: set[str] = set()
    for folder in folders:
        for path in _within(folder, MAX_DEPTH):
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                yield path


def _within(folder: Path, depth: int) -> Iterator[Path]:
    if is_there(folder / SHARDS):
        yield folder
        return
    if is_there(folder / INDEX):
        return  # a diffusers folder, which is the path of a row
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # a disk that is away, or a folder of somebody else
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if _is_folder(entry):
            if depth > 0:
                yield from _within(path, depth - 1)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _stamp(path: Path) -> tuple[int, int] | None:
    """By which a file is taken to be unchanged; None for what is too small to be a model."""
    try:
        parts = shards_of(path) if path.is_dir() else (path,)
        stats = [part.stat() for part in parts]
    except (OSError, ModelLoadError):
        # Its header says what is wrong, unless it is gone.
        return (0, 0) if is_there(path) else None
    size = sum(stat.st_size for stat in stats)
    return None if size < SMALLEST else (size, max(stat.st_mtime_ns for stat in stats))


class _Cache:
    """What the headers say, by path."""

    def __init__(self, file: Path, kept: Mapping[str, Any]) -> None:
        self._file, self._kept, self._now = file, kept, dict[str, Any]()

    @classmethod
    def load(cls, file: Path) -> _Cache:
        try:
            found = read_object(file.read_bytes()) if file.is_file() else {}
        except (OSError, UntrustedJSONError):
            found = {}
        kept = found.get("files") if found.get("version") == VERSION else None
        return cls(file, kept if isinstance(kept, dict) else {})

    def get(self, path: Path, stamp: tuple[int, int]) -> Recognised | None:
        """Raises LoRAError or ModelLoadError for a file that cannot be read."""
        key = str(path)
        try:
            size, mtime_ns, plain = self._kept[key]
            if (size, mtime_ns) == stamp:
                found = _from_plain(plain)
                self._now[key] = self._kept[key]
                return found
        except (KeyError, TypeError, ValueError):
            pass
        with one_file(path.name, ModelLoadError):
            found = recognised(tensors_of(path), path)
        self._now[key] = [*stamp, None if found is None else asdict(found)]
        return found

    def save(self) -> None:
        """Where it cannot be written, the headers are read again the next time."""
        if self._now == dict(self._kept):
            return
        text = json.dumps({"version": VERSION, "files": self._now})
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8", errors="surrogateescape")
            replace(new, self._file)


def _from_plain(plain: Any) -> Recognised | None:
    return None if plain is None else Recognised(**{**plain, "kinds": tuple(plain["kinds"])})
