"""Staging a LoRA file: received into `<loras_dir>/.staging/`, hashed on the way, validated, synced.

A stage is in the library's own file system, so that placing it is one link. Whatever goes
wrong, `abort` leaves nothing behind.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from wan_lora_studio import filesystem
from wan_lora_studio.errors import LoRAFileError, UploadError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.files import (
    CONVERT_A_PICKLE,
    PICKLE_RISK,
    Hashes,
    Hashing,
    open_regular,
    validate_tensor_data,
)
from wan_lora_studio.lora.inspection import LoRAInfo, inspect_with_header, require_supported
from wan_lora_studio.lora.names import (
    SUFFIX,
    as_converted,
    is_lora_file,
    is_pickle,
    name_problem,
    safe_name,
    stem_of,
    suffix_of,
)
from wan_lora_studio.lora.storage.received_file import ReceivedFile
from wan_lora_studio.sandbox import RefusedError, convert_pickle
from wan_lora_studio.scanning import require_harmless
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

CHUNK_BYTES = 1024 * 1024


class StagedFile:
    """One LoRA file on its way in. `write` until done, then `finish`; or `abort`.

    Constructing raises UploadError for a bad name, or if the expected size (bytes, None if not
    known) breaks a limit. Not safe for use by several threads at once.
    """

    def __init__(self, settings: Settings, filename: str, expected_size: int | None = None) -> None:
        self._pickle = filename if settings.accept_pickles and is_pickle(filename) else None
        filename = as_converted(filename) if self._pickle else filename
        self.stem = checked_stem(filename)
        suffix = suffix_of(filename).casefold()
        self._settings = settings
        self._file = ReceivedFile(settings, self.stem + suffix, suffix, expected_size)
        self._hash = Hashing()
        self.info: LoRAInfo | None = None  # what the file is, by the name it was sent under
        self._open = True

    @property
    def filename(self) -> str:
        return self._file.filename

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.size

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
            raise UploadError(say("lora.storage.upload.closed", file=self.filename))
        try:
            self._file.write(chunk)
        except UploadError:
            self._open = False
            raise
        self._hash.update(chunk)

    def finish(self) -> LoRAInfo:
        """Sync the data to disk and meanwhile validate header, layout and all tensor data.

        Raises UploadError if less came than was announced or the disk fails, LoRAFileError or
        UnsupportedLoRAError that name the uploaded file; the stage is then gone.
        """
        try:
            self._file.require_complete()
            self._open = False
            require_harmless(self._settings, self.path, self._pickle or self.filename)
            if self._pickle:
                self._convert(self._pickle)
            with ThreadPoolExecutor(1) as pool:
                syncing = pool.submit(os.fsync, self._file.descriptor)
                info = self.info = validated(self.path, self.filename)
            try:
                syncing.result()
            except OSError as error:
                raise self._file.failed(error) from error
        except BaseException:
            self.abort()
            raise
        if not filesystem.MOVES_OPEN_FILES:
            self._file.release()  # an open file cannot be moved there
        return info

    def _convert(self, pickle: str) -> None:
        """Put the tensors of the pickle that came in its place."""
        made = ReceivedFile(self._settings, self.filename, SUFFIX)
        try:
            with self.path.open("rb") as source:
                convert_pickle(source, made.descriptor)
            made.take_up()
            self._hash = Hashing()
            with made.path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    self._hash.update(chunk)
        except RefusedError as error:
            made.abort()
            raise _not_converted(pickle, error) from error
        except BaseException:
            made.abort()
            raise
        self._file.abort()
        self._file = made

    def abort(self) -> None:
        """Remove the stage; harmless when it is gone already."""
        self._open = False
        self._file.abort()


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
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return stage_stream(settings, file, filename, size)


def validated(path: Path, filename: str) -> LoRAInfo:
    """Inspect a file completely, tensor data included, under the name it will have."""
    try:
        with one_file(filename, LoRAFileError):
            info, header = inspect_with_header(path, filename)
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
            say("lora.storage.upload.name", name=repr(stem), problem=problem),
            suggestions=[say("lora.storage.upload.rename", name=repr(safe_name(stem)))],
            context={"proposed_name": safe_name(stem)},
        )
    return stem


def _not_converted(filename: str, error: RefusedError) -> UploadError:
    """Why a pickle gave no LoRA."""
    sentences = {
        "not_allowed": say("lora.storage.upload.pickle_asks", file=filename, asked=error.detail),
        "old_pickle": say("lora.storage.upload.pickle_old", file=filename),
        "packed": say("lora.storage.upload.pickle_packed", file=filename),
        "scattered": say("lora.storage.upload.pickle_scattered", file=filename),
        "no_tensors": say("lora.storage.upload.pickle_empty", file=filename),
        "too_large": say("lora.storage.upload.pickle_bomb", file=filename),
    }
    other = say("lora.storage.upload.pickle_damaged", file=filename)
    unsafe = error.reason in ("not_allowed", "too_large")
    return UploadError(
        sentences.get(error.reason, other),
        suggestions=[say("lora.storage.upload.pickle_delete")] if unsafe else CONVERT_A_PICKLE,
        context={"reason": "pickle"},
    )


def not_a_lora(filename: str) -> UploadError:
    """Why a file of another name is not taken."""
    if is_pickle(filename):
        return UploadError(
            say("lora.storage.upload.pickle", file=repr(filename), risk=PICKLE_RISK),
            cause=say("lora.storage.upload.pickle_cause"),
            suggestions=[*CONVERT_A_PICKLE, say("lora.storage.upload.pickle_setting")],
            context={"reason": "pickle"},
        )
    return UploadError(
        say("lora.storage.upload.not_a_lora", file=repr(filename)),
        suggestions=[say("lora.storage.upload.choose_lora")],
    )
