"""ClamAV's daemon as a scanner, over its socket.

Protocol: clamd(8), INSTREAM. At its default limits it says OK of files that it did not scan; with
`AlertExceedsMax yes` it names them, and what is larger than `most` counts as unscanned anyway.
"""

from __future__ import annotations

import socket
import struct
from contextlib import closing
from typing import BinaryIO
from urllib.parse import urlsplit

from wan_lora_studio.scanning.verdict import Verdict
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB

PIECE = 256 * 1024
SECONDS = 120.0
LONGEST_ANSWER = 4096
LIMITS = "Heuristics.Limits.Exceeded"


class ClamdScanner:
    """`address` is `unix:/run/clamav/clamd.ctl` or `tcp://127.0.0.1:3310`; `most_mb` the size up
    to which it scans, its MaxFileSize."""

    def __init__(self, address: str, most_mb: float, seconds: float = SECONDS) -> None:
        self._address, self._most, self._seconds = address, int(most_mb * MB), seconds

    def scan(self, file: BinaryIO, size: int) -> Verdict:
        if size > self._most:
            return Verdict("unscanned", say("scanning.too_large", most=f"{self._most / MB:g}"))
        try:
            with closing(self._connected()) as connection:
                connection.sendall(b"zINSTREAM\0")
                while piece := file.read(PIECE):
                    connection.sendall(struct.pack(">I", len(piece)) + piece)
                connection.sendall(struct.pack(">I", 0))
                return _read(_answer(connection))
        except TimeoutError:
            return Verdict("unscanned", say("scanning.hangs"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return Verdict("unscanned", say("scanning.not_reached", reason=reason))

    def _connected(self) -> socket.socket:
        if self._address.startswith("unix:"):
            if not hasattr(socket, "AF_UNIX"):
                raise OSError(say("scanning.no_such_sockets"))
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(self._seconds)
            try:
                connection.connect(self._address.removeprefix("unix:"))
            except OSError:
                connection.close()
                raise
            return connection
        parts = urlsplit(self._address)
        return socket.create_connection((parts.hostname or "", parts.port or 3310), self._seconds)


def _answer(connection: socket.socket) -> str:
    found = b""
    while not found.endswith(b"\0") and len(found) < LONGEST_ANSWER:
        piece = connection.recv(LONGEST_ANSWER)
        if not piece:
            break
        found += piece
    return found.rstrip(b"\0\n").decode("utf-8", "replace")


def _read(answer: str) -> Verdict:
    said = answer.removeprefix("stream: ")
    if said == "OK":
        return Verdict("clean")
    if said.endswith(" FOUND"):
        name = said.removesuffix(" FOUND")
        if name.startswith(LIMITS):
            return Verdict("unscanned", say("scanning.limits"))
        return Verdict("infected", name)
    return Verdict("unscanned", say("scanning.said", answer=answer[:200] or "-"))
