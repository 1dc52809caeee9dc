"""Kept latents: what sampling made, on disk until its video is there.

A worker that is killed while it decodes, or a decoder that finds no memory, then costs no second
sampling: the same task goes on from here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from wan_lora_studio.filesystem import replace, sync_file
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object

logger = logging.getLogger(__name__)

MADE_FROM, TOLD, LATENTS = "made_from", "told", "latents"
MOST_DAYS = 7.0  # after which nobody goes on with them
MOST_FILES = 50  # 20 MB each for the largest video
NOT_LATENTS = (OSError, SafetensorError, UntrustedJSONError, KeyError, ValueError)


@dataclass(frozen=True)
class Kept:
    """Latents, and what was told of the run that made them, JSON-ready."""

    latents: Tensor
    told: dict[str, Any]


class KeptLatents:
    """Those of one task. `made_from` is all that decides them, JSON-ready: others are not taken.

    A disk that is full or read-only costs no run.
    """

    def __init__(self, folder: Path, task_id: str) -> None:
        self._folder = folder
        self._path = folder / f"{re.sub(r'[^A-Za-z0-9]', '', task_id)[:64] or 'task'}.safetensors"

    def keep(self, latents: Tensor, made_from: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        """On disk, completely or not at all; old ones of other tasks make room."""
        part = self._path.with_suffix(".part")
        texts = {MADE_FROM: _text(made_from), TOLD: _text(told)}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            save_file({LATENTS: latents.detach().cpu().contiguous()}, part, texts)
            sync_file(part)
            replace(part, self._path)
        except (OSError, SafetensorError):
            logger.warning("the latents could not be kept", exc_info=True)
            with contextlib.suppress(OSError):
                part.unlink()

    def find(self, made_from: Mapping[str, Any]) -> Kept | None:
        """None where there are none, or others."""
        try:
            if not self._path.is_file():
                return None
            with safe_open(self._path, framework="pt") as file:
                texts = file.metadata()
                if texts[MADE_FROM] != _text(made_from):
                    return None
                return Kept(file.get_tensor(LATENTS), read_object(texts[TOLD]))
        except NOT_LATENTS:
            logger.warning("the latents that were kept cannot be read", exc_info=True)
            return None

    def drop(self) -> None:
        """They are not needed any more."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            logger.warning("latents could not be removed", exc_info=True)

    def _sweep(self) -> None:
        ages: dict[Path, float] = {}
        for path in self._folder.glob("*.*"):
            with contextlib.suppress(FileNotFoundError):  # another worker's, which is done
                ages[path] = path.stat().st_mtime
        too_many = sorted(ages, key=lambda path: ages[path])[: 1 - MOST_FILES]
        oldest = time.time() - MOST_DAYS * 24 * 3600
        for path, changed in ages.items():
            if changed < oldest or path in too_many:
                path.unlink(missing_ok=True)


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
