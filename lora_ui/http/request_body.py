"""Request bodies, read in portions of known sizes by a reader that does not wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request

from wan_lora_studio.errors import UploadError
from wan_lora_studio.texts import say

IDLE_SECONDS = 60.0


class Body:
    """Raises ClientDisconnect when the sender goes away, and UploadError when it stalls."""

    def __init__(self, request: Request) -> None:
        self._chunks = request.stream().__aiter__()
        self._rest = b""

    async def portion(self, size: int) -> AsyncIterator[bytes]:
        """The next `size` bytes in chunks; fewer if the body is over before."""
        while size > 0:
            chunk = self._rest or await self._next()
            if chunk is None:
                return
            chunk, self._rest = chunk[:size], chunk[size:]
            size -= len(chunk)
            yield chunk

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return bytes(await anext(self._chunks))
        except StopAsyncIteration:
            return None
        except TimeoutError:
            raise UploadError(
                say("lora_ui.http.idle", seconds=f"{IDLE_SECONDS:.0f}"),
                suggestions=[say("lora_ui.http.check_connection")],
                context={"status": 408},
            ) from None
