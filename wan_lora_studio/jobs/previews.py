"""Previews: videos of batches that become the pictures and clips of LoRAs, as they arrive."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRANotFoundError, StorageError, StudioError
from wan_lora_studio.jobs.job import JobPart
from wan_lora_studio.jobs.store import JobStore
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager

logger = logging.getLogger(__name__)

GONE = say("jobs.previews.gone")


class PreviewKeeper:
    """Works in a thread of its own, so that no worker waits for the library.

    A video whose preview could not be kept before the app ended is kept at the next start.
    """

    def __init__(self, settings: Settings, store: JobStore, loras: LoRAManager) -> None:
        self._outputs, self._store, self._loras = settings.outputs_dir, store, loras
        self._news, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is not None:
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
        self._thread.start()
        self.wake()

    def wake(self) -> None:
        """There may be a video to keep."""
        self._news.set()

    def stop(self) -> None:
        """Keep what is there, and end."""
        if self._thread is None:
            return
        self._stopping.set()
        self.wake()
        self._thread.join()
        self._thread = None

    def _work(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            ending = self._stopping.is_set()
            try:
                for part in self._store.previews_due():
                    self._store.note_preview(part.id, self._kept(part))
            except (StorageError, sqlite3.Error):
                logger.warning("Previews could not be kept for now", exc_info=True)
            if ending:
                return

    def _kept(self, part: JobPart) -> str:
        """Keep a part's video; what there is to be said of it."""
        result = part.result or {}
        picture, video = (
            self._outputs / Path(str(result.get(key, ""))) for key in ("poster_path", "video_path")
        )
        try:
            self._loras.set_thumbnail(self._name_now(part.preview_of, result), picture, video)
        except StudioError as error:
            logger.warning("The preview of %s was not kept: %s", part.preview_of, error.message)
            return error.message
        except Exception as error:
            # A boundary: one file that nothing can be made of does not end this thread.
            logger.exception("The preview of %s was not kept", part.preview_of)
            return f"{type(error).__name__}: {error}."
        return ""

    def _name_now(self, name: str, result: Mapping[str, Any]) -> str:
        """What the LoRA that was used is called now. Raises LoRANotFoundError."""
        used = _hashes((result.get("loras") or {}).get(name))
        try:
            if not used or used == _hashes(self._loras.record(name), "sha256s"):
                return name
        except LoRANotFoundError:
            if not used:
                raise
        for other, record in self._loras.list_available_loras().items():
            if used == _hashes(record, "sha256s"):
                return other
        raise LoRANotFoundError(GONE, suggestions=[say("jobs.previews.bring_back")])


def _hashes(said: Any, key: str = "sha256") -> frozenset[str]:
    """The hashes of a LoRA's files, as far as they are known."""
    found = said.get(key) if isinstance(said, Mapping) else None
    values = found.values() if isinstance(found, Mapping) else (found,)
    return frozenset(each for each in values if isinstance(each, str) and each)
