"""One LoRA on its way in, with the files that go beside it: all of it arrives, or nothing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import IO, Any

from wan_lora_studio.errors import StudioError, UploadError
from wan_lora_studio.lora.files import ending_of
from wan_lora_studio.lora.inspection import CONFIG_NAME
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.storage import StagedFile, StagedSidecar
from wan_lora_studio.lora.uploads.grouping import folder_for
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

MAX_SIDECARS = 32


class Incoming:
    """An upload in progress, for a caller that pushes chunks. One thread at a time.

    `folder` is where in the library it goes; None keeps a folder of `filename` where the file
    has no name without it. Raises UploadError if it is refused before the first byte.
    """

    def __init__(
        self,
        settings: Settings,
        library: LoRALibrary,
        filename: str,
        expected_size: int | None = None,
        folder: str | None = None,
    ) -> None:
        self._settings = settings
        self._library = library
        self._folder = folder_for(filename) if folder is None else folder
        self._sidecars: list[StagedSidecar] = []
        self._outcomes: list[dict[str, Any]] = []
        self._staged = StagedFile(settings, filename, expected_size)

    @property
    def received(self) -> int:
        """Bytes of the LoRA written so far."""
        return self._staged.size

    @property
    def beside(self) -> list[dict[str, Any]]:
        """What becomes of each file that goes along: `filename`, `status` (taken_along or
        refused) and `error`."""
        return list(self._outcomes)

    def take_along(self, filename: str, source: IO[bytes]) -> None:
        """Check a file that shall lie beside the LoRA, named after it; `source` is read to its
        end. One that is refused stays out, and stops nothing."""
        try:
            if len(self._outcomes) >= MAX_SIDECARS:
                raise UploadError(say("lora.uploads.too_many_beside", most=MAX_SIDECARS))
            staged = StagedSidecar(self._settings, filename, sidecar_ending(filename), source)
        except StudioError as error:
            self._note(filename, error)
            return
        self._sidecars.append(staged)
        self._note(filename)

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises UploadError at a limit; everything staged is then gone."""
        try:
            self._staged.write(chunk)
        except UploadError:
            self.abort()
            raise

    def finish(self) -> dict[str, Any]:
        """Validate the file, place it with what goes along, and return its record.

        Raises UploadError (duplicate, name, size), LoRAFileError or UnsupportedLoRAError; the
        stages are then gone and the library is as before.
        """
        try:
            self._staged.finish()
            return self._library.adopt(self._staged, self._folder, self._sidecars)
        finally:
            self.abort()  # after a success the stages have moved, so this does nothing

    def abort(self) -> None:
        """Give the upload up and leave nothing behind. Harmless when called again."""
        self._staged.abort()
        for sidecar in self._sidecars:
            sidecar.abort()

    def _note(self, filename: str, error: StudioError | None = None) -> None:
        status = "refused" if error else "taken_along"
        plain = error.to_dict() if error else None
        self._outcomes.append({"filename": filename, "status": status, "error": plain})


def sidecar_ending(filename: str) -> str:
    """What follows the stem, or the whole name of a configuration. Raises UploadError."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    ending = CONFIG_NAME if name == CONFIG_NAME else ending_of(name)
    if ending is None:
        raise UploadError(
            say("lora.uploads.not_beside", file=repr(filename)),
            suggestions=[say("lora.uploads.beside_kinds")],
        )
    return ending
