"""Identity of a model: its hub revision where that is known, and a fingerprint of its files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wan_lora_studio.settings import Settings

INDEX = "model_index.json"
IDENTIFYING = (".json", ".safetensors", ".bin", ".model")
WHOLE_UP_TO = 64 << 20  # bytes; of larger files the two ends are read
END = 1 << 20  # bytes
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ModelIdentity:
    """`revision` is the hub's commit, None where the folder doesn't tell it.

    `fingerprint` is a SHA256 over the names, sizes and contents of the model's files; of files
    over 64 MB over their first and last megabyte.
    """

    revision: str | None
    fingerprint: str

    @classmethod
    def of(cls, folder: Path, wanted: str | None = None) -> ModelIdentity:
        """The identity of a diffusers folder; `wanted` is the revision that was asked for."""
        return cls(_revision(folder) or wanted, _fingerprint(folder))


def installed_fingerprint(settings: Settings, model_type: str) -> str | None:
    """That of the model's files as they are here; None if it is not here or cannot be read."""
    if model_type not in settings.models:
        return None
    try:
        folder = _installed(settings, model_type)
        return None if folder is None else _fingerprint(folder)
    except OSError:
        return None


def _installed(settings: Settings, model_type: str) -> Path | None:
    """The folder that a run would load it from, without downloading anything."""
    folder, entry = settings.model_folder(model_type), settings.model(model_type)
    if (folder / INDEX).is_file():
        return folder
    if entry.repo is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(entry.repo, INDEX, revision=entry.revision)
    return Path(found).parent if isinstance(found, str) else None


def _revision(folder: Path) -> str | None:
    """The commit, from the hub cache's folder name or from what `hf download` notes beside."""
    if folder.parent.name == "snapshots" and COMMIT.fullmatch(folder.name):
        return folder.name
    note = folder / ".cache" / "huggingface" / "download" / "model_index.json.metadata"
    try:
        first = note.read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError):
        return None
    return first if COMMIT.fullmatch(first) else None


def _fingerprint(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix not in IDENTIFYING or inside.parts[0].startswith(".") or not path.is_file():
            continue
        found.update(f"{inside.as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            _add(found, file, path.stat().st_size)
    return found.hexdigest()


def _add(found: hashlib._Hash, file: BinaryIO, size: int) -> None:
    if size <= WHOLE_UP_TO:
        found.update(file.read())
        return
    found.update(file.read(END))
    file.seek(size - END)
    found.update(file.read(END))
