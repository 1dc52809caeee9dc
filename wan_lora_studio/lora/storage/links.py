"""Symbolic links: what is wrong with one that leads nowhere, and how they move.

A link itself is what is moved, renamed and deleted; what it leads to stays as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from wan_lora_studio.lora.storage.moves import Move
from wan_lora_studio.lora.storage.staging_area import discard_stages, step_path


def moves_of(root: Path, plan: Mapping[str, str], links: Iterable[str] = ()) -> list[Move]:
    """The moves that bring each file of `plan` (old path to new path) to its place.

    A relative link is made anew where it would lead elsewhere from its new folder, and any link
    whose target moves too. `links` are others of the library: those that lead to a file of the
    plan are made anew in their place. Some moves begin or end at a step. Raises OSError.
    """
    moved = {_place(root / old): _place(root / new) for old, new in plan.items()}
    own = {link: link for link in links if link not in plan}
    found: list[Move] = []
    try:
        for old, new in {**plan, **own}.items():
            text = _new_text(root / old, root / new, moved)
            if text is not None:
                step = step_path(root)
                step.symlink_to(text)
                found += [Move(root / old, step_path(root)), Move(step, root / new)]
            elif old != new:
                found.append(Move(root / old, root / new))
    except BaseException:
        discard_stages(move.source for move in found)
        raise
    return found


def _new_text(link: Path, target: Path, moved: Mapping[Path, Path]) -> Path | None:
    """What the link has to say at its new place; None if it stays as it is, or is no link."""
    if not link.is_symlink():
        return None
    text = link.readlink()
    here, there = link.parent.resolve(), target.parent.resolve()
    before = _place(here / text)
    after = moved.get(before, before)
    if before == after and (here == there or text.is_absolute()):
        return None
    if text.is_absolute() or here.stat().st_dev != there.stat().st_dev:
        return after
    return Path(os.path.relpath(after, there))


def _place(path: Path) -> Path:
    """Where an entry really is; a link at the end is not followed."""
    return path.parent.resolve() / path.name
