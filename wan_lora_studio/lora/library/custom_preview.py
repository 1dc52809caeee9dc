"""Custom preview: the picture that a user chooses for a LoRA, and takes back.

A picture of somebody else that is in its place goes to the trash, from which it can be restored.
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
from wan_lora_studio.lora.library.preview_file import SUFFIX, encoded, is_own
from wan_lora_studio.lora.storage import Move, bump_revision, discard_stages, step_path, write_step
from wan_lora_studio.texts import say


def set_preview(changes: Changes, name: str, source: Path) -> dict[str, Any]:
    """Take a picture, or a video's first frame, as the LoRA's picture; its record."""
    data = encoded(picture_in(source))
    with changes.change(name) as change:
        entry = change.changeable(name).entry
        CustomPreview(change).put(entry, data)
        change.settle()
        return change.record_at(entry.first.path)


def clear_preview(changes: Changes, name: str) -> bool:
    """Take back the picture that `set_preview` wrote; False if there is none."""
    with changes.change(name) as change:
        removed = CustomPreview(change).remove(change.changeable(name).entry)
        if removed:
            change.settle()
        return removed


@dataclass(frozen=True)
class CustomPreview:
    """The previews beside the files of a library that is being changed."""

    change: Change

    def put(self, entry: Entry, data: bytes) -> None:
        """Write the picture beside the LoRA. Raises LoRAError; nothing is then changed."""
        try:
            self.change.carry_out(self._moves(entry, data), bump_revision)
        except OSError as error:
            raise _not_written(entry.name, error) from error

    def remove(self, entry: Entry) -> bool:
        """Take back what the app wrote; False if there is none. Raises LoRAError."""
        own = [path for path in map(self._place, entry.files.values()) if is_own(path)]
        if not own:
            return False
        moves = [Move(path, step_path(self.change.root)) for path in own]
        try:
            self.change.carry_out(moves, bump_revision)
        except OSError as error:
            raise _not_written(entry.name, error) from error
        return True

    def _moves(self, entry: Entry, data: bytes) -> list[Move]:
        """What puts a new preview into its place, and what was there out of it."""
        root, trash = self.change.root, self.change.trash
        moves: list[Move] = []
        try:
            for path in self._chosen(entry.first):
                if is_own(root / path):
                    moves.append(Move(root / path, step_path(root)))
                else:
                    moves += trash.moves_for(
                        say("lora.library.preview.in_trash", name=entry.name), [path]
                    )[1]
            return [*moves, Move(write_step(root, data), self._place(entry.first))]
        except BaseException:
            discard_stages(move.source for move in moves)
            raise

    def _chosen(self, file: ScannedFile) -> list[str]:
        """What would go before a new preview, or be in its place, relative to the library."""
        endings = self.change.index.names[file.folder].endings(file.stem)
        same = [ending for ending in endings if companion_kind(ending) == SUFFIX]
        return [_beside(file.path, f"{file.stem}{ending}") for ending in same]

    def _place(self, file: ScannedFile) -> Path:
        return self.change.root / file.folder / f"{file.stem}{SUFFIX}"


def _beside(path: str, name: str) -> str:
    """The path of a file of that name in the same folder."""
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{name}"


def _not_written(name: str, error: OSError) -> LoRAError:
    return LoRAError(
        say("lora.library.preview.not_changed", name=name, reason=error.strerror or error),
        suggestions=[say("lora.library.check_disk")],
    )
