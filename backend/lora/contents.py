"""The library's contents in memory: kept equal to the folder, cheap to ask.

`Contents` looks at the folder again at most about once a second, and less often where looking
takes long, so that a page may poll it. It only reads; `library.py` changes things.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backend.errors import LoRAFileError, ModelLoadError
from backend.lora.architectures import Architecture, architecture_for, config_path
from backend.lora.belongings import previews_of, stems_of
from backend.lora.catalog import Catalog
from backend.lora.compatibility import Compatibility, judge
from backend.lora.header import open_regular
from backend.lora.names import name_problem
from backend.lora.pairing import Entry, make_entries
from backend.lora.records import Prepared, read_texts
from backend.lora.scan import Folders, ScannedFile, Snapshot, by_folder, scan_files, take_snapshot
from backend.lora.thumbnails import FOLDER as THUMBNAILS
from backend.settings import Settings

LOOK_SECONDS = 1.0
LOOK_SHARE = 20  # looking takes at most one part in this many of the time
HASH_BYTES_AT_ONCE = 256 * 1024 * 1024
HASH_CHUNK = 1024 * 1024


class Contents:
    """Not locked: `LoRALibrary` calls it with its own lock held."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.settings = settings
        self.root = settings.loras_dir
        self.catalog = catalog
        self.snapshot: Snapshot = {}
        self.names: Folders = {}
        self.files: dict[str, ScannedFile] = {}
        self.entries: dict[str, Prepared] = {}
        self.architectures: dict[str, Architecture | None] = {}
        self.offline = False
        self._next_look = 0.0
        self._prepared: dict[object, Prepared] = {}
        self._computed: dict[tuple[str, int, int], Architecture | None] = {}

    def look(self, *, now: bool = False) -> bool:
        """Bring everything up to date if it is time to, or `now`. True if a file changed.

        `now` also reads the roles and the models again, which may have changed without a file.
        """
        started = time.monotonic()
        if not now and started < self._next_look:
            return False
        try:
            snapshot = take_snapshot(self.root)
        except OSError:
            changed = not self.offline
            self.offline = True
            self._next_look = started + LOOK_SECONDS
            return changed
        changed = self.offline or snapshot != self.snapshot
        self.offline = False
        if changed or now:
            self.rebuild(snapshot)
        took = time.monotonic() - started
        self._next_look = time.monotonic() + max(LOOK_SECONDS, took * LOOK_SHARE)
        return changed

    def rebuild(self, snapshot: Snapshot) -> None:
        """Inspect what is new, pair, name and judge."""
        self.architectures = {name: self._architecture(name) for name in self.settings.models}
        files = scan_files(self.root, snapshot, self.catalog, self.files)
        files = self._hash_some(files)
        entries = make_entries(files.values(), self.catalog.roles(), self.catalog.pairings())
        self.names = by_folder(snapshot)
        prepared: dict[object, Prepared] = {}
        by_name = {}
        for name, entry in entries.items():
            key = self._key(entry, snapshot)
            found = self._prepared.get(key) or self._prepare(entry, snapshot)
            # The hashes of the files may have come to be known since `found` was made.
            prepared[key] = by_name[name] = replace(found, entry=entry)
        self.snapshot, self.files, self.entries = snapshot, files, by_name
        self._prepared = prepared

    def _architecture(self, model_type: str) -> Architecture | None:
        """The model's architecture, computed anew only if its local config changed."""
        try:
            found = config_path(self.settings, model_type).stat()
            stamp = (model_type, found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = (model_type, 0, 0)
        if stamp not in self._computed:
            try:
                self._computed[stamp] = architecture_for(self.settings, model_type)
            except ModelLoadError:
                self._computed[stamp] = None
        return self._computed[stamp]

    def _key(self, entry: Entry, snapshot: Snapshot) -> object:
        """Two entries with this key equal have the same texts, verdicts and thumbnail."""
        own = [path for stem in stems_of(entry, self.names) for path in stem.paths()]
        known = tuple(sorted(name for name, value in self.architectures.items() if value))
        widths = tuple(value.width for value in self.architectures.values() if value)
        files = tuple((role, file.path) for role, file in entry.files.items())
        return entry.name, files, tuple((path, snapshot[path]) for path in own), known, widths

    def _prepare(self, entry: Entry, snapshot: Snapshot) -> Prepared:
        previews = previews_of(entry, self.names)
        sources = [*previews, *(file.path for file in entry.files.values())]
        stamps = [(path, snapshot[path]) for path in sources]
        seed = repr((entry.name, self.settings.thumbnail_size, stamps))
        return Prepared(
            entry=entry,
            sidecars=read_texts(self.root, entry, self.names),
            verdicts=self._verdicts(entry),
            thumbnail_path=thumbnail_path(entry.name),
            thumbnail_version=hashlib.sha256(seed.encode(errors="replace")).hexdigest()[:16],
            previews=tuple(previews),
        )

    def _verdicts(self, entry: Entry) -> dict[str, Compatibility]:
        infos = {role: file.info for role, file in entry.files.items() if file.info}
        error = next((file.error for file in entry.files.values() if file.error), None)
        found = {}
        for model_type, architecture in self.architectures.items():
            if error:
                found[model_type] = Compatibility(model_type, False, "no", (error.message,))
            elif architecture is None:
                title = self.settings.model(model_type).title
                why = f"{title} is not installed, so it is not known whether this fits."
                found[model_type] = Compatibility(model_type, False, "unknown", (why,))
            else:
                found[model_type] = judge(infos, model_type, architecture)
        return found

    def _hash_some(self, files: Mapping[str, ScannedFile]) -> dict[str, ScannedFile]:
        """Hash files that have no hash yet, the smallest first, as far as it goes quickly."""
        found, budget = dict(files), HASH_BYTES_AT_ONCE
        for file in sorted(files.values(), key=lambda item: item.stamp.size):
            if file.sha256 or file.error:
                continue
            budget -= file.stamp.size
            if budget < 0:
                break
            found[file.path] = self.hashed(file)
        return found

    def hashed(self, file: ScannedFile) -> ScannedFile:
        """The file with its SHA256; read once, then from the catalogue.

        A file that changed meanwhile keeps an empty hash until it is looked at again.
        """
        if file.sha256:
            return file
        try:
            sha256 = file_sha256(self.root / file.path)
        except LoRAFileError:
            return file
        self.catalog.save_hash(file.path, file.stamp.size, file.stamp.mtime_ns, sha256)
        return replace(file, sha256=sha256)


def file_sha256(path: Path) -> str:
    """SHA256 of a file in hexadecimal. Raises LoRAFileError if it cannot be opened."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        while chunk := file.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def thumbnail_path(name: str) -> str:
    """Where the thumbnail of a LoRA of that name is, relative to the library."""
    if name_problem(name) is None:
        return f"{THUMBNAILS}/{name}.webp"
    return f"{THUMBNAILS}/{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:32]}.webp"
