"""Upload routes: a LoRA as a raw body, with what goes beside it, straight into its stage."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from lora_ui.http.request_body import Body
from wan_lora_studio.errors import RequestError, UploadError
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.texts import say
from wan_lora_studio.units import from_mb

WRITE_BYTES = 1 << 20
IN_MEMORY_BYTES = 4 << 20
MAX_SIDECAR_BYTES = from_mb(200)
MOST_DIGITS = 20  # of a size


class Stage(Protocol):
    """What `LoRAUploadHandler.open_stage` gives: a LoRA that is not in the library yet."""

    @property
    def beside(self) -> list[dict[str, Any]]: ...

    def take_along(self, filename: str, source: IO[bytes]) -> object: ...

    def write(self, chunk: bytes) -> object: ...

    def finish(self) -> dict[str, Any]: ...

    def abort(self) -> object: ...


@dataclass(frozen=True)
class Sent:
    """What a request says of its body: files that go beside the LoRA, then the LoRA itself.

    `beside` has (name, size in bytes) in the body's order; `folder` as `open_stage` takes it.
    """

    filename: str
    folder: str | None = None
    beside: tuple[tuple[str, int], ...] = ()

    @classmethod
    def read(cls, filename: str, folder: str | None, beside: Sequence[str]) -> Sent:
        """`beside` are texts such as `1200:style.json`. Raises UploadError."""
        found = []
        for text in beside:
            size, _, name = text.partition(":")
            whole = size.isdecimal() and len(size) <= MOST_DIGITS
            if not (whole and name) or int(size) > MAX_SIDECAR_BYTES:
                raise RequestError(
                    say("lora_ui.http.upload.bad_size", text=repr(text)),
                    suggestions=[say("lora_ui.http.upload.give_size", most=MAX_SIDECAR_BYTES)],
                    context={"status": 400},
                )
            found.append((name, int(size)))
        return cls(filename, folder, tuple(found))


async def receive_upload(request: Request, sent: Sent, uploads: LoRAUploadHandler) -> JSONResponse:
    """Stream the body into stages and answer with the new record.

    Memory stays flat: at most `IN_MEMORY_BYTES` are held. Nothing is left behind when the sender
    goes away, stalls, or sends another length than it announced.
    """
    expected = _announced_size(request) - sum(size for _, size in sent.beside)
    if expected < 0:
        raise RequestError(say("lora_ui.http.upload.short_body"), context={"status": 400})
    stage = await run_in_threadpool(uploads.open_stage, sent.filename, expected, sent.folder)
    finished = False
    try:
        body = Body(request)
        for name, size in sent.beside:
            await _take_along(body, stage, name, size)
        await _copy(body, stage, expected)
        record = await run_in_threadpool(stage.finish)
        finished = True
    except ClientDisconnect:
        raise UploadError(say("lora_ui.http.upload.interrupted", file=sent.filename)) from None
    finally:
        if not finished:
            # Shielded, so that a cancelled request still cleans up.
            await asyncio.shield(run_in_threadpool(stage.abort))
    uploads_of = {"uploads": record.pop("uploads")} if "uploads" in record else {}
    answer = {"record": record, "beside": stage.beside, **uploads_of}
    return JSONResponse(answer, status_code=201)


async def receive_sidecar(
    request: Request, name: str, filename: str, uploads: LoRAUploadHandler
) -> dict[str, Any]:
    """Take the body as a file beside the LoRA; returns its record."""
    size = _announced_size(request)
    if size > MAX_SIDECAR_BYTES:
        raise UploadError(
            say("lora_ui.http.upload.too_large", file=filename), context={"status": 413}
        )
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        await _spool(Body(request), file, size)
        return await run_in_threadpool(uploads.add_sidecar, name, filename, file)


async def _take_along(body: Body, stage: Stage, name: str, size: int) -> None:
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        await _spool(body, file, size)
        await run_in_threadpool(stage.take_along, name, file)


async def _spool(body: Body, file: IO[bytes], size: int) -> None:
    """Read so many bytes into a file, and go back to its start."""
    received = 0
    async for chunk in body.portion(size):
        received += len(chunk)
        try:
            await run_in_threadpool(file.write, chunk)
        except OSError as error:
            raise UploadError(
                say("lora_ui.http.upload.not_kept", reason=error.strerror or error),
                suggestions=[say("lora_ui.http.upload.free_space")],
                context={"reason": "disk"},
            ) from error
    _require_all(received, size)
    file.seek(0)


def _announced_size(request: Request) -> int:
    value = request.headers.get("content-length", "")
    if not value.isdigit():
        raise RequestError(
            say("lora_ui.http.upload.no_length"),
            suggestions=[say("lora_ui.http.upload.send_length")],
            context={"status": 411},
        )
    return int(value)


async def _copy(body: Body, stage: Stage, expected: int) -> None:
    buffer = bytearray()
    received = 0
    async for chunk in body.portion(expected):
        received += len(chunk)
        buffer += chunk
        if len(buffer) >= WRITE_BYTES:
            await run_in_threadpool(stage.write, bytes(buffer))
            buffer.clear()
    if buffer:
        await run_in_threadpool(stage.write, bytes(buffer))
    _require_all(received, expected)


def _require_all(received: int, expected: int) -> None:
    if received != expected:
        raise UploadError(
            say("lora_ui.http.upload.incomplete", received=received, expected=expected),
            suggestions=[say("lora_ui.http.upload.again")],
        )
