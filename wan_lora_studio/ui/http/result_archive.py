"""Archive of results: several videos as one .zip, made while it is sent."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastapi.responses import StreamingResponse

from wan_lora_studio.media import Media, open_media
from wan_lora_studio.ui.messages import result_gone

PIECE = 1 << 20  # bytes


class _Outlet(io.RawIOBase):
    """What is written, to be taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def zipped(paths: Sequence[Path]) -> StreamingResponse:
    """The videos at these paths, uncompressed, each under a name of its own.

    Raises GenerationError (404) if one of them is gone, before anything is sent.
    """
    found: list[tuple[str, Media]] = []
    taken: set[str] = set()
    for path in paths:
        media = open_media(path, "video/mp4", follow=False)
        if media is None:
            for _, opened in found:
                opened.file.close()
            raise result_gone()
        found.append((_free_name(path, taken), media))
    name = f"videos-{datetime.date.today().isoformat()}.zip"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(_pieces(found), media_type="application/zip", headers=headers)


def _free_name(path: Path, taken: set[str]) -> str:
    name, number = path.name, 2
    while name.casefold() in taken:
        name, number = f"{path.stem}-{number}{path.suffix}", number + 1
    taken.add(name.casefold())
    return name


def _pieces(found: Sequence[tuple[str, Media]]) -> Iterator[bytes]:
    outlet = _Outlet()
    try:
        with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
            for name, media in found:
                with archive.open(name, "w", force_zip64=True) as entry:
                    while piece := media.file.read(PIECE):
                        entry.write(piece)
                        yield outlet.take()
        yield outlet.take()
    finally:
        for _, media in found:
            media.file.close()
