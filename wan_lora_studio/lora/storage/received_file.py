"""Receiving a file: its bytes, in pieces, into the staging folder, within the limits of an upload.

Whatever goes wrong, `abort` leaves nothing behind. A sweep leaves the file alone while it is open.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.storage.missing_folder import not_written
from wan_lora_studio.lora.storage.staging_area import create_locked, stage_folder, write_all
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB, in_part

CHECK_DISK_EVERY = 4 * 1024 * 1024
RAISE_LIMIT = say("lora.storage.upload.raise_limit")


class ReceivedFile:
    """A file on its way in. `write` until done, then `require_complete`; `abort` at any time.

    `filename` is what messages call it, `suffix` is the ending of the stage. Constructing raises
    UploadError if the expected size (bytes, None if not known) breaks a limit; `if_too_large` says
    what to do then. Not safe for use by several threads at once.
    """

    def __init__(
        self,
        settings: Settings,
        filename: str,
        suffix: str,
        expected_size: int | None = None,
        *,
        if_too_large: str = RAISE_LIMIT,
    ) -> None:
        self.filename = filename
        self.size = 0
        self._root = settings.loras_dir
        self._limit = int(settings.max_upload_mb * MB)
        self._reserve = int(settings.disk_reserve_mb * MB)
        self._expected = expected_size
        self._if_too_large = if_too_large
        self._next_check = CHECK_DISK_EVERY
        self._check_size(expected_size or 0)
        try:
            self._check_disk(expected_size or 0)
            self.descriptor, self.path = create_locked(settings.loras_dir, suffix)
        except OSError as error:
            raise self.failed(error) from error
        self._held = True

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises UploadError at a limit or for a full disk; nothing is left then."""
        try:
            self._check_size(self.size + len(chunk))
            if self.size >= self._next_check:
                self._check_disk(0)
                self._next_check = self.size + CHECK_DISK_EVERY
            write_all(self.descriptor, chunk)
        except OSError as error:
            self.abort()
            raise self.failed(error) from error
        except UploadError:
            self.abort()
            raise
        self.size += len(chunk)

    def require_complete(self) -> None:
        """Raises UploadError if less came than was announced."""
        if self._expected is not None and self.size != self._expected:
            part = in_part(self.size, self._expected)
            raise UploadError(
                say("lora.storage.upload.incomplete", file=self.filename, part=part),
                suggestions=[say("lora.storage.upload.again")],
            )

    def take_up(self) -> None:
        """Count what somebody else wrote to it. Raises UploadError at a limit."""
        self.size = os.fstat(self.descriptor).st_size
        self._check_size(self.size)

    def abort(self) -> None:
        """Remove the stage; harmless when it is gone already. What cannot be removed now is
        swept at the next start."""
        self.release()  # first: Windows removes no open file
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Close the file, and with that give up its lock."""
        if self._held:
            self._held = False
            os.close(self.descriptor)

    def failed(self, error: OSError) -> UploadError:
        """Why it could not be written."""
        return not_written(self.filename, self._root, error)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise UploadError(
                say("lora.storage.too_large", file=self.filename, limit=f"{self._limit / MB:g}"),
                suggestions=[self._if_too_large],
                context={"limit_bytes": self._limit, "status": 413},
            )

    def _check_disk(self, needed: int) -> None:
        free = shutil.disk_usage(stage_folder(self._root)).free
        if free - needed < self._reserve:
            raise UploadError(
                say(
                    "lora.storage.upload.no_room",
                    file=self.filename,
                    needed=f"{needed / MB:.0f}",
                    free=f"{free / MB:.0f}",
                    reserve=f"{self._reserve / MB:.0f}",
                ),
                suggestions=[say("lora.storage.free_space")],
                context={"free_bytes": free, "needed_bytes": needed, "reason": "disk"},
            )
