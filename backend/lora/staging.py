"""Receiving a file: written to `<loras_dir>/.staging/`, hashed on the way, validated, synced.

A stage is in the library's own file system, so that placing it is one link. Whatever goes
wrong, `abort` leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from backend.errors import LoRAFileError, UploadError
from backend.lora.gone import not_written
from backend.lora.hashing import Hashes, Hashing
from backend.lora.header import CONVERT_A_PICKLE, open_regular, read_header
from backend.lora.info import LoRAInfo
from backend.lora.inspection import inspect_lora
from backend.lora.names import (
    SUFFIX,
    is_lora_file,
    name_problem,
    safe_name,
    stem_of,
    suffix_of,
)
from backend.lora.scan import require_supported
from backend.lora.stages import create_locked, stage_folder, write_all
from backend.lora.tensor_data import validate_tensor_data
from backend.one_file import one_file
from backend.settings import Settings
from backend.units import MB

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
CHUNK_BYTES = 1024 * 1024
CHECK_DISK_EVERY = 4 * 1024 * 1024


class StagedFile:
    """One file on its way in. `write` until done, then `finish`; or `abort`.

    Constructing raises UploadError for a bad name, or if the expected size (bytes, None if not
    known) breaks a limit. Not safe for use by several threads at once.
    """

    def __init__(self, settings: Settings, filename: str, expected_size: int | None = None) -> None:
        self.stem = checked_stem(filename)
        self._suffix = suffix_of(filename).casefold()
        self._root = settings.loras_dir
        self.size = 0
        self._limit = int(settings.max_upload_mb * MB)
        self._reserve = int(settings.disk_reserve_mb * MB)
        self._expected = expected_size
        self._hash = Hashing()
        self._next_check = CHECK_DISK_EVERY
        self._check_size(expected_size or 0)
        self._open = False
        try:
            self._check_disk(stage_folder(settings.loras_dir), expected_size or 0)
            self._descriptor, self.path = create_locked(settings.loras_dir, self._suffix)
        except OSError as error:
            raise self._failed(error) from error
        self._open = self._held = True

    @property
    def filename(self) -> str:
        return self.stem + self._suffix

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, in hexadecimal."""
        return self.hashes.whole

    @property
    def hashes(self) -> Hashes:
        """Both hashes of what was written so far."""
        return self._hash.hashes

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises UploadError, after removing the stage, if a limit is reached."""
        if not self._open:
            raise UploadError(f"{self.filename}: the upload was already closed.")
        try:
            self._check_size(self.size + len(chunk))
            if self.size >= self._next_check:
                self._check_disk(self.path.parent, 0)
                self._next_check = self.size + CHECK_DISK_EVERY
            write_all(self._descriptor, chunk)
        except OSError as error:
            self.abort()
            raise self._failed(error) from error
        except UploadError:
            self.abort()
            raise
        self._hash.update(chunk)
        self.size += len(chunk)

    def finish(self) -> LoRAInfo:
        """Sync the data to disk and meanwhile validate header, layout and all tensor data.

        Raises UploadError if less came than was announced or the disk fails, LoRAFileError or
        UnsupportedLoRAError that name the uploaded file; the stage is then gone.
        """
        try:
            self._require_complete()
            self._open = False
            with ThreadPoolExecutor(1) as pool:
                syncing = pool.submit(os.fsync, self._descriptor)
                info = validated(self.path, self.filename)
            try:
                syncing.result()
            except OSError as error:
                raise self._failed(error) from error
        except BaseException:
            self.abort()
            raise
        if os.name != "posix":
            self._release()  # an open file cannot be moved there
        return info

    def _require_complete(self) -> None:
        if self._expected is not None and self.size != self._expected:
            raise UploadError(
                f"{self.filename}: {self.size} bytes arrived of {self._expected}.",
                suggestions=["Upload the file again: the connection broke off."],
            )

    def abort(self) -> None:
        """Remove the stage; harmless when it is gone already. What cannot be removed now is
        swept at the next start."""
        self._open = False
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        """Close the file, and with that give up its lock."""
        if self._held:
            self._held = False
            os.close(self._descriptor)

    def _failed(self, error: OSError) -> UploadError:
        return not_written(self.filename, self._root, error)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise UploadError(
                f"{self.filename} is larger than {self._limit / MB:g} MB.",
                suggestions=["Raise max_upload_mb in config.json, or copy the file by hand."],
                context={"limit_bytes": self._limit, "status": 413},
            )

    def _check_disk(self, folder: Path, needed: int) -> None:
        free = shutil.disk_usage(folder).free
        if free - needed < self._reserve:
            raise UploadError(
                f"{self.filename} needs {needed / MB:.0f} MB, but only {free / MB:.0f} MB are free"
                f" and {self._reserve / MB:.0f} MB are kept free.",
                suggestions=["Free some space on the disk of the LoRA folder."],
                context={"free_bytes": free, "needed_bytes": needed, "reason": "disk"},
            )


def stage_stream(
    settings: Settings, source: BinaryIO, filename: str, size: int | None
) -> StagedFile:
    """Read `source` to its end into a validated stage; on any failure no stage is left."""
    staged = StagedFile(settings, filename, size)
    try:
        while chunk := source.read(CHUNK_BYTES):
            staged.write(chunk)
        staged.finish()
    except BaseException:
        staged.abort()
        raise
    return staged


def stage_file(settings: Settings, path: Path, filename: str) -> StagedFile:
    """A validated stage with the content of the file at `path`."""
    checked_stem(filename)
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return stage_stream(settings, file, filename, size)


def validated(path: Path, filename: str) -> LoRAInfo:
    """Inspect a file completely, tensor data included, under the name it will have."""
    try:
        with one_file(filename, LoRAFileError):
            header = read_header(path)
            info = inspect_lora(path, name_hint=filename)
            require_supported(info, filename)
            validate_tensor_data(path, header)
    except LoRAFileError as error:
        renamed = error.message.replace(path.name, filename)
        raise LoRAFileError(
            renamed, suggestions=error.suggestions, context={**error.context, "file": filename}
        ) from error
    return info


def checked_stem(filename: str) -> str:
    """The LoRA's name from an uploaded file's name. Raises UploadError if it cannot be one."""
    if not is_lora_file(filename):
        raise not_a_lora(filename)
    stem = stem_of(filename)
    problem = name_problem(stem)
    if problem:
        raise UploadError(
            f"The name {stem!r} {problem}.",
            suggestions=[f"Rename the file, for example to {safe_name(stem)!r}."],
            context={"proposed_name": safe_name(stem)},
        )
    return stem


def is_pickle(filename: str) -> bool:
    """Whether a name is that of weights as PyTorch pickles them."""
    return filename.casefold().endswith(PICKLES)


def not_a_lora(filename: str) -> UploadError:
    """Why a file of another name is not taken."""
    if is_pickle(filename):
        return UploadError(
            f"{filename!r} is a PyTorch pickle, and opening one may run code that is hidden in it.",
            cause="Only safetensors files are taken, because they hold nothing but numbers.",
            suggestions=CONVERT_A_PICKLE,
            context={"reason": "pickle"},
        )
    return UploadError(
        f"{filename!r} is not a {SUFFIX} file.",
        suggestions=["Upload a .safetensors or .sft file."],
    )
