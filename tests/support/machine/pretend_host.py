"""Stands for a computer of a given size: psutil says that it has so much memory."""

from __future__ import annotations

from typing import Any

import psutil
import pytest


class PretendHost:
    """`total` is what the computer has, in bytes; as much as before of it is free."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, total: int) -> None:
        self.total = total
        real = psutil.virtual_memory

        def virtual_memory() -> Any:
            return real()._replace(total=self.total)

        monkeypatch.setattr(psutil, "virtual_memory", virtual_memory)
