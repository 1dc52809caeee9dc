"""What each LoRA file of the library is: inspected once, then known from the catalogue."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from wan_lora_studio.errors import LoRAFileError, StudioError, released
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.description import Description
from wan_lora_studio.lora.index.search import DESCRIPTION
from wan_lora_studio.lora.index.walk import Folders, Snapshot, Stamp, by_folder
from wan_lora_studio.lora.inspection import (
    CONFIG_NAME,
    NO_EVIDENCE,
    Form,
    FormCache,
    LoRAInfo,
    NameRole,
    RoleEvidence,
    inspect_lora,
    name_role,
    require_supported,
)
from wan_lora_studio.lora.names import composed, is_lora_file, without_suffix
from wan_lora_studio.lora.storage import FileRow, FormStore, ScanCache

__all__ = ["Folders", "ScannedFile", "Scanner", "Snapshot", "Stamp", "by_folder"]

BATCH = 256
READERS = 4
AT_ONCE = 16  # files that a reader takes at a time


class Forms(Protocol):
    """The forms of files, by key."""

    def get(self, key: str) -> Form:
        """Raises KeyError if it is not known."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScannedFile:
    """One LoRA file, in little memory. Exactly one of `form` and `error` is there.

    `own` is `LoRAInfo.own_json`; `named` is the role that its stem states; `words` are its
    names and tags, casefolded; `said` is what a search needs of its header (`described`).
    """

    path: str
    stamp: Stamp
    forms: Forms
    form: str | None
    own: str
    error: StudioError | None
    sha256: str | None
    evidence: RoleEvidence
    model_hash: str
    named: NameRole | None
    words: str
    said: str

    @property
    def stem(self) -> str:
        return _stem(self.path)

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def described(self) -> Description:
        """What the header says in words, as much as a search looks at."""
        if not self.said:
            return Description()
        title, text, author, tags, trigger_words = json.loads(self.said)
        return Description(
            title=title, text=text, author=author, tags=tags, trigger_words=trigger_words
        )

    @property
    def info(self) -> LoRAInfo | None:
        """Everything that the header says; put together anew at each call."""
        if self.form is None:
            return None
        return LoRAInfo.from_own_json(self.forms.get(self.form), self.own)


