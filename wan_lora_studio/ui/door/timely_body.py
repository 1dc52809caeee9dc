"""Timely body: a request that stops arriving is let go of, whatever it is for."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

IDLE_SECONDS = 75.0  # longer than what any route waits for itself, which says more


class TimelyBody:
    """Stands in for `receive`; what waits for a body that stalls is told that its sender left."""

    def __init__(self, receive: Receive, idle_seconds: float = IDLE_SECONDS) -> None:
        self._receive, self._idle_seconds = receive, idle_seconds
        self._over = False
        self.stalled = False

    async def __call__(self) -> Message:
        if self._over:  # now it is only waited for the sender to leave, which takes any time
            return await self._receive()
        try:
            async with asyncio.timeout(self._idle_seconds):
                message = await self._receive()
        except TimeoutError:
            self.stalled = self._over = True
            return {"type": "http.disconnect"}
        self._over = not message.get("more_body", False)
        return message
