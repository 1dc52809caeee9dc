"""Uploading a .zip of LoRAs with the files beside them: a line for each of its files.

The archive is staged on disk and read entry by entry; each LoRA arrives with all that goes beside
it, or not at all, and one that is refused stops no other. Folders in it become folders.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO

from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.names import is_lora_file
from wan_lora_studio.lora.storage import ReceivedFile
from wan_lora_studio.lora.uploads.batch import Together, refusal
from wan_lora_studio.lora.uploads.zip_files import ZipArchive
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB

STAGE = ".part"
SEND_LESS = say("lora.uploads.few_at_a_time")
UNPACKED = 4  # times the largest upload: what all files together may have


def take_in_archive(
    settings: Settings, library: LoRALibrary, file: BinaryIO, filename: str, folder: str = ""
) -> list[dict[str, Any]]:
    """Take in what the archive holds, below `folder`; the answer is that of `process_uploads`.

    Raises UploadError for an archive that is refused as a whole; nothing has changed then.
    """
    archive = ZipArchive.open(file, filename, UNPACKED * int(settings.max_upload_mb * MB))
    try:
        if not any(map(is_lora_file, archive.entries)):
            raise UploadError(
                say("lora.uploads.no_lora", file=filename),
                cause=" ".join(error.message for error in list(archive.refused.values())[:5]),
                suggestions=[say("lora.uploads.lora_files")],
            )
        called = PurePosixPath(filename.replace("\\", "/")).stem
        together = Together(settings, library, archive.entries, within=folder, called=called)
        outcomes = together.run()
        return [*outcomes, *(refusal(name, error) for name, error in archive.refused.items())]
    finally:
        archive.close()


def as_record(
    library: LoRALibrary, filename: str, outcomes: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The record of the first LoRA that was stored, with the outcomes as `uploads`.

    Raises UploadError, with `uploads` in its context, if none was.
    """
    loras = [item for item in outcomes if is_lora_file(item["filename"])]
    stored = [item for item in loras if item["status"] == "stored"]
    if not stored:
        raise UploadError(
            say("lora.uploads.none_stored", file=filename, problem=loras[0]["error"]["message"]),
            suggestions=loras[0]["error"]["suggestions"],
            context={"uploads": list(outcomes)},
        )
    return {**library.record(stored[0]["name"]), "uploads": list(outcomes)}


class IncomingArchive:
    """An archive on its way in, for a caller that pushes chunks; as `Incoming` is for a LoRA.

    Raises UploadError if it is refused before the first byte.
    """

    def __init__(
        self,
        settings: Settings,
        library: LoRALibrary,
        filename: str,
        expected_size: int | None = None,
        folder: str = "",
    ) -> None:
        self._settings, self._library, self._folder = settings, library, folder
        self._file = ReceivedFile(settings, filename, STAGE, expected_size, if_too_large=SEND_LESS)

    @property
    def beside(self) -> list[dict[str, Any]]:
        """What goes along is in the archive itself."""
        return []

    def take_along(self, filename: str, source: IO[bytes]) -> None:
        raise UploadError(say("lora.uploads.beside_archive", file=filename))

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises UploadError at a limit; the stage is then gone."""
        self._file.write(chunk)

    def finish(self) -> dict[str, Any]:
        """Take in its LoRAs; the record of the first with `uploads`, as `as_record`."""
        filename = self._file.filename
        try:
            self._file.require_complete()
            with os.fdopen(os.dup(self._file.descriptor), "rb") as file:
                outcomes = take_in_archive(
                    self._settings, self._library, file, filename, self._folder
                )
            return as_record(self._library, filename, outcomes)
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove the stage; harmless when it is gone already."""
        self._file.abort()
