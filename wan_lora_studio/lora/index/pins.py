"""Pins: LoRA files that are held for a run, whatever becomes of the library meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files import file_sha256
from wan_lora_studio.lora.inspection import LoRAInfo, inspect_lora
from wan_lora_studio.lora.names import is_lora_file
from wan_lora_studio.texts import say


@dataclass(frozen=True)
class PinnedFile:
    """One file as it was when it was pinned. `sha256` is "" where it was not known yet."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    sha256: str = ""

    def found(self, library: Path) -> Path:
        """Where the file is now. Raises LoRAFileError if it is gone, or another by now.

        A file that could not be held by a link may have been moved within the library, into its
        trash too.
        """
        path = Path(self.path)
        try:
            found = path.stat()
        except OSError as error:
            moved = next(filter(self._is_this, filter(_is_lora, library.rglob("*"))), None)
            if moved is None:
                raise self._changed(say("lora.index.pins.unreadable", file=path.name)) from error
            return moved
        if (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns):
            return path
        if found.st_size == self.size and self.sha256 and file_sha256(path) == self.sha256:
            return path  # only its date is another
        raise self._changed(say("lora.index.pins.overwritten", file=path.name))

    def _is_this(self, path: Path) -> bool:
        try:
            found = path.stat()
        except OSError:
            return False
        stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
        return stamp == (self.size, self.mtime_ns, self.inode)

    def _changed(self, message: str) -> LoRAFileError:
        return LoRAFileError(
            message,
            suggestions=[say("lora.index.pins.put_back")],
            context={"path": self.path, "size": self.size, "sha256": self.sha256},
        )


@dataclass(frozen=True)
class PinnedLoRA:
    """A LoRA as it was when it was pinned: its record, and its files by role."""

    record: dict[str, Any]
    files: dict[str, PinnedFile]

    def to_dict(self) -> dict[str, Any]:
        files = {role: vars(file) for role, file in self.files.items()}
        return {"record": self.record, "files": files}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PinnedLoRA:
        files = {role: PinnedFile(**file) for role, file in data["files"].items()}
        return cls(dict(data["record"]), files)

    def paths(self, library: Path) -> dict[str, Path]:
        return {role: file.found(library) for role, file in self.files.items()}

    def infos(self, library: Path) -> dict[str, LoRAInfo]:
        return {role: inspect_lora(path) for role, path in self.paths(library).items()}


Pins = Mapping[str, PinnedLoRA]
NO_PINS: Pins = MappingProxyType({})


def _is_lora(path: Path) -> bool:
    return is_lora_file(path.name)
