"""Served files: every answer with a picture or a video from a user's folder.

The file is opened once, looked at, and that very descriptor is sent, so that nothing can be put in
its place in between. Ranges work, so that a video can be sought in.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from wan_lora_studio.media import Media, open_media


class ServedFile(FileResponse):
    """An answer with an open file, which it closes."""

    def __init__(
        self, media: Media, headers: Mapping[str, str], name: str | None, disposition: str
    ) -> None:
        super().__init__(
            "served by its descriptor",
            headers=headers,
            media_type=media.media_type,
            filename=name,
            stat_result=os.fstat(media.file.fileno()),
            content_disposition_type=disposition,
        )
        self._media = media

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # Servers that can send a file by its path would open another one perhaps.
            extensions = {
                name: value
                for name, value in (scope.get("extensions") or {}).items()
                if name != "http.response.pathsend"
            }
            await super().__call__({**scope, "extensions": extensions}, receive, send)
        finally:
            self._media.file.close()

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        yield anyio.wrap_file(self._media.file)


def served(
    path: Path,
    kind: str,
    headers: Mapping[str, str],
    *,
    follow: bool = True,
    name: str | None = None,
    disposition: str = "inline",
) -> ServedFile | None:
    """The answer with the file at `path`, or None if it is no file of this kind; see
    `open_media`. Its type is that of its content."""
    media = open_media(path, kind, follow=follow)
    return None if media is None else ServedFile(media, headers, name, disposition)
