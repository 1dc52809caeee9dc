"""What the scans found, in the catalogue: LoRA files, their forms, the files beside them.

Rows of files that went away stay, marked as gone, so that a file which comes back, under its name
or another, gets its history back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wan_lora_studio.lora.inspection import INFO_VERSION, Form
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.file_rows import FILE_COLUMNS, FileRow, insert_files

FORMS_IN_MEMORY = 512
PATHS_AT_ONCE = 500  # SQLite takes a limited number of parameters

Place = tuple[str, int, int, int]  # path, size, mtime_ns, inode


class FormStore:
    """The forms of all files, by key; a limited number of them is held in memory."""

    def __init__(self, catalog: Catalog, size: int = FORMS_IN_MEMORY) -> None:
        self._catalog = catalog
        self._size = size
        self._lock = threading.Lock()
        self._forms: OrderedDict[str, Form] = OrderedDict()

    def get(self, key: str) -> Form:
        """Raises KeyError if it is not known, or was written by another version."""
        with self._lock:
            if key in self._forms:
                self._forms.move_to_end(key)
                return self._forms[key]
        with self._catalog.transaction() as db:
            row = db.execute("SELECT form FROM forms WHERE key=?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        form = Form.from_json(row[0])
        self.hold(form)
        return form

    def hold(self, form: Form) -> None:
        """Keep it in memory; `Findings.save` keeps it for good."""
        with self._lock:
            self._forms[form.key] = form
            self._forms.move_to_end(form.key)
            while len(self._forms) > self._size:
                self._forms.popitem(last=False)


@dataclass(frozen=True)
class ScanCache:
    """The tables of the scans. Each method is one transaction, of which a power cut may take the
    last ones back: what they say is found out again by looking at the files."""

    catalog: Catalog

    def load(self) -> tuple[list[FileRow], list[Place], set[str]]:
        """The LoRA files that were there last, the files beside them, the keys of all forms."""
        with self.catalog.transaction(durable=False) as db:
            rows = db.execute(f"SELECT {FILE_COLUMNS} FROM files WHERE present=1").fetchall()
            beside = db.execute("SELECT path, size, mtime_ns, inode FROM beside").fetchall()
            forms = db.execute("SELECT key FROM forms WHERE version=?", (INFO_VERSION,))
            return [*map(FileRow._make, rows)], beside, {key for (key,) in forms}

    def rows(self, paths: Iterable[str]) -> dict[str, FileRow]:
        """What is known of these paths, also of such as were gone."""
        wanted = list(paths)
        found: dict[str, FileRow] = {}
        with self.catalog.transaction(durable=False) as db:
            for start in range(0, len(wanted), PATHS_AT_ONCE):
                some = wanted[start : start + PATHS_AT_ONCE]
                marks = ", ".join("?" * len(some))
                query = f"SELECT {FILE_COLUMNS} FROM files WHERE path IN ({marks})"
                found |= {row[0]: FileRow(*row) for row in db.execute(query, some)}
        return found

    def save(self, rows: Iterable[FileRow], forms: Iterable[Form]) -> None:
        """Keep one batch of inspections with their forms."""
        with self.catalog.transaction(durable=False) as db:
            save_forms(db, forms)
            insert_files(db, rows)

    def mark(self, *, gone: Iterable[str], there: Iterable[str], beside: Iterable[Place]) -> None:
        """Say which paths are gone, which LoRA files are there again, what is new beside them."""
        paths = [(path,) for path in gone]
        with self.catalog.transaction(durable=False) as db:
            db.executemany("UPDATE files SET present=0 WHERE path=?", paths)
            db.executemany("DELETE FROM beside WHERE path=?", paths)
            db.executemany("UPDATE files SET present=1 WHERE path=?", [(path,) for path in there])
            db.executemany("INSERT OR REPLACE INTO beside VALUES (?, ?, ?, ?)", beside)

    def texts(self) -> dict[str, tuple[str, str]]:
        """(stamp, reading as JSON) by stem."""
        with self.catalog.transaction(durable=False) as db:
            rows = db.execute("SELECT stem, stamp, reading FROM texts")
            return {stem: (stamp, reading) for stem, stamp, reading in rows}

    def save_texts(self, readings: Mapping[str, tuple[str, str]]) -> None:
        """Keep (stamp, reading as JSON) by stem."""
        with self.catalog.transaction(durable=False) as db:
            db.executemany(
                "INSERT OR REPLACE INTO texts VALUES (?, ?, ?)",
                [(stem, stamp, reading) for stem, (stamp, reading) in readings.items()],
            )


def save_forms(db: sqlite3.Connection, forms: Iterable[Form]) -> None:
    """Within a transaction, keep forms for good."""
    db.executemany(
        "INSERT OR REPLACE INTO forms VALUES (?, ?, ?)",
        [(form.key, INFO_VERSION, form.to_json()) for form in forms],
    )
