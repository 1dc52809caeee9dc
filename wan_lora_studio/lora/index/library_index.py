"""The library's contents in memory: kept equal to the folder, cheap to ask.

Held is what is needed to list, pair, search and notice changes; the rest is put together from
the catalogue's texts when it is asked for. It only reads; `library.py` changes things.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from wan_lora_studio.errors import LoRAFileError, StudioError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.files import (
    PLACEHOLDER,
    Hashes,
    SidecarReading,
)
from wan_lora_studio.lora.index.entries import Entry
from wan_lora_studio.lora.index.entry_files import previews_of, stems_of
from wan_lora_studio.lora.index.entry_table import Difference, EntryTable
from wan_lora_studio.lora.index.file_hashing import FileHashing, place_of
from wan_lora_studio.lora.index.folder_notes import (
    note_on_gone,
    notes_on_catalog,
    notes_on_extra,
    notes_on_unshown,
)
from wan_lora_studio.lora.index.history import reunite
from wan_lora_studio.lora.index.records import Prepared, searched
from wan_lora_studio.lora.index.scanner import ScannedFile, Scanner, broken
from wan_lora_studio.lora.index.search import Indexed, SearchIndex, indexed, shown_hashes
from wan_lora_studio.lora.index.sidecar_cache import NOTHING, Texts
from wan_lora_studio.lora.index.verdicts import Judge, Verdicts
from wan_lora_studio.lora.index.walk import (
    Folders,
    Snapshot,
    Stamp,
    Walk,
    by_folder,
    extra_folders,
    extra_prefix,
    parent_of,
    relist,
    take_walk,
)
from wan_lora_studio.lora.inspection import Architecture
from wan_lora_studio.lora.names import composed, is_lora_file, name_key
from wan_lora_studio.lora.storage import Catalog, FormStore, ScanCache
from wan_lora_studio.settings import Settings

LOOK_SECONDS = 1.0
LOOK_SHARE = 20  # looking takes at most one part in this many of the time
GONE = Stamp(0, 0)
T = TypeVar("T")
Clock = Callable[[], float]


@dataclass(frozen=True)
class Renewed:
    """What a look at some folders has brought: names of LoRAs of which something may be new, and
    names that are gone. `by_others`: some of it was not changed by who looked."""

    names: frozenset[str]
    gone: frozenset[str]
    by_others: bool = False


class LibraryIndex:
    """What changes it needs the turn (`library.turn`), and takes `lock` for the moment in which
    memory changes; whoever asks holds `lock`."""

    def __init__(self, settings: Settings, catalog: Catalog, clock: Clock = time.monotonic) -> None:
        """`clock` is what says when it is time to look again, in seconds."""
        self._clock = clock
        self.root = settings.loras_dir
        self.catalog = catalog
        self.lock = threading.RLock()
        self.findings = ScanCache(catalog)
        self.forms = FormStore(catalog)
        self.scanner = Scanner(self.root, self.findings, self.forms)
        self.texts = Texts(self.root, self.findings)
        self._hashing = FileHashing(self.root, catalog)
        self.judge = Judge(settings)
        self.extra = extra_folders(settings)
        self._fixed = tuple(map(extra_prefix, extra_folders(settings, writable=False)))
        self.names: Folders = {}
        self._beside: set[str] = set()
        self._made: dict[str, str] = {}
        self._data_hashes: dict[str, str] = {}
        self.files: dict[str, ScannedFile] = {}
        self.entries: dict[str, Prepared] = {}
        self.moved: dict[str, str] = {}  # path now -> before, of files that others have moved
        self.offline = False
        self.seen = Walk({})  # the last look
        self._remade, self._mended = catalog.remade, catalog.mended
        self._table = EntryTable()
        self._walked = False  # everything was looked at since the start
        self.generation = 0  # grows with every rebuild
        self.seen_revision = -1  # the catalogue's, when what is known was last made equal to it
        self.look_took = 0.0
        self._loaded = False
        self._unread = False  # files were left out of the last publication
        self._next_look = 0.0
        self._renewed: dict[str, int] = {}  # by name, the generation of the last change
        self._whole_since = 0  # the generation in which all of it was taken anew
        self._indexed: dict[str, Indexed] = {}
        self._index: SearchIndex | None = None

    @property
    def settings(self) -> Settings:
        return self.judge.settings

    @property
    def architectures(self) -> dict[str, Architecture | None]:
        return self.judge.architectures

    @property
    def snapshot(self) -> Snapshot:
        return self.seen.snapshot

    @property
    def is_due(self) -> bool:
        """Whether it is time to look at the folder again."""
        return self._mended != self.catalog.mended or self._clock() >= self._next_look

    def load(self) -> bool:
        """Take over what the catalogue knows, without a look at the folder; False if done."""
        with self.lock:
            if self._loaded:
                return False
            self.judge.look()
            self.texts.load()
            files, snapshot = self.scanner.load()
            folders = {path.rpartition("/")[0] for path in snapshot if not self.is_extra(path)}
            self._take(files, Walk(snapshot, folders=tuple(sorted(folders - {""}))))
            self._loaded = True
        return True

    def walk(self) -> Walk | None:
        """What lies in the folders now; None if the library's own cannot be reached."""
        started = self._clock()
        try:
            return take_walk(self.root, self.extra)
        except OSError:
            return None
        finally:
            self.look_took = self._clock() - started

    def look(self, *, now: bool = False) -> bool:
        """Bring everything up to date if it is time to, or `now`. True if a file changed.

        `now` also reads the roles and the models again, which may have changed without a file.
        """
        if not (now or self.is_due or self._unread):
            return False
        self.load()
        self._forget_damaged()
        walk = self.walk()
        changed = self.differs(walk)
        if walk is not None and (changed or now):
            found: dict[str, ScannedFile] = {}
            for batch in self.scanner.scan(
                walk.snapshot, self.scanner.pending(walk.snapshot, self.files)
            ):
                found |= batch
            self.publish(walk, found)
        self.looked(walk)
        return changed

    def pending_count(self) -> int:
        """How many files a look would have to read now."""
        self._forget_damaged()
        walk = self.walk()
        return 0 if walk is None else len(self.scanner.pending(walk.snapshot, self.files))

    def _forget_damaged(self) -> None:
        """After a damaged catalogue was set aside, each file is read again at the next look: what
        was known of its form lay there. Until then the records stay as they were."""
        if self._mended != self.catalog.mended:
            with self.lock:
                self._mended = self.catalog.mended
                self.scanner.forget_saved()
                self.files, self.seen = {}, Walk({})

    def differs(self, walk: Walk | None) -> bool:
        """Whether the folders have changed since the last look."""
        if walk is None or self.offline:
            return self.offline != (walk is None)
        return replace(walk, snapshot=self._whole(walk)) != self.seen

    def looked(self, walk: Walk | None) -> None:
        """Note that the folders were looked at just now, and whether they could be."""
        self.offline = walk is None
        self._walked = walk is not None
        self._next_look = self._clock() + max(LOOK_SECONDS, self.look_took * LOOK_SHARE)

    def publish(self, walk: Walk, found: Mapping[str, ScannedFile]) -> None:
        """Take over a walk with the files that were `found` new or changed in it."""
        with self.lock:
            self.judge.look()
        files: dict[str, ScannedFile] = {}
        snapshot: Snapshot = {}
        beside = []
        before, whole = self.snapshot, self._whole(walk)
        for path, stamp in whole.items():
            if not is_lora_file(path):
                snapshot[path] = stamp
                if before.get(path) != stamp:
                    beside.append((path, *stamp))
            elif (file := found.get(path) or self.files.get(path)) is not None:
                # One that was not read yet keeps its old stamp, or is left out, so that the next
                # look still finds it to be new.
                files[path] = file
                snapshot[path] = file.stamp
        gone = before.keys() - snapshot.keys()
        if gone or beside or found:
            self.findings.mark(gone=gone, there=found, beside=beside)
        self._unread = snapshot != whole
        fresh = [path for path in found if path not in before]
        files = self._reunited(self._hashing.some(files, files.values()), fresh)
        self._take(files, replace(walk, snapshot=snapshot))
        self._save_anew()

    def _save_anew(self) -> None:
        """Give a catalogue that was made again what was in the one before."""
        if self._remade == self.catalog.remade:
            return
        self._remade = self.catalog.remade
        self.scanner.save_anew(list(self.files.values()))
        beside = [(path, *stamp) for path, stamp in self.snapshot.items() if path not in self.files]
        self.findings.mark(gone=(), there=(), beside=beside)

    def take_hashes(self, hashes: Mapping[ScannedFile, Hashes]) -> None:
        """Take over what was hashed in the background; files that changed since stay as they are.

        One that turns out to be a file that was known under another name gets its history.
        """
        files = dict(self.files)
        known = {file: found for file, found in hashes.items() if files.get(file.path) is file}
        current = {place_of(file): found for file, found in known.items()}
        same = [file for file in files.values() if not file.sha256 and place_of(file) in current]
        files |= {file.path: self._hashing.keep(file, *current[place_of(file)]) for file in same}
        files = self._reunited(files, [file.path for file in same])
        self._take(files, self.seen)

    def _reunited(
        self, files: dict[str, ScannedFile], paths: Iterable[str]
    ) -> dict[str, ScannedFile]:
        known = reunite(self.catalog, [files[path] for path in paths if path in files])
        self.moved |= {path: found.before for path, found in known.items()}
        return files | {
            path: replace(files[path], sha256=found.sha256) for path, found in known.items()
        }

    def unhashed(self) -> list[ScannedFile]:
        """The usable files whose hash is not known, the smallest first; of those that are one
        file under several names, one."""
        files = [f for f in self.files.values() if not (f.sha256 or f.error)]
        found = sorted({place_of(f): f for f in files}.values(), key=lambda f: f.stamp.size)
        offline = self.seen.offline
        return [f for f in found if not _below(f.path, offline)] if offline else found

    def duplicates(self) -> list[list[str]]:
        """Names of LoRAs that hold the same file, as far as the hashes are known."""
        names: dict[str, set[str]] = {}
        for name, prepared in self.entries.items():
            for file in prepared.entry.files.values():
                if file.sha256:
                    names.setdefault(file.sha256, set()).add(name)
        return sorted(map(list, {tuple(sorted(same)) for same in names.values() if len(same) > 1}))

    def _whole(self, walk: Walk) -> Snapshot:
        """The walk's snapshot, with what was there last in folders that are offline."""
        if not walk.offline:
            return walk.snapshot
        kept = {path: stamp for path, stamp in self.snapshot.items() if _below(path, walk.offline)}
        return kept | walk.snapshot

    def _take(self, files: dict[str, ScannedFile], walk: Walk) -> None:
        table = EntryTable()
        table.fill(files.values(), self.catalog.roles(), self.catalog.pairings())
        prepared = {name: Prepared(entry, self) for name, entry in table.entries.items()}
        names = by_folder(walk.snapshot, self.names)
        beside = {path.rpartition("/")[0] for path in walk.snapshot if path not in files}
        made, data_hashes = self.catalog.made(), self.catalog.data_hashes()
        with self.lock:
            self.seen, self.files, self.entries, self._table = walk, files, prepared, table
            self.names, self._beside = names, beside
            self._made, self._data_hashes = made, data_hashes
            self.generation += 1
            self._renewed, self._whole_since = {}, self.generation
            self._indexed, self._index = {}, None

    def look_at(self, paths: Collection[str], *, again: bool = False) -> Renewed | None:
        """Bring up to date what lies in the folders of these paths, after a change of no others.

        Of the files there, only `paths` and new ones are looked at; what is known of `paths`
        has been carried along already. With `again`, their roles or pairs have changed. None if
        everything has to be looked at.
        """
        if not self._walked or self._unread or self._mended != self.catalog.mended:
            return None
        if self._remade != self.catalog.remade:
            return None
        folders = {folder: self.names.get(folder, ()) for folder in map(parent_of, paths)}
        try:
            found = relist(self.seen, self.root, folders, paths)
        except OSError:
            return None
        return None if found is None else self._publish_part(*found, folders, paths, again=again)

    def _publish_part(
        self,
        walk: Walk,
        part: Snapshot,
        folders: Mapping[str, Collection[str]],
        paths: Collection[str],
        *,
        again: bool,
    ) -> Renewed:
        before = {
            path: self.snapshot[path]
            for folder, names in folders.items()
            for path in (f"{folder}/{name}" if folder else name for name in names)
        }
        pending = self.scanner.pending(part, self.files)
        found: dict[str, ScannedFile] = {}
        for batch in self.scanner.scan(part, pending) if pending else ():
            found |= batch
        gone = before.keys() - part.keys()
        beside = [
            (path, *stamp)
            for path, stamp in part.items()
            if before.get(path) != stamp and not is_lora_file(path)
        ]
        if gone or beside or found:
            self.findings.mark(gone=gone, there=found, beside=beside)
        files, fewer = self.files, any(path in self.files for path in gone)
        if found or fewer:
            files = files | found
            for path in gone:
                files.pop(path, None)
            files = self._hashing.some(files, [found[path] for path in found if path not in paths])
            new = [path for path in found if path not in before and path not in paths]
            files = self._reunited(files, new) if new else files
        # Of `paths`, some may only be asked for, and could not even be a file's.
        here = {path for path in paths if path in before or path in part}
        touched = {*here, *gone, *found, *(path for path, *_ in beside)}
        again = again or bool(found) or fewer
        renewed = self._take_part(walk, part, files, set(folders), touched, again=again)
        return replace(renewed, by_others=not touched <= {*paths})

    def _take_part(
        self,
        walk: Walk,
        part: Snapshot,
        files: dict[str, ScannedFile],
        folders: set[str],
        touched: set[str],
        *,
        again: bool,
    ) -> Renewed:
        """`touched` are the paths of which anything may be new."""
        names, beside = dict(self.names), self._beside - folders
        for folder in folders:
            names.pop(folder, None)
        names |= by_folder(part, self.names)
        beside |= {parent_of(path) for path in part if path not in files}
        made = {path: video for path, video in self._made.items() if path not in touched}
        made |= self.catalog.made(touched)
        hashes = {file.sha256 for path in touched if (file := files.get(path)) and file.sha256}
        data = self._data_hashes | self.catalog.data_hashes(hashes - self._data_hashes.keys())
        said = (self.catalog.roles(), self.catalog.pairings()) if again else None
        with self.lock:
            if said is None:
                found = Difference()
            else:
                found = self._table.renew(folders, files, names, *said)
            entries = self._prepared_anew(found)
            self.seen, self.files, self.entries = walk, files, entries
            self.names, self._beside = names, beside
            self._made, self._data_hashes = made, data
            self.generation += 1
            self._index = None
            about = set(self.entries) if found.whole else self._about(touched) | set(found.new)
            for name in about | found.gone:
                self._renewed[name] = self.generation
                self._indexed.pop(name, None)
            return Renewed(frozenset(about), found.gone - entries.keys())

    def _prepared_anew(self, found: Difference) -> dict[str, Prepared]:
        """What is listed, in the table's order; what has not changed keeps what it has read."""
        known = self.entries
        if found.whole:
            return {
                name: old
                if (old := known.get(name)) is not None and old.entry is entry
                else Prepared(entry, self)
                for name, entry in self._table.entries.items()
            }
        if not found.gone and not found.new:
            return known
        kept = dict(known)
        for name in found.gone:
            kept.pop(name, None)
        kept |= {name: Prepared(entry, self) for name, entry in found.new.items()}
        if not found.new:
            return kept
        # Without a line of Python for each LoRA, of which there may be many thousands.
        ordered: dict[str, Any] = {**self._table.entries}
        return ordered | kept

    def _about(self, paths: Iterable[str]) -> set[str]:
        """The names of the LoRAs that have these files, or have them beside theirs."""
        stems: dict[str, set[str]] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            parts = composed(name).split(".")
            ends = range(1, len(parts) + 1)
            stems.setdefault(folder, set()).update(".".join(parts[:end]) for end in ends)
        return {
            name
            for folder, here in stems.items()
            for name in self._table.in_folder(folder)
            if self._stems(self.entries[name].entry) & here
        }

    @staticmethod
    def _stems(entry: Entry) -> set[str]:
        return {*(composed(file.stem) for file in entry.files.values()), entry.common_stem}

    def state_of(self, entry: Entry) -> tuple[object, ...]:
        """What differs whenever anything does that is known here of the LoRA."""
        since = self._renewed.get(entry.name, self._whole_since)
        data = [self._data_hashes.get(file.sha256 or "") for file in entry.files.values()]
        made = self._made.get(entry.first.path)
        return since, self.judge.changes, self.offline, made, *data

    def with_file(self, path: str) -> str | None:
        """The name of the LoRA that has the file at `path`."""
        return self._table.with_file(path)

    def is_named(self, key: str) -> bool:
        """Whether a LoRA has a name with this `name_key`."""
        return self._table.named_like(key) is not None

    def read_made(self) -> None:
        """Look up again in which videos the files were used."""
        self._made = self.catalog.made()

    def made(self, entry: Entry) -> Path | None:
        """A finished video in which the LoRA was used."""
        video = self._made.get(entry.first.path)
        return None if video is None else Path(video)

    def hashes(self, entry: Entry) -> tuple[str, ...]:
        """How the LoRA is found by a hash, as far as its files are hashed."""
        files = entry.files.values()
        data = [self._data_hashes.get(file.sha256 or "") for file in files]
        stated = [file.model_hash for file in files]
        return shown_hashes([file.sha256 for file in files], [*data, *stated])

    def named(self, name: str) -> Prepared | None:
        """The LoRA of that name, in whatever case and form of Unicode it is given."""
        found = self.entries.get(name)
        if found is None:
            found = self.entries.get(self._table.named_like(name_key(name)) or "")
        return found

    def is_missing(self, entry: Entry) -> bool:
        """Whether a file of the LoRA cannot be reached at the moment."""
        offline = self.seen.offline
        return self.offline or (
            bool(offline) and any(_below(file.path, offline) for file in entry.files.values())
        )

    def is_read_only(self, entry: Entry) -> bool:
        """Whether a file of the LoRA lies where nothing is changed."""
        return any(self.is_fixed(file.path) for file in entry.files.values())

    def is_fixed(self, path: str) -> bool:
        """Whether the file lies in an extra folder that is not writable, or behind a link."""
        fixed = self._fixed + self.seen.linked
        return bool(fixed) and _below(path, fixed)

    @property
    def own_links(self) -> list[str]:
        """The linked files in folders where things may be changed."""
        return [link for link in sorted(self.seen.links) if not self.is_fixed(link)]

    def link_above(self, entry: Entry) -> str | None:
        """The linked folder behind which a file of the LoRA lies."""
        paths = [file.path for file in entry.files.values()]
        linked = (link for link in self.seen.linked for path in paths if path.startswith(link))
        return next((link[:-1] for link in linked), None)

    def is_extra(self, path: str) -> bool:
        return bool(self.extra) and _below(path, map(extra_prefix, self.extra))

    def notes(self) -> list[dict[str, Any]]:
        """What is to be said of the folders: that they are away or were emptied, and which links,
        names and pickles show nothing and have no card."""
        if self.offline:
            return [note_on_gone(self.root)]
        return [
            *notes_on_extra(self.extra, self.seen),
            *notes_on_catalog(self.root, self.catalog, is_empty=not self.entries),
            *notes_on_unshown(self.seen, self.files),
        ]

    def hashed(self, file: ScannedFile) -> ScannedFile:
        """The file with its SHA256; read once, then from the catalogue."""
        return self._hashing.one(file)

    def verdicts(self, entry: Entry) -> Verdicts:
        return self.judge.verdicts(entry)

    def sidecars(self, entry: Entry) -> SidecarReading:
        if not self._has_beside(entry):
            return NOTHING
        return self.texts.read(stems_of(entry, self.names), self.snapshot)

    def previews(self, entry: Entry) -> tuple[str, ...]:
        return tuple(previews_of(entry, self.names)) if self._has_beside(entry) else ()

    def _has_beside(self, entry: Entry) -> bool:
        """Whether its folders hold anything but LoRA files."""
        return any(file.folder in self._beside for file in entry.files.values())

    def thumbnail_version(self, entry: Entry) -> str:
        """Changes with the name, the files, the pictures beside them and the video made."""
        sources = [*self.previews(entry), *(file.path for file in entry.files.values())]
        stamps = [(path, self.snapshot.get(path, GONE)[:2]) for path in sources]
        made = self._made.get(entry.first.path)
        seed = repr((entry.name, self.settings.thumbnail_size, stamps, made, PLACEHOLDER))
        return hashlib.sha256(seed.encode(errors="replace")).hexdigest()[:16]

    def index(self) -> SearchIndex:
        """What a search looks through, for every LoRA."""
        if self._index is None:
            lacking = [name for name in self.entries if name not in self._indexed]
            edits = {} if self.offline or not lacking else self.catalog.edits()
            self._indexed |= self.each(
                lacking,
                lambda item: indexed(searched(item, edits.get(item.entry.first.path, {}))),
            )
            self._index = SearchIndex([self._indexed[name] for name in self.entries])
        return self._index

    def each(self, names: Iterable[str], read: Callable[[Prepared], T]) -> dict[str, T]:
        """What `read` finds of each LoRA, by name.

        One for which it raises is broken from then on, with that as the reason, and is read
        again as such.
        """
        found = {}
        for name in names:
            prepared = self.entries[name]
            try:
                with one_file(name, LoRAFileError):
                    found[name] = read(prepared)
            except StudioError as error:
                found[name] = read(self._broken(prepared.entry, error))
        return found

    def _broken(self, entry: Entry, error: StudioError) -> Prepared:
        files = {
            role: broken(file.path, file.stamp, self.forms, error, file.sha256)
            for role, file in entry.files.items()
        }
        self.files |= {file.path: file for file in files.values()}
        self.entries[entry.name] = Prepared(Entry(entry.name, files), self)
        return self.entries[entry.name]


def _below(path: str, folders: Iterable[str]) -> bool:
    return path.startswith(tuple(folders))
