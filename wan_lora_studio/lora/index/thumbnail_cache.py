"""The thumbnails of the library: which are there, making those that are not, sweeping others."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import (
    PLACEHOLDER,
    THUMBNAIL_STAGE,
    THUMBNAILS_FOLDER,
    Thumbnail,
    make_thumbnail,
    picture_sources,
)
from wan_lora_studio.lora.index.records import Prepared, thumbnail_path
from wan_lora_studio.lora.storage import Catalog, some_rows
from wan_lora_studio.texts import say

STALE_SECONDS = 60.0
MARKED_AT_ONCE = 500
Row = tuple[str, str, str]  # name, version, content


@dataclass(frozen=True)
class ThumbnailCache:
    """`size` is the longest side in pixels."""

    root: Path
    catalog: Catalog
    size: int

    def file(self, prepared: Prepared) -> Path:
        """The thumbnail's file, made now if it is missing or out of date. Raises LoRAError."""
        name, version = prepared.entry.name, prepared.thumbnail_version
        target = self.root / prepared.thumbnail_path
        with self.catalog.transaction() as db:
            known = db.execute("SELECT version FROM pictures WHERE name=?", (name,)).fetchone()
        if known is None or known[0] != version or not target.is_file():
            self.save([self.make(prepared)])
        return target

    def make(self, prepared: Prepared, unsaved: Sequence[Row] = ()) -> Row:
        """Make a thumbnail; what is returned is to be saved, after what is `unsaved` yet.

        Raises LoRAError.
        """
        version = prepared.thumbnail_version
        made = self._make(prepared, self.root / prepared.thumbnail_path, unsaved)
        return prepared.entry.name, version, made.content

    def save(self, rows: Sequence[Row]) -> None:
        """Remember what was made from what."""
        with self.catalog.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", rows)

    def _make(self, prepared: Prepared, target: Path, unsaved: Sequence[Row]) -> Thumbnail:
        first = prepared.entry.first
        found = picture_sources(
            self.root / first.path if first.form else None,
            [self.root / path for path in prepared.previews],
            prepared.made,
        )
        try:
            return make_thumbnail(
                target, prepared.entry.name, found, self.size,
                lambda content: self._made_before(content, unsaved),
            )  # fmt: skip
        except OSError as error:
            raise LoRAError(
                say(
                    "lora.index.thumbnail_not_written",
                    lora=prepared.entry.name,
                    reason=error.strerror or error,
                ),
                suggestions=[say("lora.index.check_folder")],
            ) from error

    def _made_before(self, content: str, unsaved: Sequence[Row]) -> Path | None:
        """A thumbnail of the same content, under whatever name."""
        with self.catalog.transaction() as db:
            rows = db.execute("SELECT name FROM pictures WHERE content=?", (content,)).fetchall()
        names = [*(name for name, _, same in unsaved if same == content), *(n for (n,) in rows)]
        files = (self.root / thumbnail_path(name) for name in names)
        return next((file for file in files if file.is_file()), None)

    def versions(self, names: Collection[str] | None = None) -> dict[str, str]:
        """The version that each thumbnail was made for, by LoRA name: of all, or of these."""
        with self.catalog.transaction() as db:
            return dict(some_rows(db, "name, version", "pictures", "name", names))

    def forget(self, names: Iterable[str]) -> None:
        """Remove the thumbnails of LoRAs that are gone."""
        gone = list(names)
        if not gone or (self.root / THUMBNAILS_FOLDER).is_symlink():
            return
        for name in gone:
            (self.root / thumbnail_path(name)).unlink(missing_ok=True)
        with self.catalog.transaction() as db:
            _forget(db, gone)

    def without_picture(self, entries: Collection[Prepared]) -> list[str]:
        """The names of those of which there is no picture: theirs is a drawn one."""
        with self.catalog.transaction() as db:
            known = {
                name: (version, content)
                for name, version, content in db.execute(
                    "SELECT name, version, content FROM pictures"
                )
            }
        return [each.entry.name for each in entries if self._is_drawn(each, known)]

    def _is_drawn(self, prepared: Prepared, known: Mapping[str, tuple[str, str]]) -> bool:
        if prepared.previews or prepared.made is not None:
            return False
        version, content = known.get(prepared.entry.name, ("", ""))
        if version == prepared.thumbnail_version:
            return content.startswith(f"{PLACEHOLDER}:")
        first = prepared.entry.first
        return next(picture_sources(self.root / first.path, []), None) is None

    def make_missing(self, entries: Collection[Prepared], seconds: float) -> bool:
        """Make as many as the time allows; False if some are still missing."""
        few = len(entries) <= MARKED_AT_ONCE
        versions = self.versions([each.entry.name for each in entries] if few else None)
        deadline = time.monotonic() + seconds
        rows: list[Row] = []
        complete = True
        for prepared in entries:
            if versions.get(prepared.entry.name) == prepared.thumbnail_version:
                continue
            if time.monotonic() > deadline:
                complete = False
                break
            try:
                rows.append(self.make(prepared, rows))
            except LoRAError:
                break  # a folder that cannot be written: asking for it says so
        if rows:
            self.save(rows)
        return complete

    def sweep(self, names: Collection[str]) -> None:
        """Remove thumbnails of other LoRAs than these, and what a kill left of making one."""
        folder = self.root / THUMBNAILS_FOLDER
        kept = {thumbnail_path(name).rpartition("/")[2] for name in names}
        gone = [name for name in self.versions() if name not in names]
        if folder.is_symlink() or not folder.is_dir():
            return
        for path in folder.iterdir():
            with suppress(OSError):
                if path.name not in kept and (path.suffix != THUMBNAIL_STAGE or _is_stale(path)):
                    path.unlink()
        with self.catalog.transaction() as db:
            _forget(db, gone)


def _is_stale(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > STALE_SECONDS


def _forget(db: sqlite3.Connection, names: list[str]) -> None:
    for start in range(0, len(names), MARKED_AT_ONCE):
        some = names[start : start + MARKED_AT_ONCE]
        db.execute(f"DELETE FROM pictures WHERE name IN ({', '.join('?' * len(some))})", some)
