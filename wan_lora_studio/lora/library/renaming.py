"""Placing and renaming: plans made against the library's contents, then carried out at once."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import Entry, LibraryIndex, Stem, renamed_stem, stems_of
from wan_lora_studio.lora.inspection import name_role
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.names import (
    SUFFIX,
    composed,
    free_name,
    name_key,
    name_problem,
    safe_name,
)
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage import moves_of
from wan_lora_studio.texts import say


def rename_lora(changes: Changes, old_name: str, new_name: str) -> None:
    """Rename all files of a LoRA; halves of a pair keep their role words."""
    with changes.change(old_name, at=[f"{new_name}{SUFFIX}"]) as change:
        entry = change.changeable(old_name).entry
        if entry.name != composed(new_name):
            Renaming(change).rename(entry, new_name)
            change.settle()


@dataclass(frozen=True)
class Renaming:
    """Gives all files of a LoRA another stem, each in its own folder."""

    change: Change

    def rename(self, entry: Entry, new_name: str) -> None:
        """All files or none. Raises LoRAError if the name is taken or not allowed."""
        new_name = composed(new_name)
        self._refuse_bad_name(entry, new_name)
        stems = stems_of(entry, self.change.index.names)
        paths = self._plan(entry, stems, new_name)
        loras = {file.path: paths[file.path] for file in entry.files.values()}
        roles = self._roles_to_keep(entry, loras)
        try:
            moves = moves_of(self.change.root, paths, self.change.index.own_links)
            self.change.carry_out(moves, lambda db: self.change.catalog.moved(db, loras, roles))
        except FileExistsError as error:
            raise LoRAError(
                say("lora.library.renaming.taken_file", name=entry.name, new_name=repr(new_name)),
                suggestions=[say("lora.library.choose_other_name")],
                context={"name": entry.name, "new_name": new_name},
            ) from error
        except OSError as error:
            raise LoRAError(
                say("lora.library.renaming.failed", name=entry.name, reason=error.strerror or error)
            ) from error

    def _refuse_bad_name(self, entry: Entry, new_name: str) -> None:
        problem = name_problem(new_name)
        if problem:
            raise LoRAError(
                say("lora.library.renaming.bad_name", name=repr(new_name), problem=problem),
                suggestions=[say("lora.library.renaming.try_name", name=repr(safe_name(new_name)))],
                context={"proposed_name": safe_name(new_name)},
            )
        taken = TakenNames(self.change.index, entry)
        if name_key(new_name) in taken:
            proposed = free_name(new_name, taken)
            raise LoRAError(
                say("lora.library.renaming.taken", name=repr(new_name)),
                suggestions=[say("lora.library.renaming.free", name=repr(proposed))],
                context={"proposed_name": proposed},
            )

    def _plan(self, entry: Entry, stems: list[Stem], new_name: str) -> dict[str, str]:
        """Old path → new path of every file."""
        plan: dict[str, str] = {}
        for stem in stems:
            new_stem = renamed_stem(stem, new_name, pair=entry.is_pair)
            if new_stem is None or name_problem(new_stem):
                raise LoRAError(
                    say("lora.library.renaming.not_for_pair", name=repr(new_name)),
                    suggestions=[say("lora.library.renaming.choose_shorter")],
                )
            plan |= dict(zip(stem.paths(), stem.paths(new_stem), strict=True))
        return plan

    def _roles_to_keep(self, entry: Entry, loras: dict[str, str]) -> dict[str, Role]:
        """Roles that the old name stated and the new one does not state any more."""
        found: dict[str, Role] = {}
        for role, file in entry.files.items():
            stated = name_role(Path(loras[file.path]).stem)
            after = stated.role if stated and not stated.weak else "both"
            if file.info and role not in ("both", after):
                found[loras[file.path]] = "high" if role == "high" else "low"
        return found


@dataclass(frozen=True)
class TakenNames(Container[str]):
    """The `name_key`s that a new LoRA must not have: those of records, and of stems of the top
    folder, and `more`. `without` is a LoRA whose own do not count."""

    contents: LibraryIndex
    without: Entry | None = None
    more: frozenset[str] = frozenset()

    def __contains__(self, key: object) -> bool:
        own = self.without
        if self.contents.is_named(str(key)) and (own is None or key != name_key(own.name)):
            return True
        return key in self._stems or key in self.more

    @cached_property
    def _stems(self) -> set[str]:
        own = {file.path for file in self.without.files.values()} if self.without else set()
        names = self.contents.names.get("", ())
        return {
            name_key(file.stem)
            for name in names
            if name not in own and (file := self.contents.files.get(name))
        }
