"""Uploads: a file from the outside becomes a LoRA of the library, or nothing happens."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, BinaryIO

from wan_lora_studio.errors import LoRANotFoundError, StudioError
from wan_lora_studio.keyword_names import either_name
from wan_lora_studio.lora.index import info_summary
from wan_lora_studio.lora.inspection import inspect_lora
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.storage import StagedSidecar, checked_stem, stage_stream, validated
from wan_lora_studio.lora.uploads.archives import IncomingArchive, as_record, take_in_archive
from wan_lora_studio.lora.uploads.batch import (
    Data,
    Together,
    files_below,
    opened,
    refusal,
    with_companions,
)
from wan_lora_studio.lora.uploads.upload import Incoming, sidecar_ending
from wan_lora_studio.lora.uploads.zip_files import is_zip
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say


@either_name
class LoRAUploadHandler:
    """Takes files into the library at `settings.loras_dir`."""

    def __init__(self, settings: Settings, library: LoRALibrary | None = None) -> None:
        self.settings = settings
        self.library = library if library is not None else LoRALibrary(settings)

    def validate_file(self, file_path: str | Path) -> tuple[bool, str]:
        """Whether a file could be uploaded, and if not, why. Reads all of its data."""
        path = Path(file_path)
        try:
            checked_stem(path.name)
            info = validated(path, path.name)
        except StudioError as error:
            return False, error.message
        return True, say(
            "lora.uploads.found",
            dialect=info.dialect,
            algebras=", ".join(info.algebras),
            count=info.modules,
        )

    def open_stage(
        self, filename: str, expected_size: int | None = None, folder: str | None = None
    ) -> Incoming | IncomingArchive:
        """Begin an upload of `expected_size` bytes. Raises UploadError if it is refused now.

        `folder` is one of the library, made if it is not there; names in it that cannot be are
        changed. Without it, `style/high_noise.safetensors` keeps its folder, as the file would
        have no name of its own, and all others go to the top.
        """
        place = None if folder is None else self.library.folder_like(folder)
        if is_zip(filename):
            return IncomingArchive(
                self.settings, self.library, filename, expected_size, place or ""
            )
        return Incoming(self.settings, self.library, filename, expected_size, place)

    def add_sidecar(self, lora_name: str, filename: str, source: IO[bytes]) -> dict[str, Any]:
        """Put a preview or a description beside a LoRA, named after it; returns its record.

        What it is for is told by the ending of `filename`; the content is checked. Raises
        UploadError, or LoRAError if such a file is there already; nothing has changed then.
        """
        ending = sidecar_ending(filename)
        staged = StagedSidecar(self.settings, filename, ending, source)
        try:
            return self.library.add_sidecar(lora_name, staged)
        finally:
            staged.abort()

    def process_upload(
        self, file_data: bytes | BinaryIO | str | Path, filename: str
    ) -> dict[str, Any]:
        """Take a file in under `filename` and return its record. Memory use is constant.

        `file_data` is the content, an open binary file that is read to its end, or a path.
        Raises as `Stage.finish` does; then nothing has changed. Of a .zip the record is that of
        its first LoRA, with an outcome for each of its files as `uploads`.
        """
        if is_zip(filename):
            return as_record(self.library, filename, self.process_archive(file_data, filename))
        if isinstance(file_data, str | Path):
            return self.library.upload_lora_file(file_data, filename)
        size = len(file_data) if isinstance(file_data, bytes) else None
        source = io.BytesIO(file_data) if isinstance(file_data, bytes) else file_data
        staged = stage_stream(self.settings, source, filename, size)
        try:
            return self.library.adopt(staged)
        finally:
            staged.abort()

    def process_uploads(self, files: Mapping[str, Data]) -> list[dict[str, Any]]:
        """Take in several files at once: LoRAs with the previews and descriptions beside them.

        `files` maps the name a file was sent under, with its folders, to its content. Returns
        for each, in order: `filename`, `status` (stored, taken_along, duplicate, refused),
        `error` (None, or its type, message and suggestions) and for a LoRA its record's `name`;
        for a duplicate that is the LoRA that is there already. One that is refused leaves
        nothing and stops no other.
        """
        return Together(self.settings, self.library, files).run()

    def process_archive(
        self, file_data: bytes | BinaryIO | str | Path, filename: str
    ) -> list[dict[str, Any]]:
        """Take in a .zip of LoRAs with the files beside them, in the folders that it has.

        Returns as `process_uploads` does, by the paths in the archive. Raises UploadError for an
        archive that is refused as a whole; then nothing has changed.
        """
        with opened(file_data) as (source, _), _seekable(source) as file:
            return take_in_archive(self.settings, self.library, file, filename)

    def process_folder(self, folder: str | Path) -> list[dict[str, Any]]:
        """Take in a whole folder of this machine, as `process_uploads` does."""
        return self.process_uploads(files_below(Path(folder)))

    def process_path(self, path: str | Path, folder: str | None = None) -> list[dict[str, Any]]:
        """Take in a file of this machine with what lies beside it, a .zip, or a whole folder.

        Returns as `process_uploads` does. A file goes into `folder` of the library if that is
        given; one whose name says nothing takes the name of the folder that it lies in.
        """
        path = Path(path).absolute()
        if path.is_dir():
            return self.process_folder(path)
        try:
            if is_zip(path.name):
                return self.process_archive(path, path.name)
            if not path.is_file():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            files = with_companions(path)
        except (StudioError, OSError) as error:
            return [refusal(path.name, error)]
        if folder is None:
            return self.process_uploads({f"{path.parent.name}/{n}": f for n, f in files.items()})
        called = path.parent.name
        return Together(self.settings, self.library, files, folder, called).run()

    def generate_thumbnail(self, lora_name: str) -> str | None:
        """Make the thumbnail if needed; its path, or None if there is no such LoRA."""
        try:
            return str(self.library.thumbnail_file(lora_name))
        except LoRANotFoundError:
            return None

    def extract_metadata(self, lora_path: str | Path) -> dict[str, Any]:
        """What a file's header says, and what the file is. Raises LoRAFileError if broken."""
        info = inspect_lora(lora_path)
        description = asdict(info.description)
        description["description"] = description.pop("text")
        return {
            **description,
            "tags": list(info.description.tags),
            "trigger_words": list(info.description.trigger_words),
            **info_summary(info),
        }


@contextmanager
def _seekable(source: BinaryIO) -> Iterator[BinaryIO]:
    """The file itself, or a copy of it on disk where it can be read once only."""
    if source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        yield copy
