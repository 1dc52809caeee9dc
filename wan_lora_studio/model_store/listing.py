"""Listing: the files that a repository of the hub has, and which of them a row needs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

INDEX = "model_index.json"
WEIGHTS = ".safetensors"
WEIGHTS_INDEX = ".safetensors.index."
READ = (".json", ".txt", ".model", WEIGHTS)
# The same weights in another type or of another moment, which only a wish for them would load.
_VARIANT = re.compile(r"\.(fp16|bf16|fp32|fp8\w*|non_ema|ema)(?=[.-])")


@dataclass(frozen=True)
class RemoteFile:
    """A file on the hub. `etag` is the SHA256 of a large file, else git's SHA1 of its content."""

    path: str
    size: int
    etag: str


@dataclass(frozen=True)
class Listing:
    """All files of a repository at one commit."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]


def needed(
    files: Iterable[RemoteFile], without_weights: Collection[str] = ()
) -> tuple[RemoteFile, ...]:
    """Those that a diffusers folder is loaded from, its index last.

    Left out are pictures, texts for people, pickles, variants of weights that are there without
    one, and the weights of the components that have others.
    """
    by_component: dict[str, list[RemoteFile]] = defaultdict(list)
    index = []
    for file in files:
        parts = PurePosixPath(file.path).parts
        if file.path == INDEX:
            index.append(file)
        elif len(parts) == 2 and not parts[0].startswith(".") and parts[1].endswith(READ):
            by_component[parts[0]].append(file)
    found = [
        file
        for component, own in sorted(by_component.items())
        for file in _of_component(own, with_weights=component not in without_weights)
    ]
    return (*found, *index)


def is_weights(path: str) -> bool:
    """Whether a file holds weights, or says which files do."""
    return path.endswith(WEIGHTS) or WEIGHTS_INDEX in path


def _of_component(files: list[RemoteFile], *, with_weights: bool) -> list[RemoteFile]:
    if not with_weights:
        return [file for file in files if not is_weights(file.path)]
    plain = any(file.path.endswith(WEIGHTS) and not _VARIANT.search(file.path) for file in files)
    return [file for file in files if not (plain and _is_variant(file.path))]


def _is_variant(path: str) -> bool:
    return is_weights(path) and _VARIANT.search(path) is not None
