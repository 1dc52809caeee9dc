"""Looking at the library's folder: which files are there, and what each LoRA file is.

A scan never opens anything but `.safetensors` headers and never leaves the folder: hidden
entries are skipped and symbolic links to folders are not followed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from backend.errors import LoRAFileError, StudioError, UnsupportedLoRAError
from backend.lora.catalog import Catalog, FileRow
from backend.lora.info import LoRAInfo
from backend.lora.inspection import inspect_lora
from backend.lora.names import SUFFIX
from backend.lora.scaling import CONFIG_NAME


@dataclass(frozen=True)
class Stamp:
    """By these a file is taken to be unchanged. Size in bytes."""

    size: int
    mtime_ns: int


Snapshot = dict[str, Stamp]


@dataclass(frozen=True)
class ScannedFile:
    """One LoRA file. Exactly one of `info` and `error` is there."""

    path: str
    stamp: Stamp
    info: LoRAInfo | None
    error: StudioError | None
    sha256: str | None

    @property
    def stem(self) -> str:
        return PurePosixPath(self.path).name[: -len(SUFFIX)]

    @property
    def folder(self) -> str:
        parent = str(PurePosixPath(self.path).parent)
        return "" if parent == "." else parent


def take_snapshot(root: Path) -> Snapshot:
    """Every visible file below `root` by relative path. Raises OSError if `root` is gone."""
    with os.scandir(root):
        pass
    return dict(_walk(root, ""))


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Stamp]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # the folder went away or may not be read: what was in it is not there
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            continue
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        yield f"{prefix}{entry.name}", Stamp(found.st_size, found.st_mtime_ns)


Folders = Mapping[str, frozenset[str]]


def by_folder(paths: Iterable[str]) -> Folders:
    """The names of the files in each folder; the top folder is ""."""
    found: dict[str, set[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, set()).add(name)
    return {folder: frozenset(names) for folder, names in found.items()}


def scan_files(
    root: Path, snapshot: Snapshot, catalog: Catalog, known: Mapping[str, ScannedFile]
) -> dict[str, ScannedFile]:
    """Every LoRA file of the snapshot, inspected if it is new or changed.

    `known` are the files of the last scan; the catalogue's rows serve the rest.
    """
    rows = catalog.files()
    configs = {path for path in snapshot if PurePosixPath(path).name == CONFIG_NAME}
    found: dict[str, ScannedFile] = {}
    fresh: list[FileRow] = []
    for path, stamp in snapshot.items():
        if not path.casefold().endswith(SUFFIX):
            continue
        # A configuration beside a file is read with it, so such a file is always read again.
        beside = f"{PurePosixPath(path).parent}/{CONFIG_NAME}".removeprefix("./") in configs
        old, row = known.get(path), rows.get(path)
        sha256 = row.sha256 if row and row.is_of(stamp.size, stamp.mtime_ns) else None
        if old and old.stamp == stamp and not beside:
            found[path] = replace(old, sha256=sha256)
            continue
        scanned = None if beside else _from_row(row, stamp)
        if scanned is None:
            scanned = replace(inspect_file(root, path, stamp), sha256=sha256)
            fresh.append(_to_row(scanned))
        found[path] = scanned
    catalog.save_files(fresh)
    return found


def inspect_file(root: Path, path: str, stamp: Stamp) -> ScannedFile:
    """Inspect one file of the library; what is wrong with it becomes its `error`."""
    try:
        info = inspect_lora(root / path, name_hint=path)
        require_supported(info, PurePosixPath(path).name)
    except StudioError as error:
        return ScannedFile(path, stamp, None, error.with_traceback(None), None)
    return ScannedFile(path, stamp, info, None, None)


def require_supported(info: LoRAInfo, name: str) -> None:
    """Raise UnsupportedLoRAError for a file that could be applied to no model at all."""
    if not info.layers and not info.problems:
        raise UnsupportedLoRAError(
            f"{name}: no key belongs to a layer of a Wan transformer, so this is not a Wan LoRA"
            f" (for example {next(iter(info.unknown or info.ignored))!r}).",
            context={"file": name, "unknown": list(info.unknown[:20])},
        )
    if info.problems:
        raise UnsupportedLoRAError(
            f"{name}: {'; '.join(info.problems)}.",
            suggestions=["Export the LoRA again, completely and in one layout."],
            context={"file": name, "problems": list(info.problems)},
        )


def status_of(error: StudioError | None) -> str:
    """The record's status for a file with this error."""
    if error is None:
        return "ok"
    return "corrupt" if isinstance(error, LoRAFileError) else "unsupported"


def _to_row(file: ScannedFile) -> FileRow:
    info = file.info.to_json() if file.info else None
    error = json.dumps(file.error.to_dict()) if file.error else None
    return FileRow(file.path, file.stamp.size, file.stamp.mtime_ns, info, error, file.sha256)


def _from_row(row: FileRow | None, stamp: Stamp) -> ScannedFile | None:
    """The file as the catalogue knows it; None if it changed or is of an older version.

    Broken files are inspected again each time the app starts.
    """
    if row is None or row.info is None or not row.is_of(stamp.size, stamp.mtime_ns):
        return None
    try:
        info = LoRAInfo.from_json(row.info)
    except (ValueError, TypeError, KeyError):
        return None
    return ScannedFile(row.path, stamp, info, None, row.sha256)
