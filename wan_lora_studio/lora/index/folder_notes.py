"""Folder notes: what is to be said of the library's folders, with what to do about it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import together
from wan_lora_studio.lora.files import CONVERT_A_PICKLE, PICKLE_RISK
from wan_lora_studio.lora.index.walk import Walk, extra_prefix
from wan_lora_studio.lora.storage import Catalog, folder_gone

EMPTIED_ADVICE = (
    "Put the LoRA files back: they show again within seconds.",
    "Titles, tags and favourites come back with the folder's .catalog.sqlite.",
)
REFUSED = (
    "The LoRAs are listed without their titles, tags, favourites, pairs and uses, and nothing in"
    " the library can be changed."
)
EXTRA_ADVICE = "Connect its disk, or correct its path in extra_lora_dirs or extra_model_paths."


def note_on_gone(root: Path) -> dict[str, Any]:
    """That the library's own folder cannot be reached."""
    gone = folder_gone(root)
    return _note(str(root), gone.message, *gone.suggestions)


def notes_on_extra(extra: Sequence[Path], seen: Walk) -> list[dict[str, Any]]:
    """Those of the extra folders that could not be reached at the last look."""
    return [
        _note(str(folder), f"{folder} cannot be read at the moment.", EXTRA_ADVICE)
        for folder in extra
        if extra_prefix(folder) in seen.offline
    ]


def notes_on_catalog(root: Path, catalog: Catalog, *, is_empty: bool) -> list[dict[str, Any]]:
    """That the folder was emptied with its catalogue, or that a newer app has written this one."""
    found = []
    if catalog.remade and is_empty:
        text = f"The LoRA folder {root} was emptied or replaced while the app was running."
        found.append(_note(str(root), text, *EMPTIED_ADVICE))
    fault = catalog.fault
    if fault is not None and fault.kind == "newer":
        found.append(_note(str(catalog.path), f"{fault.said} {REFUSED}", fault.suggestion))
    return found


def notes_on_unshown(seen: Walk, shown: Container[str]) -> list[dict[str, Any]]:
    """Which links, names and pickles have no card."""
    found = [
        _note(path, f"{path} {why}.", advice)
        for path, why, advice in seen.unfollowed
        if path not in shown
    ]
    return found + _about_pickles(seen.pickles)


def _about_pickles(paths: Sequence[str]) -> list[dict[str, Any]]:
    """One note, however many there are: another program's folder may be full of them."""
    if not paths:
        return []
    are, what = ("is", "it is a PyTorch pickle")
    if len(paths) > 1:
        are, what = "are", "they are PyTorch pickles"
    text = f"{together(paths, ', ')} {are} not shown. By name, {what}, and {PICKLE_RISK}."
    return [_note(paths[0], text, *CONVERT_A_PICKLE)]


def _note(path: str, text: str, *suggestions: str) -> dict[str, Any]:
    return {"path": path, "text": text, "suggestions": list(suggestions)}
