"""Uploads: a file from the outside becomes a LoRA of the library, or nothing happens."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from backend.errors import LoRANotFoundError, StudioError, UploadError
from backend.lora.bundles import folder_for
from backend.lora.inspection import inspect_lora
from backend.lora.library import LoRALibrary
from backend.lora.showing import info_summary
from backend.lora.sidecars import ending_of
from backend.lora.staged_sidecars import StagedSidecar
from backend.lora.staging import StagedFile, checked_stem, stage_stream, validated
from backend.lora.together import Together, files_below
from backend.settings import Settings


class Stage:
    """An upload in progress, for a caller that pushes chunks. One thread at a time."""

    def __init__(self, library: LoRALibrary, staged: StagedFile, folder: str = "") -> None:
        self._library = library
        self._folder = folder
        self._staged = staged

    @property
    def received(self) -> int:
        """Bytes written so far."""
        return self._staged.size

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises UploadError at a limit; the stage is then gone."""
        self._staged.write(chunk)

    def finish(self) -> dict[str, Any]:
        """Validate the file, place it and return its record.

        Raises UploadError (duplicate, name, size), LoRAFileError or UnsupportedLoRAError; the
        stage is then gone and the library is as before.
        """
        try:
            self._staged.close()
            self._staged.inspect()
            return self._library.adopt(self._staged, self._folder)
        finally:
            self._staged.abort()  # after a success the stage has moved, so this does nothing

    def abort(self) -> None:
        """Give the upload up and leave nothing behind. Harmless when called again."""
        self._staged.abort()


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
        return True, f"{info.dialect} ({', '.join(info.algebras)}), {info.modules} layers"

    def open_stage(self, filename: str, expected_size: int | None = None) -> Stage:
        """Begin an upload of `expected_size` bytes. Raises UploadError if it is refused now.

        `filename` may be a path: `style/high_noise.safetensors` keeps its folder, as without it
        the file would have no name of its own. All others go to the top folder.
        """
        staged = StagedFile(self.settings, filename, expected_size)
        return Stage(self.library, staged, folder_for(filename))

    def add_sidecar(self, lora_name: str, filename: str, source: IO[bytes]) -> dict[str, Any]:
        """Put a preview or a description beside a LoRA, named after it; returns its record.

        What it is for is told by the ending of `filename`; the content is checked. Raises
        UploadError, or LoRAError if such a file is there already; nothing has changed then.
        """
        ending = ending_of(PurePosixPath(filename.replace("\\", "/")).name)
        if ending is None:
            raise UploadError(
                f"{filename} is neither a preview nor a description of a LoRA.",
                suggestions=["Pictures, MP4, WebM, JSON and text files are taken."],
            )
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
        Raises as `Stage.finish` does; then nothing has changed.
        """
        if isinstance(file_data, str | Path):
            return self.library.upload_lora_file(file_data, filename)
        size = len(file_data) if isinstance(file_data, bytes) else None
        source = io.BytesIO(file_data) if isinstance(file_data, bytes) else file_data
        staged = stage_stream(self.settings, source, filename, size)
        try:
            return self.library.adopt(staged)
        finally:
            staged.abort()

    def process_uploads(
        self, files: Mapping[str, bytes | BinaryIO | str | Path]
    ) -> list[dict[str, Any]]:
        """Take in several files at once: LoRAs with the previews and descriptions beside them.

        `files` maps the name a file was sent under, with its folders, to its content. Returns
        for each, in order: `filename`, `status` (stored, taken_along, duplicate, refused),
        `error` (None, or its type, message and suggestions) and for a LoRA its record's `name`;
        for a duplicate that is the LoRA that is there already. One that is refused leaves
        nothing and stops no other.
        """
        return Together(self.settings, self.library, files).run()

    def process_folder(self, folder: str | Path) -> list[dict[str, Any]]:
        """Take in a whole folder of this machine, as `process_uploads` does."""
        return self.process_uploads(files_below(Path(folder)))

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
