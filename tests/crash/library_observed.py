"""What is really there of a library: on its disks, in its catalogue and in its trash."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.crash.library_model import EXTRA, sha256_of


def observed(root: Path, extra: Path) -> dict[str, Any]:
    """What is on disk and in the catalogue, in the form of `World.plain`."""
    known = _known_in_catalogue(root)
    trash = []
    manifests = [*root.glob(".trash/*/manifest.json"), *extra.glob(".trash/*/manifest.json")]
    for manifest in sorted(manifests, key=lambda path: path.parent.name):
        folder = manifest.parent
        outside = folder.is_relative_to(extra)
        prefix = f"{folder}/" if outside else f"{folder.relative_to(root)}/"
        below = {
            _place(path.removeprefix(prefix), extra, outside=outside): value
            for path, value in known.items()
            if path.startswith(prefix)
        }
        name = json.loads(manifest.read_text(encoding="utf-8"))["name"]
        there = _files(folder, hidden=True)
        del there[manifest.name]
        kept = {_place(path, extra, outside=outside): data for path, data in there.items()}
        trash.append({"name": name, "files": kept, "known": below})
    visible = {_place(p, extra): value for p, value in known.items() if "/.trash/" not in f"/{p}"}
    beyond = {f"{EXTRA}/{path}": data for path, data in _files(extra).items()}
    return {"files": _files(root) | beyond, "known": visible, "trash": trash}


def _place(path: str, extra: Path, *, outside: bool = False) -> str:
    """A path as the model has it: of one in the folder outside, or of where the trash keeps that,
    which may itself be `outside`."""
    if outside:
        return f"{EXTRA}/{path}"
    for prefix in (f"{extra}/", f".outside{extra}/"):
        if path.startswith(prefix):
            return f"{EXTRA}/{path.removeprefix(prefix)}"
    return path


def _files(folder: Path, *, hidden: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and (hidden or not any(part.startswith(".") for part in parts)):
            data = path.read_bytes()
            found["/".join(parts)] = json.loads(data) if path.suffix == ".json" else sha256_of(data)
    return found


def _known_in_catalogue(root: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(root / ".catalog.sqlite", timeout=30)) as db:
        edits = {path: json.loads(text) for path, text in db.execute("SELECT * FROM edits")}
        uses = dict(db.execute("SELECT path, use_count FROM usage").fetchall())
    return {path: [edits.get(path, {}), uses.get(path, 0)] for path in edits.keys() | uses.keys()}


def litter(root: Path, extra: Path) -> list[str]:
    """What should not be there: stages, copies, unfinished intents, halves of deletions, damage."""
    found = [str(path) for path in root.glob(".staging/*")]
    for folder in (root, extra):
        found += [str(path) for path in folder.rglob(".moving-*")]
    for entry in (*root.glob(".trash/*"), *extra.glob(".trash/*")):
        if not (entry / "manifest.json").is_file():
            found.append(str(entry))
    with closing(sqlite3.connect(root / ".catalog.sqlite", timeout=30)) as db:
        found += [f"intent {row}" for row in db.execute("SELECT * FROM intents")]
        found += [row[0] for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    return found


def difference(wanted: Any, found: Any) -> dict[str, Any]:
    """What differs, by where."""
    return {
        key: {
            "wanted": [item for item in _items(wanted[key]) if item not in _items(found[key])],
            "found": [item for item in _items(found[key]) if item not in _items(wanted[key])],
        }
        for key in wanted
        if json.loads(json.dumps(wanted[key])) != found[key]
    }


def _items(part: Any) -> list[Any]:
    return json.loads(json.dumps(list(part.items()) if isinstance(part, dict) else list(part)))
