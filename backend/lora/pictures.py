"""The thumbnails of the library: which are there, and making those that are not."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.errors import LoRAError
from backend.lora.catalog import Catalog
from backend.lora.records import Prepared
from backend.lora.thumbnails import make_thumbnail


@dataclass(frozen=True)
class Pictures:
    """`size` is the longest side in pixels."""

    root: Path
    catalog: Catalog
    size: int

    def file(self, prepared: Prepared) -> Path:
        """The thumbnail's file, made now if it is missing or out of date. Raises LoRAError."""
        name, version = prepared.entry.name, prepared.thumbnail_version
        target = self.root / prepared.thumbnail_path
        if self.catalog.thumbnails().get(name) == version and target.is_file():
            return target
        first = prepared.entry.first
        try:
            make_thumbnail(
                target,
                name,
                self.root / first.path if first.form else None,
                [self.root / path for path in prepared.previews],
                self.size,
            )
        except OSError as error:
            raise LoRAError(
                f"The thumbnail of {name} cannot be written: {error.strerror or error}.",
                suggestions=["Check that the LoRA folder is writable and its disk is not full."],
            ) from error
        self.catalog.save_thumbnail(name, version)
        return target

    def make_missing(self, entries: Iterable[Prepared], seconds: float) -> None:
        """Make as many as the time allows; the others are made when asked for."""
        versions, deadline = self.catalog.thumbnails(), time.monotonic() + seconds
        for prepared in entries:
            if time.monotonic() > deadline:
                return
            if versions.get(prepared.entry.name) != prepared.thumbnail_version:
                try:
                    self.file(prepared)
                except LoRAError:
                    return  # a folder that cannot be written: asking for the thumbnail says so
