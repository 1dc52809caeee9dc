"""The picture that a user chooses for a LoRA: `stem.preview.png` beside its file.

Other tools show it too. What the app wrote says so in its own metadata, so it can be told from a
picture that somebody else put there: that one goes to the trash, from which it can be restored.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, PngImagePlugin

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import (
    MAX_PREVIEW_BYTES,
    NOT_A_PICTURE,
    companion_kind,
    picture_in,
    read_small,
)
from wan_lora_studio.lora.index import Entry, ScannedFile
from wan_lora_studio.lora.library.annotations import AnnotatedLibrary
from wan_lora_studio.lora.storage import Move, bump_revision, discard_stages, step_path, write_step

SUFFIX = ".preview.png"
MADE_BY = ("Software", "Wan2.2 LoRA Studio")
LONGEST_SIDE = 768  # pixels


class PreviewedLibrary(AnnotatedLibrary):
    """A library in which the picture of a LoRA can be chosen."""

    def set_thumbnail(self, name: str, source: str | Path) -> dict[str, object]:
        """Take a picture, or a video's first frame, as the LoRA's picture; returns its record.

        `source` may have any name; it is only read. Raises LoRANotFoundError, or LoRAError if it
        cannot be read as one of these, or nothing may be written beside the LoRA.
        """
        data = _encoded(picture_in(Path(source)))
        with self._changing(name) as change:
            entry = self._changeable(name).entry
            moves: list[Move] = []
            try:
                moves = self._preview_moves(entry, data)
                change.carry_out(moves, bump_revision)
            except OSError as error:
                raise _not_written(entry.name, error) from error
            self._settle()
            return self.record(self._name_of(entry.first.path))

    def clear_thumbnail(self, name: str) -> bool:
        """Take back the picture that `set_thumbnail` wrote; False if there is none.

        Raises LoRANotFoundError, or LoRAError if it cannot be removed.
        """
        with self._changing(name) as change:
            entry = self._changeable(name).entry
            own = [path for path in map(self._preview_path, entry.files.values()) if is_own(path)]
            if not own:
                return False
            try:
                change.carry_out([Move(path, step_path(self.root)) for path in own], bump_revision)
            except OSError as error:
                raise _not_written(entry.name, error) from error
            self._settle()
            return True

    def _preview_moves(self, entry: Entry, data: bytes) -> list[Move]:
        """What puts a new preview into its place, and what was there out of it."""
        target = self._preview_path(entry.first)
        moves: list[Move] = []
        try:
            for path in self._chosen(entry.first):
                if is_own(self.root / path):
                    moves.append(Move(self.root / path, step_path(self.root)))
                else:
                    moves += self._trash.moves_for(f"{entry.name} (preview)", [path])[1]
            return [*moves, Move(write_step(self.root, data), target)]
        except BaseException:
            discard_stages(move.source for move in moves)
            raise

    def _chosen(self, file: ScannedFile) -> list[str]:
        """What would go before a new preview, or be in its place, relative to the library."""
        endings = self._contents.names[file.folder].endings(file.stem)
        same = [ending for ending in endings if companion_kind(ending) == SUFFIX]
        return [_beside(file.path, f"{file.stem}{ending}") for ending in same]

    def _preview_path(self, file: ScannedFile) -> Path:
        return self.root / file.folder / f"{file.stem}{SUFFIX}"


def _beside(path: str, name: str) -> str:
    """The path of a file of that name in the same folder."""
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{name}"


def is_own(path: Path) -> bool:
    """Whether the preview at `path` was written by this app; a link was not."""
    if path.is_symlink():
        return False
    try:
        data = read_small(path, MAX_PREVIEW_BYTES)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            return picture.info.get(MADE_BY[0]) == MADE_BY[1]
    except NOT_A_PICTURE:
        return False


def _encoded(picture: Image.Image) -> bytes:
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    said = PngImagePlugin.PngInfo()
    said.add_text(*MADE_BY)
    data = io.BytesIO()
    picture.save(data, "PNG", pnginfo=said)
    return data.getvalue()


def _not_written(name: str, error: OSError) -> LoRAError:
    return LoRAError(
        f"The picture of {name} could not be changed: {error.strerror or error}."
        " Nothing was changed.",
        suggestions=["Check the permissions and the disk of the LoRA folder."],
    )
