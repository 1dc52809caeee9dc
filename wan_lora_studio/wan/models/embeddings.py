"""Embeddings: what the text encoder made of prompts, kept so that each is encoded once.

The last ones are in memory, more of them on disk, where the next start of the app finds them. An
entry counts only for the very encoder that made it, its files, its type of numbers, its device and
the libraries' versions; a broken or foreign one is made again, and a full disk costs no run.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from wan_lora_studio.filesystem import replace, sync_file

logger = logging.getLogger(__name__)

EMBEDDING, OF, DIGEST = "embedding", "of", "sha256"
MOST_HELD = 16  # in memory
MOST_BYTES = 256_000_000  # on disk; about 1 MB each
UNREADABLE = (OSError, SafetensorError, KeyError, TypeError, ValueError)


class PromptEmbeddings:
    """Those of one encoder, which `encoder` identifies. All that is in the folder stays below
    `most_bytes`.

    A kept embedding ends with its last token: what follows is zeros.
    """

    def __init__(self, folder: Path, encoder: str, most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._encoder, self._most_bytes = folder, encoder, most_bytes
        self._held: OrderedDict[str, Tensor] = OrderedDict()

    def of(self, text: str, tokens: int, encode: Callable[[], Tensor]) -> Tensor:
        """The embedding [1, tokens, dim] of a text, on the host. `encode` is called for a text
        that is not known yet."""
        key = hashlib.sha256(f"{self._encoder}\0{tokens}\0{text}".encode()).hexdigest()
        rows = self._held.get(key)
        if rows is None:
            rows = self._read(key)
        if rows is None:
            whole = encode().detach().to("cpu")
            if not bool(torch.isfinite(whole).all()):
                return whole  # of a run that fails, and that a later one is not to repeat
            rows = _trimmed(whole[0])
            self._write(key, rows)
        self._held[key] = rows
        self._held.move_to_end(key)
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return torch.cat([rows, rows.new_zeros(tokens - len(rows), rows.shape[1])])[None]

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _read(self, key: str) -> Tensor | None:
        path = self._path(key)
        try:
            if not path.is_file():
                return None
            with safe_open(path, framework="pt") as file:
                texts, rows = file.metadata() or {}, file.get_tensor(EMBEDDING).clone()
            sound = texts[OF] == key and texts[DIGEST] == _digest(rows)
        except UNREADABLE:
            sound = False
        if not sound:
            logger.warning("an embedding that was kept cannot be used: %s", path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        found: Tensor = rows
        return found

    def _write(self, key: str, rows: Tensor) -> None:
        path = self._path(key)
        part = path.with_name(f"{path.stem}.{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep(rows.nbytes)
            save_file({EMBEDDING: rows}, part, {OF: key, DIGEST: _digest(rows)})
            sync_file(part)
            replace(part, path)
        except (OSError, SafetensorError):
            logger.warning("an embedding could not be kept", exc_info=True)
            with contextlib.suppress(OSError):
                part.unlink()

    def _sweep(self, coming: int) -> None:
        """Have the ones that were not used for longest make room for so many bytes."""
        files = []
        for path in (*self._folder.glob("*.safetensors"), *self._folder.glob("*.part")):
            with contextlib.suppress(OSError):
                state = path.stat()
                files.append((state.st_mtime, state.st_size, path))
        total = coming + sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._most_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


def _trimmed(rows: Tensor) -> Tensor:
    """Without the zeros after the last token; one row at least."""
    used = (rows.contiguous().view(torch.uint8) != 0).any(1).nonzero()
    return rows[: int(used[-1]) + 1 if len(used) else 1].clone()


def _digest(rows: Tensor) -> str:
    data = rows.contiguous().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{rows.dtype} {tuple(rows.shape)}".encode() + data).hexdigest()
