"""A number for a value that is looked at again and again."""

from __future__ import annotations

import json
import threading
import time
from typing import Any


class RevisionCounter:
    """A number for a value: the same while the value is, a larger one when it changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = ""
        # Begins at the clock, so that a page which outlives a restart sees a new number.
        self._number = time.time_ns() // 1_000_000

    def number(self, value: dict[str, Any]) -> int:
        text = json.dumps(value, sort_keys=True, default=str)
        with self._lock:
            if text != self._last:
                self._number, self._last = self._number + 1, text
            return self._number
