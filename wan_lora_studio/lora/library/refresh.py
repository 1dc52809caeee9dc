"""Refreshing a large library while a page is being served from what is known."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wan_lora_studio.errors import LoRAError, LoRAFileError
from wan_lora_studio.lora.files import CHUNK_BYTES, Hashes, Hashing, open_regular
from wan_lora_studio.lora.index import LibraryIndex, Row, ScannedFile, ThumbnailCache, Walk
from wan_lora_studio.lora.library.background import Background

PAUSES = 3  # times as long as the work: a quarter of the time is used
PUBLISH_SECONDS = 2.0  # a page sees new files at least this often
PUBLISH_SHARE = 10  # publishing takes at most one part in about this many of the time
HASHES_SECONDS = 30.0  # hashes are shown, and kept, about this often: pages read all anew then
NAMES_AT_ONCE = 200
PICTURES_AT_ONCE = 100


class Publisher(Protocol):
    """What takes over what was found."""

    lacks_pictures: bool  # whether some LoRAs may have no thumbnail yet

    def publish(
        self, walk: Walk | None, found: Mapping[str, ScannedFile], generation: int
    ) -> bool: ...
    def publish_hashes(self, hashes: Mapping[ScannedFile, Hashes]) -> None: ...


@dataclass(frozen=True)
class Refreshing:
    """The background work of one library. What was found is shown at once, by its publisher."""

    index: LibraryIndex
    pictures: ThumbnailCache
    library: Publisher

    def __call__(self, background: Background) -> None:
        while not background.is_cancelled and not self._refresh(background):
            pass
        self._read_texts(background)
        with suppress(LoRAError):  # asking for the thumbnail says what is wrong
            self._make_pictures(background)
        self._hash(background)

    def _refresh(self, background: Background) -> bool:
        """One look at the folder; False if something else looked meanwhile, so it is stale."""
        contents = self.index

        def stop() -> bool:
            return background.is_cancelled

        background.report("looking", 0, 0)
        generation, known = contents.generation, contents.files
        walk = contents.walk()
        found: dict[str, ScannedFile] = {}
        done, pause, published = 0, PUBLISH_SECONDS, time.monotonic()
        pending = contents.scanner.pending(walk.snapshot, known) if walk else []
        batches = contents.scanner.scan(walk.snapshot, pending, stop) if walk else ()
        background.report("reading", 0, len(pending))
        for batch in batches:
            found |= batch
            done += len(batch)
            background.report("reading", done, len(pending))
            started = time.monotonic()
            if started - published > pause:
                if not self.library.publish(walk, found, generation):
                    return False
                generation, published, found = contents.generation, time.monotonic(), {}
                pause = max(PUBLISH_SECONDS, PUBLISH_SHARE * (published - started))
        return self.library.publish(walk, found, generation)

    def _read_texts(self, background: Background) -> None:
        """Read the texts beside all LoRAs, so that a search finds them, and keep them."""
        contents = self.index
        names = list(contents.entries)
        for start in range(0, len(names), NAMES_AT_ONCE):
            if background.is_cancelled:
                break
            background.report("texts", start, len(names))
            with self.index.lock:
                some = names[start : start + NAMES_AT_ONCE]
                known = [name for name in some if name in contents.entries]
                contents.each(known, lambda prepared: prepared.sidecars)
        with self.index.lock:
            contents.texts.save()
            contents.index()

    def _make_pictures(self, background: Background) -> None:
        """Make the thumbnails that are missing, and sweep those of LoRAs that are gone."""
        library, contents = self.library, self.index
        if not library.lacks_pictures:
            return
        generation, entries = contents.generation, dict(contents.entries)
        versions = self.pictures.versions()
        rows: list[Row] = []
        for done, (name, prepared) in enumerate(entries.items()):
            if background.is_cancelled or contents.generation != generation:
                break  # what was found meanwhile is looked through the next time
            if versions.get(name) == prepared.thumbnail_version:
                continue
            background.report("pictures", done, len(entries))
            started = time.monotonic()
            rows.append(self.pictures.make(prepared, rows))
            if len(rows) >= PICTURES_AT_ONCE:
                self.pictures.save(rows)
                rows = []
            background.pause(time.monotonic() - started)
        else:
            library.lacks_pictures = False
            self.pictures.sweep(entries.keys())
        if rows:
            self.pictures.save(rows)

    def _hash(self, background: Background) -> None:
        """Hash what has no hash yet, the smallest files first, at a low share of the time."""
        unhashed = self.index.unhashed()
        found: dict[ScannedFile, Hashes] = {}
        published = time.monotonic()
        for done, file in enumerate(unhashed):
            background.report("hashing", done, len(unhashed))
            try:
                hashes = file_hashes_slowly(self.index.root / file.path, background)
            except (LoRAFileError, OSError):
                continue  # it went away, or cannot be read: the next look says so
            if hashes is None:
                break
            found[file] = hashes
            if time.monotonic() - published > HASHES_SECONDS:
                self.library.publish_hashes(found)
                found, published = {}, time.monotonic()
        self.library.publish_hashes(found)


def file_hashes_slowly(path: Path, background: Background) -> Hashes | None:
    """The same with a small share of the disk and the processor; None once it is cancelled."""
    digest = Hashing()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while not background.is_cancelled:
            started = time.monotonic()
            chunk = file.read(CHUNK_BYTES)
            if not chunk:
                return digest.hashes
            digest.update(chunk)
            background.pause(PAUSES * (time.monotonic() - started))
    return None
