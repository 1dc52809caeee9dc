"""Hub: what the model hub says of a repository, and the bytes of its files.

The library's own session is used, with the user's token, endpoint and proxies. It is asked
asynchronously, so that every wait on the network can be cancelled at once.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from huggingface_hub import constants, get_async_session, hf_raise_for_status
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HTTPError,
    OfflineModeIsEnabled,
)
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from wan_lora_studio.errors import LoRAFileError, ModelLoadError
from wan_lora_studio.lora.files import Header, RawHeader, parse_header
from wan_lora_studio.model_store.hub_errors import hub_failure, offline
from wan_lora_studio.model_store.listing import Listing, RemoteFile
from wan_lora_studio.texts import say

__all__ = ["HTTPError", "Hub"]

MAIN = "main"
FIRST_BYTES = 100_000  # most headers are in them
MOST_HEADER = 100_000_000  # bytes; the limit of the format
FRESH_FOR = 300.0  # seconds that a listing is not asked for again
LENGTH = 8  # bytes of the header's own length


class Hub:
    """`endpoint` None: the user's, by HF_ENDPOINT. With `allowed` False nothing is ever asked."""

    def __init__(self, endpoint: str | None = None, *, allowed: bool = True) -> None:
        self._endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self._allowed = allowed
        self._listed: dict[tuple[str, str | None], tuple[float, Listing]] = {}

    async def listing(self, repo: str, revision: str | None = None) -> Listing:
        """All files of a repository, with sizes and hashes, as they were some minutes ago at most.

        Raises ModelLoadError.
        """
        asked, known = self._listed.get((repo, revision), (0.0, None))
        if known is None or time.monotonic() - asked > FRESH_FOR:
            known = await self._ask(repo, revision)
            self._listed[repo, revision] = (time.monotonic(), known)
        return known

    async def _ask(self, repo: str, revision: str | None) -> Listing:
        with self._failures(repo, revision):
            name = quote(revision or MAIN, safe="")
            url = f"{self._endpoint}/api/models/{quote(repo)}/revision/{name}"
            async with self._answer(url, params={"blobs": "true"}) as response:
                await response.aread()
                info: Any = ModelInfo(**response.json())  # type: ignore[no-untyped-call]
        files = tuple(
            RemoteFile(
                each.rfilename,
                each.size or 0,
                each.lfs.sha256 if each.lfs else str(each.blob_id or ""),
            )
            for each in info.siblings or ()
        )
        return Listing(repo, str(info.sha or revision or MAIN), files)

    @asynccontextmanager
    async def content(
        self, repo: str, commit: str, path: str, start: int = 0
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """The bytes of a file, and where in it they begin: at `start`, or at 0 where the server
        cannot begin there. Raises ModelLoadError; HTTPError where the connection is cut."""
        with self._failures(repo, commit, path):
            url = self._url(repo, commit, path)
            ranges = {"Range": f"bytes={start}-"} if start else {}
            async with self._answer(url, headers=ranges) as response:
                partial = response.status_code == HTTPStatus.PARTIAL_CONTENT
                yield (start if partial else 0), response.aiter_bytes()

    async def header(self, listing: Listing, file: RemoteFile) -> Header:
        """The header of a safetensors file, by its first bytes alone. Raises ModelLoadError."""
        text = await self._start(listing, file, min(FIRST_BYTES, file.size))
        length = struct.unpack("<Q", text[:LENGTH])[0] if len(text) >= LENGTH else MOST_HEADER + 1
        if length > min(MOST_HEADER, file.size):
            raise _no_header(listing, file)
        if len(text) < LENGTH + length:
            text = await self._start(listing, file, LENGTH + length)
        try:
            return parse_header(RawHeader(file.path, text[LENGTH : LENGTH + length], file.size))
        except LoRAFileError as error:
            raise _no_header(listing, file) from error

    async def beginning(self, listing: Listing, file: RemoteFile, size: int) -> bytes:
        """The first bytes of a file, so many or all. Raises ModelLoadError."""
        return await self._start(listing, file, min(size, file.size))

    async def small(self, listing: Listing, path: str) -> bytes:
        """The content of a small file, such as a configuration. Raises ModelLoadError."""
        file = next((each for each in listing.files if each.path == path), None)
        size = min(file.size, FIRST_BYTES) if file else 0
        return await self._start(listing, file, size) if file else b""

    async def _start(self, listing: Listing, file: RemoteFile, size: int) -> bytes:
        with self._failures(listing.repo, listing.commit, file.path):
            url = self._url(listing.repo, listing.commit, file.path)
            wanted = {"Range": f"bytes=0-{max(size - 1, 0)}"}
            found = bytearray()
            async with self._answer(url, headers=wanted) as response:
                async for chunk in response.aiter_bytes():
                    found += chunk
                    if len(found) >= size:
                        break
        return bytes(found[:size])

    def _url(self, repo: str, commit: str, path: str) -> str:
        return f"{self._endpoint}/{quote(repo)}/resolve/{quote(commit, safe='')}/{quote(path)}"

    @asynccontextmanager
    async def _answer(
        self, url: str, headers: dict[str, str] | None = None, **more: Any
    ) -> AsyncIterator[Any]:
        if not self._allowed:
            raise offline(say("model_store.hub.local_files_only"))
        # In a thread, as it may ask the hub. Compressed, no part of a file could be asked for.
        own = await asyncio.to_thread(build_hf_headers)
        sent = {**own, "Accept-Encoding": "identity", **(headers or {})}
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        async with (
            get_async_session() as session,
            session.stream("GET", url, headers=sent, timeout=timeout, **more) as response,
        ):
            if response.is_error:
                await response.aread()
                hf_raise_for_status(response)
            yield response

    @contextmanager
    def _failures(self, repo: str, revision: str | None, path: str = "") -> Iterator[None]:
        """What the library raises, in our words. A connection that is cut while bytes arrive is
        for who reads them."""
        try:
            yield
        except OfflineModeIsEnabled as error:
            raise offline(say("model_store.hub.offline_variable")) from error
        except HTTPError as error:
            raise hub_failure(error, repo, revision, self._endpoint, path) from error


def _no_header(listing: Listing, file: RemoteFile) -> ModelLoadError:
    return ModelLoadError(
        say("model_store.hub.header", file=file.path, repo=listing.repo),
        cause=say("model_store.hub.header_cause"),
        suggestions=[say("model_store.choose_repository")],
        context={"repo": listing.repo, "file": file.path},
    )
