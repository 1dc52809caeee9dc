"""Identity of a model: its hub revision where that is known, and a fingerprint of its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from wan_lora_studio.model_store import installed_folder
from wan_lora_studio.settings import Settings

IDENTIFYING = (".json", ".safetensors", ".bin", ".model")
# Beside a model, for the page; they decide no frame.
LATENT_COLOURS = "latent_colours.json"
PROMPT_WORDS = "prompt_words.json"
OPENING = "opening"  # a folder with two videos and the JSON that says how they were made
FOR_THE_PAGE = (LATENT_COLOURS, PROMPT_WORDS, f"{OPENING}.json")
WEIGHTS = (".safetensors", ".bin")
WHOLE_UP_TO = 64 << 20  # bytes; of larger files the two ends are read
END = 1 << 20  # bytes
NO_FILES: Mapping[str, Path] = MappingProxyType({})
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ModelIdentity:
    """`revision` is the hub's commit, None where the folder doesn't tell it.

    `fingerprint` is a SHA256 over the names, sizes and contents of the model's files; of files
    over 64 MB over their first and last megabyte. Files of weights that a row names count too.
    """

    revision: str | None
    fingerprint: str

    @classmethod
    def of(
        cls, folder: Path, wanted: str | None = None, files: Mapping[str, Path] = NO_FILES
    ) -> ModelIdentity:
        """The identity of a diffusers folder; `wanted` is the revision that was asked for, `files`
        have weights in place of the folder's, by component."""
        return cls(_revision(folder) or wanted, _fingerprint(folder, files))


def installed_fingerprint(settings: Settings, model_type: str) -> str | None:
    """That of the model's files as they are here; None if it is not here or cannot be read."""
    if model_type not in settings.models:
        return None
    try:
        folder = installed_folder(settings, model_type)
        files = settings.weight_files(model_type)
        return None if folder is None else _fingerprint(folder, files)
    except OSError:
        return None


def encoder_fingerprint(folder: Path, files: Mapping[str, Path], computed: str) -> str:
    """Of all that decides what the text encoder makes of a prompt: its files, the tokenizer's,
    and how it is `computed`, in words."""
    found = hashlib.sha256(computed.encode())
    for part in ("text_encoder", "tokenizer"):
        if (folder / part).is_dir():
            found.update(f"{part}\0{_fingerprint(folder / part, NO_FILES)}".encode())
    if (file := files.get("text_encoder")) is not None:
        _add(found, "text_encoder", file)
    return found.hexdigest()


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


def _fingerprint(folder: Path, files: Mapping[str, Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        counts = path.suffix in IDENTIFYING and path.name not in FOR_THE_PAGE
        if not counts or inside.parts[0].startswith(".") or not path.is_file():
            continue
        if path.suffix in WEIGHTS and inside.parts[0] in files:
            continue  # others are used in their place
        _add(found, inside.as_posix(), path)
    for component, path in sorted(files.items()):
        _add(found, component, path)
    return found.hexdigest()


def _add(found: hashlib._Hash, name: str, path: Path) -> None:
    if path.is_dir():  # of shards
        for shard in sorted(path.glob("*.safetensors")):
            _add(found, f"{name}/{shard.name}", shard)
        return
    size = path.stat().st_size
    found.update(f"{name}\0{size}\0".encode())
    with path.open("rb") as file:
        _add_content(found, file, size)


def _add_content(found: hashlib._Hash, file: BinaryIO, size: int) -> None:
    if size <= WHOLE_UP_TO:
        found.update(file.read())
        return
    found.update(file.read(END))
    file.seek(size - END)
    found.update(file.read(END))
