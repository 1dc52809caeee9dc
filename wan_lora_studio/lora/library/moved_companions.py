"""Moved companions: what the app wrote beside a LoRA follows its file that others have moved.

That is the user's edits in `stem.json` and the picture that was chosen. Files of others stay
where they are: whoever moved the LoRA left them there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wan_lora_studio.lora.files import WEBUI_KEYS, companion_kind, rewritten_webui_json
from wan_lora_studio.lora.index import LibraryIndex
from wan_lora_studio.lora.library.preview_file import SUFFIX as PREVIEW
from wan_lora_studio.lora.library.preview_file import is_own
from wan_lora_studio.lora.names import without_suffix
from wan_lora_studio.lora.storage import Edits, Move


@dataclass(frozen=True)
class Following:
    """Finds what has to move. `edits` are those of every LoRA, by the path of its first file."""

    root: Path
    contents: LibraryIndex
    edits: Mapping[str, Edits]

    def moves(self, moved: Mapping[str, str]) -> list[Move]:
        """`moved` maps a file's path now to its path before. Nothing is moved over a file that
        is there."""
        found = []
        for now, before in moved.items():
            if now in self.contents.files and not self.contents.is_fixed(now):
                found += list(self._moves(now, before))
        return found

    def _moves(self, now: str, before: str) -> Iterator[Move]:
        old, new = _stem(before), _stem(now)
        here = self.contents.names.get(str(old.parent) if old.parent.name else "")
        there = self.contents.names.get(str(new.parent) if new.parent.name else "")
        taken = {companion_kind(ending) for ending in there.endings(new.name)} if there else set()
        for ending in here.endings(old.name) if here else ():
            path = self.root / f"{old}{ending}"
            if companion_kind(ending) not in taken and self._is_ours(
                path, companion_kind(ending), now
            ):
                yield Move(path, self.root / f"{new}{ending}")

    def _is_ours(self, path: Path, kind: str, lora: str) -> bool:
        if kind == PREVIEW:
            return is_own(path)
        edits = self._edits_of(lora)
        held = kind == ".json" and any(field in WEBUI_KEYS for field in edits)
        return held and rewritten_webui_json(path, {}, edits) is None

    def _edits_of(self, path: str) -> Edits:
        """The edits of the LoRA that has this file."""
        for prepared in self.contents.entries.values():
            if any(file.path == path for file in prepared.entry.files.values()):
                return self.edits.get(prepared.entry.first.path, {})
        return {}


def _stem(path: str) -> PurePosixPath:
    found = PurePosixPath(path)
    return found.with_name(without_suffix(found.name))
