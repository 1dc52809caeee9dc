"""Rates: how often one visitor may ask for each kind of thing. Looking is free."""

from __future__ import annotations

import math
import re
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from wan_lora_studio.ui.door.needed_roles import READS

# A person with many files or a busy script stays far below; the first that fits counts.
KINDS: tuple[tuple[str, str, str], ...] = (
    ("asking", "3000/minute",
     "POST /api/jobs/estimate|(PUT|PATCH) /api/selection|POST /api/selection/.*"),
    ("jobs", "300/minute", "POST /api/jobs.*"),
    ("uploads", "6000/minute", "(PUT|POST) /api/loras(/upload.*|/sidecar)?"),
    ("pictures", "600/minute",
     "PUT /api/pictures|PUT /api/results/read|POST /gradio_api/upload"),
    ("doors", "60/minute", "POST /api/tokens|POST /sign-in"),
    ("models", "60/minute", "POST /api/models/.*"),
    ("searches", "1200/minute", "GET /api/loras/search|GET /api/results/archive"),
)  # fmt: skip
OTHERS = ("changes", parse("3000/minute"))  # all other changes together


class Rates:
    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._kinds = [(name, parse(limit), re.compile(asked)) for name, limit, asked in KINDS]

    def wait(self, visitor: str, method: str, path: str) -> int:
        """Count a request; for how many whole seconds the visitor has to wait with it, or 0."""
        found = self._kind(method, path)
        if found is None:
            return 0
        name, limit = found
        if self._windows.hit(limit, visitor, name):
            return 0
        ends = self._windows.get_window_stats(limit, visitor, name).reset_time
        return max(1, math.ceil(ends - time.time()))

    def _kind(self, method: str, path: str) -> tuple[str, RateLimitItem] | None:
        asked = f"{method} {path}"
        for name, limit, pattern in self._kinds:
            if pattern.fullmatch(asked):
                return name, limit
        return None if method in READS else OTHERS
