"""Sessions: one LoRAUIState per browser, found by an opaque key, which a restart does not lose."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from wan_lora_studio.documents import Documents
from wan_lora_studio.errors import GenerationError, StorageError
from wan_lora_studio.session.state import LoRAUIState

KEPT_SECONDS = 30 * 24 * 3600  # as long as the browser keeps the key
logger = logging.getLogger(__name__)


class Sessions:
    """Sessions in memory, the last used; with `documents` the others, too, are found again."""

    def __init__(
        self,
        make: Callable[[], LoRAUIState],
        limit: int = 500,
        documents: Documents | None = None,
    ) -> None:
        self._make = make
        self._limit = limit
        self._documents = documents
        self._states: OrderedDict[str, LoRAUIState] = OrderedDict()
        self._lock = threading.Lock()
        if documents is not None:
            with suppress(StorageError):  # the next start tries again
                documents.forget_before(time.time() - KEPT_SECONDS)

    def open(self, key: str | None) -> tuple[str, LoRAUIState]:
        """The state under `key`; a new key and state where it is unknown."""
        with self._lock:
            state = self._known(key)
            if key is None or state is None:
                key, state = secrets.token_urlsafe(24), self._make()
            self._states[key] = state
            self._states.move_to_end(key)
            while len(self._states) > self._limit:
                self._states.popitem(last=False)
        state.last_refresh = datetime.now(UTC)
        return key, state

    def keep(self, key: str) -> None:
        """Write the state under `key` down, so that a restart finds it. Where that cannot be
        done, the selection works all the same until then."""
        if self._documents is not None:
            with self._lock:
                state = self._states.get(key)
            if state is not None:
                try:
                    self._documents.put(key, state.to_plain())
                except StorageError as error:
                    logger.warning("A selection is not kept for the next start: %s", error)

    def _known(self, key: str | None) -> LoRAUIState | None:
        if key is None or key in self._states or self._documents is None:
            return self._states.get(key or "")
        plain = self._documents.get(key)
        if plain is None:
            return None
        state = self._make()
        try:
            state.take_plain(plain)
        except (GenerationError, KeyError, TypeError, ValueError):
            logger.warning("A kept selection cannot be read; it starts empty.")
        return state
