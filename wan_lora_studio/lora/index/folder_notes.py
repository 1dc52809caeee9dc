"""Folder notes: what is to be said of the library's folders, with what to do about it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import together
from wan_lora_studio.lora.files import CONVERT_A_PICKLE, PICKLE_RISK
from wan_lora_studio.lora.index.walk import Walk, extra_prefix
from wan_lora_studio.lora.storage import Catalog, folder_gone
from wan_lora_studio.texts import say

EMPTIED_ADVICE = (
    say("lora.index.folders.put_back"),
    say("lora.index.folders.put_catalogue_back"),
)
EXTRA_ADVICE = say("lora.index.folders.connect_disk")


def note_on_gone(root: Path) -> dict[str, Any]:
    """That the library's own folder cannot be reached."""
    gone = folder_gone(root)
    return _note(str(root), gone.message, *gone.suggestions)


def notes_on_extra(extra: Sequence[Path], seen: Walk) -> list[dict[str, Any]]:
    """Those of the extra folders that could not be reached at the last look."""
    return [
        _note(str(folder), say("lora.index.folders.unreadable", folder=folder), EXTRA_ADVICE)
        for folder in extra
        if extra_prefix(folder) in seen.offline
    ]


def notes_on_catalog(root: Path, catalog: Catalog, *, is_empty: bool) -> list[dict[str, Any]]:
    """That the folder was emptied with its catalogue, or that a newer app has written this one."""
    found = []
    if catalog.remade and is_empty:
        text = say("lora.index.folders.emptied", folder=root)
        found.append(_note(str(root), text, *EMPTIED_ADVICE))
    fault = catalog.fault
    if fault is not None and fault.kind == "newer":
        text = say("lora.index.folders.read_only", problem=fault.said)
        found.append(_note(str(catalog.path), text, fault.suggestion))
    return found


def notes_on_unshown(seen: Walk, shown: Container[str]) -> list[dict[str, Any]]:
    """Which links, names and pickles have no card."""
    found = [
        _note(path, say("lora.index.folders.not_shown", path=path, problem=why), advice)
        for path, why, advice in seen.unfollowed
        if path not in shown
    ]
    return found + _about_pickles(seen.pickles)


def _about_pickles(paths: Sequence[str]) -> list[dict[str, Any]]:
    """One note, however many there are: another program's folder may be full of them."""
    if not paths:
        return []
    files, count = together(paths, ", "), len(paths)
    text = say("lora.index.folders.pickles", files=files, risk=PICKLE_RISK, count=count)
    return [_note(paths[0], text, *CONVERT_A_PICKLE)]


def _note(path: str, text: str, *suggestions: str) -> dict[str, Any]:
    return {"path": path, "text": text, "suggestions": list(suggestions)}
