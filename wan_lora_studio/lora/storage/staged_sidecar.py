"""Receiving a file that goes beside a LoRA: staged, limited and checked by its content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from wan_lora_studio import filesystem
from wan_lora_studio.errors import LoRAFileError, UploadError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.files import MAX_PREVIEW_BYTES as MAX_PICTURE_BYTES
from wan_lora_studio.lora.files import MAX_SIDECAR_BYTES as MAX_TEXT_BYTES
from wan_lora_studio.lora.files import (
    MAX_VIDEO_BYTES,
    NOT_A_PICTURE,
    PICTURE_ENDINGS,
    VIDEO_ENDINGS,
    companion_kind,
    decoded,
    is_video,
    picture_of,
    read_sidecar,
)
from wan_lora_studio.lora.inspection import CONFIG_NAME, check_config
from wan_lora_studio.lora.storage.missing_folder import not_written
from wan_lora_studio.lora.storage.staging_area import create_locked, write_all
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB

SUFFIX = ".part"
SUGGESTIONS = (say("lora.storage.sidecar.leave_or_replace"),)
CHUNK_BYTES = 1024 * 1024


class StagedSidecar:
    """A checked sidecar on its way in, and the ending that it has after the LoRA's stem.

    Constructing reads `source` to its end; raises UploadError, and leaves nothing, if it is too
    large, is not what its ending says, or the disk is full.
    """

    def __init__(self, settings: Settings, filename: str, ending: str, source: IO[bytes]) -> None:
        self.ending = ending
        kind, self._limit, check = _kind(ending)
        self._name = filename
        self._root = settings.loras_dir
        try:
            self._descriptor, self.path = create_locked(settings.loras_dir, SUFFIX)
        except OSError as error:
            raise self._failed(error) from error
        self._held = True
        try:
            self._copy(source, int(settings.disk_reserve_mb * MB))
            with one_file(filename, UploadError, SUGGESTIONS):
                self._require(kind, fine=check(self.path))
        except OSError as error:
            self.abort()
            raise self._failed(error) from error
        except BaseException:
            self.abort()
            raise
        if not filesystem.MOVES_OPEN_FILES:
            self._release()  # an open file cannot be moved there

    def abort(self) -> None:
        """Remove the stage; harmless when it is gone already."""
        self._release()  # first: Windows removes no open file
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._held:
            self._held = False
            os.close(self._descriptor)

    def _copy(self, source: IO[bytes], reserve: int) -> None:
        size = 0
        while chunk := source.read(CHUNK_BYTES):
            size += len(chunk)
            if size > self._limit:
                raise UploadError(
                    say("lora.storage.too_large", file=self._name, limit=self._limit // MB),
                    suggestions=[say("lora.storage.sidecar.leave_or_shrink")],
                    context={"limit_bytes": self._limit, "status": 413},
                )
            if shutil.disk_usage(self.path.parent).free - len(chunk) < reserve:
                raise UploadError(
                    say("lora.storage.sidecar.no_space", file=self._name),
                    suggestions=[say("lora.storage.free_space")],
                    context={"reason": "disk"},
                )
            write_all(self._descriptor, chunk)
        os.fsync(self._descriptor)

    def _require(self, kind: str, *, fine: bool) -> None:
        if not fine:
            raise UploadError(
                say("lora.storage.sidecar.other_content", file=self._name, kind=kind),
                suggestions=SUGGESTIONS,
            )

    def _failed(self, error: OSError) -> UploadError:
        return not_written(self._name, self._root, error)


def _kind(ending: str) -> tuple[str, int, Callable[[Path], bool]]:
    """What a file of this ending has to be, its largest size in bytes, and the check."""
    kind = companion_kind(ending)
    if kind.endswith(PICTURE_ENDINGS):
        return say("lora.storage.sidecar.picture"), MAX_PICTURE_BYTES, _is_picture
    if kind.endswith(VIDEO_ENDINGS):
        return say("lora.storage.sidecar.video"), MAX_VIDEO_BYTES, is_video
    if kind.endswith((".txt", ".sha256")):
        return say("lora.storage.sidecar.text"), MAX_TEXT_BYTES, _is_text
    if ending == CONFIG_NAME:
        return say("lora.storage.sidecar.configuration"), MAX_TEXT_BYTES, _is_config
    readable = partial(_is_description, ending)
    return say("lora.storage.sidecar.description"), MAX_TEXT_BYTES, readable


def _is_picture(path: Path) -> bool:
    try:
        picture_of(path)
    except NOT_A_PICTURE:
        return False
    return True


def _is_text(path: Path) -> bool:
    try:
        decoded(path.read_bytes())
    except ValueError:
        return False
    return True


def _is_description(ending: str, path: Path) -> bool:
    """Read as a whole, as the library will read it."""
    try:
        read_sidecar(path, ending)
    except LoRAFileError:
        return False
    return True


def _is_config(path: Path) -> bool:
    try:
        check_config(path.read_bytes())
    except (ValueError, TypeError, AttributeError, LoRAFileError):
        return False
    return True
