"""What people and runs add to a LoRA: edits, the expert it is for, its use."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import rewritten_webui_json
from wan_lora_studio.lora.index import Entry, ScannedFile
from wan_lora_studio.lora.inspection import EvidenceSource
from wan_lora_studio.lora.library.annotation_fields import checked_changes, merged_edits
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage import (
    Edits,
    Move,
    bump_revision,
    discard_stages,
    save_edits,
    save_pairing,
    save_role,
    step_path,
    write_step,
)
from wan_lora_studio.texts import say

NO_ROLES: Mapping[str, Role] = MappingProxyType({})


def edit_metadata(changes: Changes, name: str, edits: Mapping[str, Any]) -> dict[str, Any]:
    """Save what the user says about a LoRA; its record."""
    checked = checked_changes(edits)
    with changes.change(name) as change:
        return change.record_at(Annotation(change).edit(name, checked))


def set_role(changes: Changes, name: str, role: Role | None) -> None:
    """Overrule which expert a single file is for: both, high, low; None: the evidence."""
    if role not in (None, "both", "high", "low"):
        raise LoRAError(
            say("lora.library.pairs.not_a_role", role=repr(role)),
            suggestions=[say("lora.library.pairs.roles")],
        )
    with changes.change(name) as change:
        Annotation(change).set_role(name, role)


def pair_loras(changes: Changes, high_name: str, low_name: str) -> dict[str, Any]:
    """Make one LoRA of two files, whatever their names say; its record."""
    with changes.change(high_name, low_name) as change:
        return change.record_at(Annotation(change).pair(high_name, low_name))


def split_pair(changes: Changes, name: str) -> list[str]:
    """Make two LoRAs of a pair; their names, high noise first."""
    with changes.change(name) as change:
        return [change.name_at(path) for path in Annotation(change).split(name)]


@dataclass(frozen=True)
class Annotation:
    """Adds to what is known of files beyond their content, in a library that is being changed."""

    change: Change

    def edit(self, name: str, changes: Edits) -> str:
        """Save checked edits of a LoRA; the path of its first file.

        The catalogue keeps all of them; what A1111 and Forge have a key for is also written to
        `stem.json` of each file.
        """
        entry = self.change.known(name).entry
        if "expert" in changes and entry.is_pair:
            raise LoRAError(
                say("lora.library.pairs.one_expert_each", name=name),
                suggestions=[say("lora.library.pairs.split_first")],
            )
        path = entry.first.path
        old = self.change.catalog.edits([path]).get(path, {})
        self._save_edits(entry, old, merged_edits(old, changes), changes)
        self.change.settle()
        return path

    def _save_edits(self, entry: Entry, old: Edits, new: Edits, changes: Edits) -> None:
        moves: list[Move] = []
        try:
            for file in entry.files.values():
                if self.change.index.is_fixed(file.path):
                    continue  # nothing is written there; the catalogue keeps the edits
                sidecar = self.change.root / file.folder / f"{file.stem}.json"
                moves += self._sidecar_moves(sidecar, old, new)
            self.change.carry_out(moves, lambda db: _save(db, entry, new, changes))
        except OSError as error:
            discard_stages(move.source for move in moves)
            raise LoRAError(
                say(
                    "lora.library.edits.not_saved", name=entry.name, reason=error.strerror or error
                ),
                suggestions=[say("lora.library.check_disk")],
            ) from error
        self.change.touch(file.path for file in entry.files.values())
        self.change.again = "expert" in changes

    def _sidecar_moves(self, path: Path, old: Edits, new: Edits) -> list[Move]:
        """What puts the new content of a sidecar into its place; nothing if it stays."""
        content = rewritten_webui_json(path, old, new)
        if content is None:
            return []
        moves = []
        mode = None
        if os.path.lexists(path):
            mode = stat.S_IMODE(path.lstat().st_mode)
            moves.append(Move(path, step_path(self.change.root)))
        if content:
            moves.append(Move(write_step(self.change.root, content, mode), path))
        return moves

    def set_role(self, name: str, role: Role | None) -> None:
        """Overrule which expert the LoRA's files are for; None: the evidence."""
        for file in self.change.known(name).entry.files.values():
            self.change.catalog.set_role(file.path, role)
            self.change.annotate([file.path], again=True)
        self.change.settle()

    def pair(self, high_name: str, low_name: str) -> str:
        """Make one LoRA of two files, whatever their names say; the path of its first file."""
        high = self._half(high_name, "high")
        low = self._half(low_name, "low")
        if high.path == low.path:
            raise LoRAError(
                say("lora.library.pairs.same_file", name=high_name),
                suggestions=[say("lora.library.pairs.choose_other")],
            )
        self._save_pairing(high.path, low.path, together=True)
        return high.path

    def split(self, name: str) -> tuple[str, str]:
        """Make two LoRAs of a pair; the paths of their files, high noise first."""
        entry = self.change.known(name).entry
        if not entry.is_pair:
            raise LoRAError(
                say("lora.library.pairs.not_a_pair", name=name),
                suggestions=[say("lora.library.pairs.choose_pair")],
            )
        high, low = entry.files["high"].path, entry.files["low"].path
        by_twin = {
            file.path: entry.evidence(role).role
            for role, file in entry.files.items()
            if entry.evidence(role).source is EvidenceSource.TWIN
        }
        self._save_pairing(high, low, together=False, roles=by_twin)
        return high, low

    def _half(self, name: str, role: Role) -> ScannedFile:
        entry = self.change.known(name).entry
        file = entry.first
        if entry.is_pair:
            raise LoRAError(
                say("lora.library.pairs.pair_already", name=name),
                suggestions=[say("lora.library.pairs.split_first")],
            )
        if file.info is None:
            raise LoRAError(
                say("lora.library.pairs.unreadable", name=name),
                suggestions=[say("lora.library.pairs.replace_file")],
            )
        evidence = file.evidence
        if evidence.role != role and evidence.source is EvidenceSource.KEYS:
            if role == "high":
                said = say("lora.library.pairs.not_high", name=name, evidence=evidence.sentence)
            else:
                said = say("lora.library.pairs.not_low", name=name, evidence=evidence.sentence)
            raise LoRAError(said, suggestions=[say("lora.library.pairs.choose_file")])
        return file

    def _save_pairing(
        self, high: str, low: str, *, together: bool, roles: Mapping[str, Role] = NO_ROLES
    ) -> None:
        """`roles` are set too: those that only the other half's name says."""
        with self.change.catalog.transaction() as db:
            save_pairing(db, high, low, together=together)
            for path, role in roles.items():
                save_role(db, path, role)
            bump_revision(db)
        self.change.annotate([high, low], again=True)
        self.change.settle()


def record_use(
    shared: SharedIndex, names_with_strengths: Mapping[str, Any], video: Path | None
) -> None:
    """Count one use of each LoRA at its strength. Names that are gone are passed over."""
    shared.look()
    with shared.lock:
        strengths = {
            found.entry.first.path: _plain(strength)
            for name, strength in names_with_strengths.items()
            if (found := shared.index.named(name)) is not None
        }
    when = datetime.now(UTC).isoformat(timespec="microseconds")
    shared.catalog.record_use(strengths, when, str(video) if video else None)
    shared.index.read_made()
    shared.index.seen_revision = shared.catalog.revision()


def _save(db: sqlite3.Connection, entry: Entry, edits: Edits, changes: Edits) -> None:
    path = entry.first.path
    save_edits(db, path, {field: value for field, value in edits.items() if field != "expert"})
    if "expert" in changes:
        save_role(db, path, changes["expert"])
    bump_revision(db)


def _plain(strength: Any) -> Any:
    return strength.to_plain() if hasattr(strength, "to_plain") else strength
