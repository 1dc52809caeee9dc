"""Uploading a .zip of LoRAs with the files beside them: a line for each of its files.

The archive is staged on disk and read entry by entry; each LoRA arrives with all that goes beside
it, or not at all, and one that is refused stops no other. Folders in it become folders.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO

from backend.errors import UploadError
from backend.lora.library import LoRALibrary
from backend.lora.names import is_lora_file
from backend.lora.stages import create_locked, stage_folder, write_all
from backend.lora.staging import CHECK_DISK_EVERY
from backend.lora.together import Together, refusal
from backend.lora.zip_files import ZipArchive
from backend.settings import Settings
from backend.units import MB

STAGE = ".part"
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
                f"{filename} holds no LoRA that can be read.",
                cause=" ".join(error.message for error in list(archive.refused.values())[:5]),
                suggestions=[
                    "LoRAs are .safetensors or .sft files; archives in it are not opened."
                ],
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
            f"No LoRA of {filename} was stored: {loras[0]['error']['message']}",
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
        self._settings, self._library = settings, library
        self._filename, self._folder = filename, folder
        self._expected = expected_size
        self._size = 0
        self._checked = 0
        self._held = False
        self._check_size(expected_size or 0)
        try:
            self._check_disk(expected_size or 0)
            self._descriptor, self._path = create_locked(settings.loras_dir, STAGE)
        except OSError as error:
            raise self._failed(error) from error
        self._held = True

    @property
    def beside(self) -> list[dict[str, Any]]:
        """What goes along is in the archive itself."""
        return []

    def take_along(self, filename: str, source: IO[bytes]) -> None:
        raise UploadError(f"{filename} cannot go along with an archive; put it into it.")

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises UploadError at a limit; the stage is then gone."""
        try:
            self._check_size(self._size + len(chunk))
            if self._size - self._checked >= CHECK_DISK_EVERY:
                self._check_disk(0)
                self._checked = self._size
            write_all(self._descriptor, chunk)
        except OSError as error:
            self.abort()
            raise self._failed(error) from error
        except UploadError:
            self.abort()
            raise
        self._size += len(chunk)

    def finish(self) -> dict[str, Any]:
        """Take in its LoRAs; the record of the first with `uploads`, as `as_record`."""
        try:
            if self._expected is not None and self._size != self._expected:
                raise UploadError(
                    f"{self._filename}: {self._size} bytes arrived of {self._expected}.",
                    suggestions=["Upload the file again: the connection broke off."],
                )
            with os.fdopen(os.dup(self._descriptor), "rb") as file:
                outcomes = take_in_archive(
                    self._settings, self._library, file, self._filename, self._folder
                )
            return as_record(self._library, self._filename, outcomes)
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove the stage; harmless when it is gone already."""
        if self._held:
            self._held = False
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)

    def _check_size(self, size: int) -> None:
        limit = int(self._settings.max_upload_mb * MB)
        if size > limit:
            raise UploadError(
                f"{self._filename} is larger than {limit / MB:g} MB.",
                suggestions=["Upload its LoRAs a few at a time, or raise max_upload_mb."],
                context={"limit_bytes": limit, "status": 413},
            )

    def _check_disk(self, needed: int) -> None:
        folder = stage_folder(self._settings.loras_dir)
        reserve = int(self._settings.disk_reserve_mb * MB)
        if shutil.disk_usage(folder).free - needed < reserve:
            raise UploadError(
                f"There is no space for {self._filename}.",
                suggestions=["Free some space on the disk of the LoRA folder."],
                context={"reason": "disk"},
            )

    def _failed(self, error: OSError) -> UploadError:
        return UploadError(
            f"{self._filename} could not be written: {error.strerror or error}.",
            suggestions=["Free some space on the disk of the LoRA folder and try again."],
            context={"reason": "disk"},
        )
