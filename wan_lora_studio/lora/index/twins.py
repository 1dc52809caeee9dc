"""Twins: files whose names differ by one role word, which settles roles that are still open.

Everything is one pass over the files: each possible role word of a name gives a key, the name
without it, and twins are files of different roles under one key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from wan_lora_studio.lora.index.scanner import ScannedFile
from wan_lora_studio.lora.inspection import (
    BY_FOLDERS,
    BY_HAND,
    NO_EVIDENCE,
    ONE_EXPERT_FAMILIES,
    EvidenceSource,
    EvidenceStrength,
    RoleEvidence,
    RoleMark,
    role_marks,
    says_one_expert,
)
from wan_lora_studio.lora.names import composed, name_key, without_suffix
from wan_lora_studio.lora.roles import Role

Key = tuple[str, str]  # the folder and the name, one of them without a role word

_SEPARATORS = re.compile(r"[-_. +]+")


@dataclass(frozen=True, slots=True)
class Settled:
    """A file's role by all evidence, and its name without the role word.

    `twin` is the path of the file that weak evidence compares it with.
    """

    file: ScannedFile
    evidence: RoleEvidence
    stem: str
    twin: str = ""

    @property
    def half(self) -> Role:
        """`high` or `low`; `both` for anything that isn't surely one half."""
        return "both" if self.evidence.is_weak else self.evidence.role


def plain_words(text: str) -> str:
    """A name without regard to case, separators and the escapes of URLs."""
    decoded = unquote(text) if "%" in text else text
    return _SEPARATORS.sub("_", name_key(decoded)).strip("_")


def settle_roles(files: Iterable[ScannedFile], roles: Mapping[str, Role]) -> list[Settled]:
    """Every file's role: the user's word first, then what the file says, then its twins."""
    found: dict[str, Settled] = {}
    unsettled: list[ScannedFile] = []
    for file in files:
        evidence = _own(file, roles)
        found[file.path] = Settled(file, evidence, _stem(file, evidence.role))
        if file.form is not None and not evidence.outweighs_twins:
            unsettled.append(file)
    twins = _Twins()
    for settled in found.values():
        if settled.half != "both" and settled.file.named:
            twins.add_half(settled)
        elif settled.half != "both" and settled.evidence.source is EvidenceSource.FOLDER_NAME:
            twins.add_half_by_folder(settled)
    candidates = [(file, list(_candidates(file))) for file in unsettled]
    for file, keys in candidates:
        for key, mark in keys:
            twins.add(key, mark.role, file.path)
    for file, keys in candidates:
        better = twins.settle(file, keys)
        if better and not _is_for_one_expert(file):
            found[file.path] = better
    return list(found.values())


def _own(file: ScannedFile, roles: Mapping[str, Role]) -> RoleEvidence:
    if file.form is None:
        return NO_EVIDENCE
    given = roles.get(file.path)
    return file.evidence if given is None else BY_HAND[given]


def _stem(file: ScannedFile, role: Role) -> str:
    named = file.named
    return named.stem if named and named.role == role and role != "both" else file.stem


def _is_for_one_expert(file: ScannedFile) -> bool:
    family = file.forms.get(file.form).family if file.form else ""
    return family in ONE_EXPERT_FAMILIES or says_one_expert(without_suffix(file.path))


def _candidates(file: ScannedFile) -> Iterator[tuple[Key, RoleMark]]:
    """The keys under which a twin would be found, each with the word that it leaves out.

    The word's `stem` is the file's, also where a folder has the word.
    """
    for mark in role_marks(composed(file.stem)):
        yield (file.folder.casefold(), plain_words(mark.stem)), mark
    for folder, mark in folder_marks(file.folder):
        yield (folder, plain_words(file.stem)), replace(mark, stem=file.stem)


def folder_marks(path: str) -> Iterator[tuple[str, RoleMark]]:
    """The possible role words of a file's folders, each with the path without it."""
    parts = path.split("/")
    for place in range(len(parts) - 1, max(-1, len(parts) - 1 - BY_FOLDERS), -1):
        for mark in role_marks(parts[place]):
            rest = "/".join([*parts[:place], f"{plain_words(mark.stem)}*", *parts[place + 1 :]])
            yield rest.casefold(), mark


@dataclass
class _Twins:
    """Files by key and role."""

    _by_key: dict[Key, dict[Role, str]] = field(default_factory=dict)
    _halves: dict[Key, dict[Role, str]] = field(default_factory=dict)

    def add(self, key: Key, role: Role, path: str) -> None:
        self._by_key.setdefault(key, {}).setdefault(role, path)

    def add_half(self, half: Settled) -> None:
        """A file whose role is known, by its name without the word that states it."""
        key = (half.file.folder.casefold(), plain_words(half.stem))
        self.add(key, half.half, half.file.path)
        self._halves.setdefault(key, {}).setdefault(half.half, half.file.path)

    def add_half_by_folder(self, half: Settled) -> None:
        """A file whose folder says its role, by the folder without the word that states it."""
        for folder, mark in folder_marks(half.file.folder):
            if folder.endswith("*") and mark.role == half.half:
                key = folder_key(folder[:-1]), plain_words(half.file.stem)
                self._halves.setdefault(key, {}).setdefault(half.half, half.file.path)

    def settle(self, file: ScannedFile, keys: Iterable[tuple[Key, RoleMark]]) -> Settled | None:
        """What its twins say of a file; None if it has none."""
        pairs = [(mark, twin) for key, mark in keys if (twin := self._twin(key, mark, file))]
        meant = [(mark, twin) for mark, twin in pairs if not mark.other]
        if len({mark.role for mark, _ in meant}) == 1:
            mark, twin = meant[0]
            evidence = RoleEvidence(mark.role, EvidenceSource.TWIN, detail=_shown(file, twin))
            return Settled(file, evidence, mark.stem)
        twin = pairs[0][1] if pairs else self._lone_half(file)
        if not twin:
            return None
        role = pairs[0][0].role if pairs else "both"
        evidence = RoleEvidence(
            role, EvidenceSource.TWIN, EvidenceStrength.WEAK, _shown(file, twin)
        )
        return Settled(file, evidence, file.stem, twin)

    def _twin(self, key: Key, mark: RoleMark, file: ScannedFile) -> str:
        other: Role = "low" if mark.role == "high" else "high"
        path = self._by_key.get(key, {}).get(other, "")
        return "" if path == file.path else path

    def _lone_half(self, file: ScannedFile) -> str:
        """The half that is called like this file but for its role word, if it has no other."""
        if not self._halves:
            return ""
        for folder in dict.fromkeys((file.folder.casefold(), folder_key(file.folder))):
            halves = self._halves.get((folder, plain_words(file.stem)), {})
            if len(halves) == 1:
                return next(iter(halves.values()))
        return ""


def folder_key(path: str) -> str:
    """A folder, of whose own name only the words count."""
    above, slash, name = path.rpartition("/")
    return f"{above}{slash}{plain_words(name)}".casefold().rstrip("/")


def _shown(file: ScannedFile, twin: str) -> str:
    """A twin's name; with its folder where it lies in another."""
    folder, _, name = twin.rpartition("/")
    return name if folder == file.folder else f"{folder.rpartition('/')[2]}/{name}"
