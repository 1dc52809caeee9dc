"""Folder rules: which paths can be folders of the app, and which may lie in each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from wan_lora_studio.texts import say

# What the app keeps in `data_dir`, and sweeps there.
ROOMS = (
    "copies", "embeddings", "inputs", "instances", "latents", "logs", "pictures", "posters",
)  # fmt: skip
OWN = ("loras_dir", "outputs_dir", "data_dir")


def path_problem(value: str | Path) -> str | None:
    """Why this can be no path; None if it can."""
    text = str(value)
    if isinstance(value, str) and not text.strip():
        return say("folder_rules.empty")
    if "\0" in text:
        return say("folder_rules.nul")
    try:
        Path(text).expanduser()
    except RuntimeError:
        return say("folder_rules.no_home", user=repr(Path(text).parts[0]))
    return None


def folder_problems(folders: Mapping[str, Path]) -> list[str]:
    """What is wrong with where the folders lie, by the names of their settings."""
    places = {
        name: Path(os.path.normcase(os.path.realpath(path))) for name, path in folders.items()
    }
    own = [name for name in OWN if name in places]
    found = [
        say("folder_rules.same", setting=second, other=first)
        for first, second in combinations(own, 2)
        if places[first] == places[second]
    ]
    data, loras = places.get("data_dir"), places.get("loras_dir")
    if data is not None and loras is not None and data != loras and data.is_relative_to(loras):
        found.append(say("folder_rules.data_in_loras"))
    if data is not None:
        rooms = [data / room for room in ROOMS]
        found += [
            say("folder_rules.swept", setting=name, folder=room.name)
            for name in own
            for room in rooms
            if places[name].is_relative_to(room)
        ]
    return found


def _real(path: Path) -> Path:
    return Path(os.path.normcase(os.path.realpath(path)))
