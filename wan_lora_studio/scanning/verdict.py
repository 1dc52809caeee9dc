"""Verdict: what a scanner for malware says of a file, and what a scanner is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

State = Literal["clean", "infected", "unscanned"]


@dataclass(frozen=True)
class Verdict:
    """`why` names what was found, or why nothing was looked for; empty for a clean file."""

    state: State
    why: str = ""


class Scanner(Protocol):
    """Other packages may bring one along: an entry point of the group `wan_lora_studio.scanners`,
    which is called with the settings."""

    def scan(self, file: BinaryIO, size: int) -> Verdict:
        """Look at a file from its beginning; `size` is in bytes. Raises nothing: whatever goes
        wrong is a verdict, unscanned."""
        ...
