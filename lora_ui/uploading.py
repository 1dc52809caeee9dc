"""Receiving one LoRA file as a raw request body, straight into its staging file."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any, Protocol

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from utils import LoRAUploadHandler, UploadError


class Stage(Protocol):
    """What `LoRAUploadHandler.open_stage` gives: a file that is not in the library yet."""

    def write(self, chunk: bytes) -> object: ...

    def finish(self) -> dict[str, Any]: ...

    def abort(self) -> object: ...


IDLE_SECONDS = 60.0
WRITE_BYTES = 1 << 20
IN_MEMORY_BYTES = 4 << 20
MAX_SIDECAR_BYTES = 200 << 20


async def receive_upload(
    request: Request, filename: str, uploads: LoRAUploadHandler
) -> JSONResponse:
    """Stream the body into a stage and answer with the new record.

    Memory stays flat: at most `WRITE_BYTES` are held. Nothing is left behind when the sender
    goes away, stalls for `IDLE_SECONDS`, or sends another length than it announced.
    """
    expected = _announced_size(request)
    stage = await run_in_threadpool(uploads.open_stage, filename, expected)
    finished = False
    try:
        await _copy(request, stage, expected)
        record = await run_in_threadpool(stage.finish)
        finished = True
    except ClientDisconnect:
        raise UploadError(f"The upload of {filename} was broken off.") from None
    finally:
        if not finished:
            # Shielded, so that a cancelled request still cleans up.
            await asyncio.shield(run_in_threadpool(stage.abort))
    return JSONResponse({"record": record}, status_code=201)


async def receive_sidecar(
    request: Request, name: str, filename: str, uploads: LoRAUploadHandler
) -> dict[str, Any]:
    """Take the body as a file beside the LoRA; returns its record."""
    limit = min(_announced_size(request), MAX_SIDECAR_BYTES)
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > limit:
                raise UploadError(f"{filename} is too large.", context={"status": 413})
            await run_in_threadpool(file.write, chunk)
        file.seek(0)
        return await run_in_threadpool(uploads.add_sidecar, name, filename, file)


def _announced_size(request: Request) -> int:
    value = request.headers.get("content-length", "")
    if not value.isdigit():
        raise UploadError("The upload does not say how large it is.", context={"status": 411})
    return int(value)


async def _copy(request: Request, stage: Stage, expected: int) -> None:
    buffer = bytearray()
    received = 0
    chunks = request.stream().__aiter__()
    while (chunk := await _next_chunk(chunks)) is not None:
        received += len(chunk)
        buffer += chunk
        if len(buffer) >= WRITE_BYTES:
            await run_in_threadpool(stage.write, bytes(buffer))
            buffer.clear()
    if buffer:
        await run_in_threadpool(stage.write, bytes(buffer))
    if received != expected:
        raise UploadError(
            f"Only {received} of {expected} bytes arrived.",
            suggestions=["Upload the file again."],
        )


async def _next_chunk(chunks: Any) -> bytes | None:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return bytes(await anext(chunks))
    except StopAsyncIteration:
        return None
    except TimeoutError:
        raise UploadError(
            f"Nothing arrived for {IDLE_SECONDS:.0f} seconds.",
            suggestions=["Check the connection and upload the file again."],
            context={"status": 408},
        ) from None