@dataclass
class Scanner:
    """Inspects what is new or changed, in batches that the catalogue keeps as they are done."""

    root: Path
    findings: ScanCache
    forms: FormStore

    def __post_init__(self) -> None:
        self._cache = FormCache()
        self._lock = threading.Lock()
        self._saved: set[str] = set()  # keys of the forms that the catalogue was given

    def load(self) -> tuple[dict[str, ScannedFile], Snapshot]:
        """The LoRA files and the snapshot as they were found last; no file is looked at.

        Broken files are left out: they are inspected again each time the app starts.
        """
        rows, beside, keys = self.findings.load()
        found = (self._from_row(row) for row in rows if row.form in keys)
        files = {file.path: file for file in found if file}
        snapshot = {path: file.stamp for path, file in files.items()}
        return files, snapshot | {path: Stamp(*stamp) for path, *stamp in beside}

    def pending(self, snapshot: Snapshot, known: Mapping[str, ScannedFile]) -> list[str]:
        """The LoRA files that are new or changed.

        One with an adapter's configuration beside it is read with that, so it always counts.
        """
        configured = {path.rpartition("/")[0] for path in snapshot if path.endswith(CONFIG_NAME)}
        return [
            path
            for path, stamp in snapshot.items()
            if is_lora_file(path)
            and (
                (old := known.get(path)) is None
                or old.stamp != stamp
                or (bool(configured) and path.rpartition("/")[0] in configured)
            )
        ]

    def scan(
        self, snapshot: Snapshot, pending: list[str], stop: Callable[[], bool] = lambda: False
    ) -> Iterator[dict[str, ScannedFile]]:
        """The pending files, batch by batch, each batch after it was committed.

        Ends early once `stop` says so; what was done until then is kept.
        """
        configured = {path for path in snapshot if path.endswith(CONFIG_NAME)}
        # Threads wait for the disk side by side; the work itself takes turns.
        with ThreadPoolExecutor(READERS) as pool:
            for start in range(0, len(pending), BATCH):
                if stop():
                    return
                paths = pending[start : start + BATCH]
                with self._lock:
                    found = self._batch(snapshot, paths, configured, pool, stop)
                yield found

    def _batch(
        self,
        snapshot: Snapshot,
        paths: list[str],
        configured: set[str],
        pool: ThreadPoolExecutor,
        stop: Callable[[], bool],
    ) -> dict[str, ScannedFile]:
        rows = self.findings.rows(paths)
        beside = {path for path in paths if _config_beside(path) in configured}
        found: dict[str, ScannedFile] = {}
        unknown = []
        for path in paths:
            file = None if path in beside else self._known(rows.get(path), snapshot[path])
            if file is None:
                unknown.append(path)
            else:
                found[path] = file

        def inspect(some: list[str]) -> list[ScannedFile]:
            return [
                self._inspect(path, snapshot[path], rows.get(path), path in beside)
                for path in some
                if not stop()
            ]

        parts = [unknown[start : start + AT_ONCE] for start in range(0, len(unknown), AT_ONCE)]
        fresh = [file for part in pool.map(inspect, parts) for file in part]
        self._save(fresh)
        return found | {file.path: file for file in fresh}

    def _known(self, row: FileRow | None, stamp: Stamp) -> ScannedFile | None:
        """The file as the catalogue knows it; None if it changed or is of an older version."""
        if row is None or not row.is_of(*stamp):
            return None
        file = self._from_row(row)
        try:
            return replace(file, stamp=stamp) if file and self.forms.get(file.form or "") else None
        except (KeyError, ValueError, TypeError):
            return None

    def _from_row(self, row: FileRow) -> ScannedFile | None:
        if row.info is None or row.form is None:
            return None
        try:
            row = row if row.said is not None else _summed_up(row, json.loads(row.info))
            return self._file(row)
        except (ValueError, TypeError, KeyError):
            return None

    def _file(self, row: FileRow) -> ScannedFile:
        return ScannedFile(
            path=row.path,
            stamp=Stamp(row.size, row.mtime_ns, row.inode),
            forms=self.forms,
            form=sys.intern(row.form or ""),
            own=row.info or "",
            error=None,
            sha256=row.sha256,
            evidence=RoleEvidence.from_text(row.expert or ""),
            model_hash=row.model_hash or "",
            named=name_role(composed(_stem(row.path))),
            words=row.words or "",
            said=row.said or "",
        )

    def _inspect(
        self, path: str, stamp: Stamp, row: FileRow | None, configured: bool
    ) -> ScannedFile:
        """Inspect one file of the library; what is wrong with it becomes its `error`."""
        sha256 = row.sha256 if row and row.is_of(*stamp) else None
        name = path.rpartition("/")[2]
        try:
            with one_file(name, LoRAFileError):
                return self._inspected(path, name, stamp, sha256, configured)
        except StudioError as error:
            return broken(path, stamp, self.forms, error, sha256)

    def _inspected(
        self, path: str, name: str, stamp: Stamp, sha256: str | None, configured: bool
    ) -> ScannedFile:
        info = inspect_lora(
            self.root / path, name_hint=path, forms=self._cache, configured=configured
        )
        require_supported(info, name)
        file = self._file(row_of(path, stamp, info, sha256))
        self.forms.hold(info.form)
        return file

    def save_anew(self, files: list[ScannedFile]) -> None:
        """Give a new catalogue what is known of these files."""
        self.forget_saved()
        self._save(files)

    def forget_saved(self) -> None:
        """The catalogue is another one, which was given nothing yet."""
        self._saved.clear()

    def _save(self, files: list[ScannedFile]) -> None:
        forms: dict[str, Form] = {}
        rows = []
        for file in files:
            size, mtime_ns, inode = file.stamp
            error = json.dumps(file.error.to_dict()) if file.error else None
            own = file.own or None
            rows.append(
                FileRow(
                    file.path,
                    size,
                    mtime_ns,
                    own,
                    error,
                    file.sha256,
                    file.form,
                    inode,
                    file.evidence.to_text(),
                    file.model_hash,
                    file.words,
                    file.said,
                )
            )
            if file.form and file.form not in forms and file.form not in self._saved:
                forms[file.form] = self.forms.get(file.form)
        if rows:
            self.findings.save(rows, forms.values())
            self._saved |= forms.keys()


def broken(
    path: str, stamp: Stamp, forms: FormStore, error: StudioError, sha256: str | None
) -> ScannedFile:
    """A file of which nothing is known but why it cannot be used."""
    words = _stem(path).casefold()
    # Without its frames and those of what led to it, which hold what was read.
    return ScannedFile(
        path, stamp, forms, None, "", released(error), sha256, NO_EVIDENCE, "", None, words, ""
    )


def _stem(path: str) -> str:
    return without_suffix(path.rpartition("/")[2])


def row_of(path: str, stamp: Stamp, info: LoRAInfo, sha256: str | None) -> FileRow:
    """What the catalogue keeps of a file that was inspected under this path."""
    plain = info.own_plain()
    own = json.dumps(plain, ensure_ascii=False)
    size, mtime_ns, inode = stamp
    row = FileRow(path, size, mtime_ns, own, None, sha256, info.form.key, inode)
    return _summed_up(row, plain)


def _summed_up(row: FileRow, plain: Mapping[str, Any]) -> FileRow:
    """The row with what a list needs of `plain`, which is what its `info` says."""
    said = plain["description"]
    listed = (*said.get("tags", ()), *said.get("trigger_words", ()))
    texts = (_stem(row.path), said.get("title", ""), *listed)
    return row._replace(
        expert=plain["evidence"],
        model_hash=plain["model_hash"],
        words=" ".join(dict.fromkeys(filter(None, texts))).casefold(),
        said=json.dumps(
            [
                said.get("title", ""),
                said.get("text", "")[:DESCRIPTION],
                said.get("author", ""),
                said.get("tags", ()),
                said.get("trigger_words", ()),
            ],
            ensure_ascii=False,
        ),
    )


def _config_beside(path: str) -> str:
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{CONFIG_NAME}"
