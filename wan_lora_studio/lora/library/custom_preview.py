"""Custom preview: the picture and the clip that a user chooses for a LoRA, and takes back.

What somebody else put in their place goes to the trash, from which it can be restored; so does
all that a clip takes the place of.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import companion_kind, picture_in
from wan_lora_studio.lora.index import Entry, ScannedFile
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.library.preview_clip import CLIP_SUFFIX, is_own_clip, marked_clip
from wan_lora_studio.lora.library.preview_file import SUFFIX, encoded, is_own
from wan_lora_studio.lora.storage import Move, bump_revision, discard_stages, step_path, write_step
from wan_lora_studio.texts import say


def set_preview(
    changes: Changes, name: str, source: Path, clip: Path | None = None
) -> dict[str, Any]:
    """Take a picture, or a video's first frame, as the LoRA's picture, and an MP4 as what moves
    on its card; its record."""
    data = encoded(picture_in(source))
    moving = None if clip is None else marked_clip(clip)
    with changes.change(name) as change:
        entry = change.changeable(name).entry
        CustomPreview(change).put(entry, data, moving)
        change.settle()
        return change.record_at(entry.first.path)


def clear_preview(changes: Changes, name: str) -> bool:
    """Take back what `set_preview` wrote; False if there is nothing."""
    with changes.change(name) as change:
        removed = CustomPreview(change).remove(change.changeable(name).entry)
        if removed:
            change.settle()
        return removed


@dataclass(frozen=True)
class CustomPreview:
    """The previews beside the files of a library that is being changed."""

    change: Change

    def put(self, entry: Entry, data: bytes, clip: bytes | None = None) -> None:
        """Write the picture, and the clip, beside the LoRA. Raises LoRAError; nothing is then
        changed."""
        try:
            self.change.carry_out(self._moves(entry, data, clip), bump_revision)
        except OSError as error:
            raise _not_written(entry.name, error) from error

    def remove(self, entry: Entry) -> bool:
        """Take back what the app wrote; False if there is none. Raises LoRAError."""
        files = entry.files.values()
        own = [path for path in (self._place(file, SUFFIX) for file in files) if is_own(path)]
        clips = (self._place(file, CLIP_SUFFIX) for file in files)
        own += [path for path in clips if is_own_clip(path)]
        if not own:
            return False
        moves = [Move(path, step_path(self.change.root)) for path in own]
        try:
            self.change.carry_out(moves, bump_revision)
        except OSError as error:
            raise _not_written(entry.name, error) from error
        return True

    def _moves(self, entry: Entry, data: bytes, clip: bytes | None) -> list[Move]:
        """What puts a new preview into its place, and what was there out of it."""
        root, first = self.change.root, entry.first
        there = self._chosen(first, SUFFIX)
        # One's own picture alone is replaced without a trace, as it can be chosen again.
        gone = [path for path in there if clip is None and is_own(root / path)]
        kept = [path for path in there if path not in gone]
        kept += self._chosen(first, CLIP_SUFFIX) if clip is not None else []
        moves = [Move(root / path, step_path(root)) for path in gone]
        try:
            if kept:
                called = say("lora.library.preview.in_trash", name=entry.name)
                moves += self.change.trash.moves_for(called, kept)[1]
            moves.append(Move(write_step(root, data), self._place(first, SUFFIX)))
            if clip is not None:
                moves.append(Move(write_step(root, clip), self._place(first, CLIP_SUFFIX)))
        except BaseException:
            discard_stages(move.source for move in moves)
            raise
        return moves

    def _chosen(self, file: ScannedFile, suffix: str) -> list[str]:
        """What would go before a new preview, or be in its place, relative to the library."""
        endings = self.change.index.names[file.folder].endings(file.stem)
        same = [ending for ending in endings if companion_kind(ending) == suffix]
        return [_beside(file.path, f"{file.stem}{ending}") for ending in same]

    def _place(self, file: ScannedFile, suffix: str) -> Path:
        return self.change.root / file.folder / f"{file.stem}{suffix}"


def _beside(path: str, name: str) -> str:
    """The path of a file of that name in the same folder."""
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{name}"


def _not_written(name: str, error: OSError) -> LoRAError:
    return LoRAError(
        say("lora.library.preview.not_changed", name=name, reason=error.strerror or error),
        suggestions=[say("lora.library.check_disk")],
    )
