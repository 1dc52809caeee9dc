"""JSON bodies of requests, read within the limits of untrusted JSON before anything else."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from wan_lora_studio.errors import RequestError
from wan_lora_studio.texts import say
from wan_lora_studio.units import from_mb
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json

MOST_BYTES = 4 * 1024 * 1024


class JSONRequest(Request):
    """Its body is counted as it arrives; its JSON is nested, long and large within reason."""

    _read: bytes | None = None
    _value: Any = None

    async def check(self) -> None:
        """Read the body if it is JSON. Raises RequestError that says what is wrong with it."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return
        data = await self._within_limit()
        try:
            self._value = read_json(data, whole=True) if data else None
        except UntrustedJSONError as error:
            raise RequestError(
                say("lora_ui.http.unreadable", reason=error.reason),
                suggestions=[say("lora_ui.http.see_docs")],
                context={"status": 422},
            ) from error
        self._read = data

    async def body(self) -> bytes:
        return await super().body() if self._read is None else self._read

    async def json(self) -> Any:
        return await super().json() if self._read is None else self._value

    async def _within_limit(self) -> bytes:
        found = bytearray()
        async for chunk in self.stream():
            found += chunk
            if len(found) > MOST_BYTES:
                raise RequestError(
                    say("lora_ui.http.too_large", most=MOST_BYTES // from_mb(1)),
                    suggestions=[say("lora_ui.http.send_less")],
                    context={"status": 413},
                )
        return bytes(found)
