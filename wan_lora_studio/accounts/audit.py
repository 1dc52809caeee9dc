"""Audit: who did what, in a file that is only added to, and begun anew when it is full.

A line is a JSON object. It names what was asked for, never what was sent: no password, no prompt.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wan_lora_studio.filesystem import replace

MOST_BYTES = 5_000_000
OLDER_FILES = 9
LONGEST = 200  # characters of a value

logger = logging.getLogger(__name__)


class Audit:
    """Several threads may use it. What cannot be written is logged, and stops nobody."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def note(self, who: str, where: str, did: str, **more: Any) -> None:
        """`who` did something from the address `where`; `more` are names and numbers."""
        line = {
            "time": round(time.time(), 3),
            "who": who[:LONGEST],
            "from": where[:LONGEST],
            "did": did[:LONGEST],
            **{name: _short(value) for name, value in more.items() if value not in (None, "", [])},
        }
        data = json.dumps(line, ensure_ascii=True).encode() + b"\n"
        with self._lock:
            try:
                self._make_room(len(data))
                self.path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                descriptor = os.open(self.path, flags, 0o600)
                try:
                    os.write(descriptor, data)
                finally:
                    os.close(descriptor)
            except OSError as error:
                logger.warning("The audit could not be written: %s", error)

    def last(self, count: int) -> list[Mapping[str, Any]]:
        """The newest lines, the newest first."""
        found: deque[Mapping[str, Any]] = deque(maxlen=count)
        with self._lock:
            for number in range(OLDER_FILES, -1, -1):
                found.extend(_lines(self._file(number)))
        return list(reversed(found))

    def _make_room(self, needed: int) -> None:
        try:
            if self.path.stat().st_size + needed <= MOST_BYTES:
                return
        except FileNotFoundError:
            return
        for number in range(OLDER_FILES - 1, -1, -1):
            if self._file(number).exists():
                replace(self._file(number), self._file(number + 1))

    def _file(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                try:
                    value = json.loads(text)
                except ValueError:
                    continue  # torn by a crash
                if isinstance(value, dict):
                    yield value
    except OSError:
        return


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, list):
        return [_short(each) for each in value[:20]] + (["…"] if len(value) > 20 else [])
    return value if isinstance(value, int | float | bool) else str(value)[:LONGEST]
