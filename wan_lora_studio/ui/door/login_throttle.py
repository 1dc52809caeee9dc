"""Login throttle: how often a password may be guessed, by one visitor and by all together."""

from __future__ import annotations

import ipaddress
import logging
import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

EACH = parse("10/minute")
TOGETHER = parse("60/minute")  # of all other computers, so that many cannot guess for one
EVERYBODY = "everybody"

logger = logging.getLogger(__name__)


class LoginThrottle:
    """Counts logins that failed. This computer waits for its own failures only, so that nobody
    else can lock its owner out."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def wait(self, visitor: str) -> int:
        """For how many whole seconds `visitor`, an address, may not guess again."""
        return max(self._left(*each) for each in self._counted(visitor))

    def failed(self, visitor: str) -> None:
        for limit, name in self._counted(visitor):
            self._windows.hit(limit, name)
        logger.warning("A login from %s failed", visitor)

    def _counted(self, visitor: str) -> list[tuple[RateLimitItem, str]]:
        own = [(EACH, visitor)]
        return own if _is_here(visitor) else [*own, (TOGETHER, EVERYBODY)]

    def _left(self, limit: RateLimitItem, name: str) -> int:
        if self._windows.test(limit, name):
            return 0
        ends = self._windows.get_window_stats(limit, name).reset_time
        return max(1, math.ceil(ends - time.time()))


def _is_here(visitor: str) -> bool:
    try:
        return ipaddress.ip_address(visitor).is_loopback
    except ValueError:
        return False
