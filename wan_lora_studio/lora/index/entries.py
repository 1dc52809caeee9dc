"""Files → library entries: high/low halves become one entry, and each entry gets its name.

Halves belong together if their names are the same once the role word is out; if both carry the
same `sshs_model_hash` (ai-toolkit writes it into both); if they are called alike in sibling folders
such as `HIGH` and `LOW`; or if only an epoch, a step, a rank or a version differs. Each way pairs
where it leaves one candidate; where there are several, they are offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wan_lora_studio.lora.index.names_of_halves import distant_name, near_name, shared_name
from wan_lora_studio.lora.index.scanner import ScannedFile
from wan_lora_studio.lora.index.twins import Settled, folder_marks, plain_words, settle_roles
from wan_lora_studio.lora.inspection import EvidenceSource, RoleEvidence, has_identity, name_role
from wan_lora_studio.lora.names import composed, free_name
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage import HandPairs

OFFERED = 12  # halves that are offered for one
Place = tuple[bool, int, str]  # by which entries are sorted
Offers = Mapping[str, tuple[str, ...]]  # for a file that lacks a half, paths that may be it


class PairedBy(StrEnum):
    """Why two files are one LoRA."""

    HAND = "hand"
    NAME = "name"
    HASH = "hash"
    FOLDERS = "folders"
    NEAR_NAME = "near_name"


@dataclass(frozen=True, slots=True)
class Entry:
    """One LoRA of the library: its record's name, and its files by role.

    `files` has the key "both", or "high" and/or "low". A broken file is in the role "both", and so
    is one of which it isn't sure whether it is a half: it then goes to both experts. `settled` has
    evidence that is not a file's own, by role. `offers` are names of LoRAs that may be the other
    half. `common_stem` is the pair's name in its folder.
    """

    name: str
    files: dict[str, ScannedFile]
    settled: Mapping[str, RoleEvidence] | None = None
    paired_by: PairedBy | None = None
    common_stem: str = ""
    offers: tuple[str, ...] = ()

    @property
    def first(self) -> ScannedFile:
        return next(iter(self.files.values()))

    @property
    def is_pair(self) -> bool:
        return len(self.files) == 2

    @property
    def missing_half(self) -> str | None:
        """The role for which this LoRA has nothing; None if it serves both experts."""
        if "both" in self.files or self.is_pair:
            return None
        return "low" if "high" in self.files else "high"

    @property
    def is_unsure(self) -> bool:
        """Whether it may be one half of something, so that someone has to say which."""
        return "both" in self.files and self.evidence("both").is_weak

    def evidence(self, role: str) -> RoleEvidence:
        """Why the file has this role, by all that is known."""
        return (self.settled or {}).get(role) or self.files[role].evidence


@dataclass(frozen=True, slots=True)
class Group:
    """The files of one entry, by role."""

    files: dict[str, Settled]
    paired_by: PairedBy | None = None

    @property
    def first(self) -> Settled:
        return next(iter(self.files.values()))

    @property
    def common_stem(self) -> str:
        """A pair's name, in both halves' folder; "" if it has none."""
        if len(self.files) < 2 or self.files["high"].file.folder != self.files["low"].file.folder:
            return ""
        return self._shared

    @property
    def _shared(self) -> str:
        high, low = self.files["high"].stem, self.files["low"].stem
        return shared_name(high, low) if self.paired_by is PairedBy.NEAR_NAME else high

    @property
    def name(self) -> str:
        """The name before clashes are settled: the stem, for a pair without the role word.

        A stem like `model` takes its identity from its folder.
        """
        first = self.first
        plain = self._shared if len(self.files) == 2 else first.stem
        if has_identity(plain):
            return plain if len(self.files) == 2 else first.file.stem
        if not first.file.folder:
            return plain if len(self.files) == 2 and plain else first.file.stem
        return _folder_name(first.file.folder, across=self.paired_by is PairedBy.FOLDERS)

    @property
    def printable(self) -> str:
        """The same as it is shown, if no other has it."""
        return _printable(self.name)


def _folder_name(folder: str, *, across: bool) -> str:
    """A folder's name; for halves in folders of their own, without the role word."""
    parts = folder.split("/")
    if not across:
        return _place_name(parts)
    stated = name_role(parts[-1], folder=True)
    plain = stated.stem if stated else parts[-1]
    return plain or (parts[-2] if len(parts) > 1 else parts[-1])


def _place_name(parts: Sequence[str]) -> str:
    """The last folder of a path; in a hub cache, whose folders are revisions, the repository."""
    if parts[-2:-1] == ["snapshots"] and parts[-3:-2] and parts[-3].startswith("models--"):
        return parts[-3].rpartition("--")[2]
    return parts[-1]


def make_entries(
    files: Iterable[ScannedFile], roles: Mapping[str, Role], by_hand: HandPairs | None = None
) -> dict[str, Entry]:
    """All entries by name. Names are unique without regard to case."""
    return entries_of(*groups_of(files, roles, by_hand or HandPairs()))


def groups_of(
    files: Iterable[ScannedFile], roles: Mapping[str, Role], by_hand: HandPairs
) -> tuple[list[Group], Offers]:
    """Which files are one LoRA, in the order of the entries; and what is offered for halves."""
    ordered = sorted(files, key=place_of)  # so that the same files always make the same LoRAs
    settled = {item.file.path: item for item in settle_roles(ordered, roles)}
    groups = _paired_by_hand(settled, by_hand)
    singles = [Group({"both": item}) for item in settled.values() if item.half == "both"]
    halves = [
        sorted((item for item in settled.values() if item.half == role), key=_place)
        for role in ("high", "low")
    ]
    pairs, rest = _paired(halves[0], halves[1], by_hand)
    lone = [Group({item.half: item}) for item in rest]
    groups += [*singles, *pairs, *lone]
    groups.sort(key=lambda group: _place(group.first))
    return groups, _offers(rest, singles, by_hand)


def _place(item: Settled) -> Place:
    return place_of(item.file)


def place_of(file: ScannedFile) -> Place:
    """Files at the top come before those in folders, and those before extra folders' files
    (their paths are absolute), so that they keep their plain names."""
    path = file.path
    return path[:1] == "/" or path[1:2] == ":", path.count("/"), path


def _paired_by_hand(settled: dict[str, Settled], by_hand: HandPairs) -> list[Group]:
    """The user's pairs that are whole; their files are taken out of `settled`."""
    groups = []
    for high, low in by_hand.together:
        if high in settled and low in settled:
            files = {"high": settled.pop(high), "low": settled.pop(low)}
            groups.append(Group(files, PairedBy.HAND))
    return groups


Identity = tuple[str, str]
Identify = Callable[[Settled], Identity | None]


def _paired(
    high: list[Settled], low: list[Settled], by_hand: HandPairs
) -> tuple[list[Group], list[Settled]]:
    """The pairs, and the halves that are in none."""
    groups: list[Group] = []
    for way, identity in _WAYS:
        firsts, seconds = _unique(high, identity), _unique(low, identity)
        both = ((first, seconds[key]) for key, first in firsts.items() if key in seconds)
        found = [pair for pair in both if not _are_apart(*pair, by_hand)]
        groups += [Group({"high": one, "low": other}, way) for one, other in found]
        paired = {item.file.path for pair in found for item in pair}
        high = [item for item in high if item.file.path not in paired]
        low = [item for item in low if item.file.path not in paired]
    return groups, high + low


def _are_apart(high: Settled, low: Settled, by_hand: HandPairs) -> bool:
    return (high.file.path, low.file.path) in by_hand.apart


def _unique(items: Sequence[Settled], identity: Identify) -> dict[Identity, Settled]:
    """Files by identity; an identity that several files share is left out."""
    found = _grouped(items, identity)
    return {key: group[0] for key, group in found.items() if len(group) == 1}


def _grouped(items: Sequence[Settled], identity: Identify) -> dict[Identity, list[Settled]]:
    found: dict[Identity, list[Settled]] = {}
    for item in items:
        key = identity(item)
        if key is not None:
            found.setdefault(key, []).append(item)
    return found


def _states_role(item: Settled) -> bool:
    """Whether the file's name has a role word, which its stem is without."""
    return item.file.named is not None or item.stem != item.file.stem


def _by_name(item: Settled) -> Identity | None:
    if not _states_role(item):
        return None
    return item.file.folder, item.stem.casefold().replace("-", "_").replace(" ", "_")


def _by_words(item: Settled) -> Identity | None:
    return (item.file.folder, plain_words(item.stem)) if _states_role(item) else None


def _by_hash(item: Settled) -> Identity | None:
    return (item.file.folder, item.file.model_hash) if item.file.model_hash else None


def _by_near_name(item: Settled) -> Identity | None:
    return (item.file.folder, plain_words(near_name(item.stem))) if _states_role(item) else None


def _by_distant_name(item: Settled) -> Identity:
    return item.file.folder, plain_words(distant_name(item.stem))


def _across_folders(item: Settled) -> Identity | None:
    folder = _folder_without_role(item)
    return None if folder is None else (folder, plain_words(item.stem))


def _nearly_across_folders(item: Settled) -> Identity | None:
    folder = _folder_without_role(item)
    if folder is None:
        return None
    above, mark, below = folder.rpartition("*")
    near = "/".join(near_name(part) for part in below.split("/"))  # HIGH/e40, LOW/e60
    return above + mark + near, plain_words(near_name(item.stem))


def _folder_without_role(item: Settled) -> str | None:
    """The file's folder without the word for its role; None if there is no such word in it."""
    marks = ((rest, mark) for rest, mark in folder_marks(item.file.folder))
    return next((rest for rest, mark in marks if mark.role == item.half), None)


_WAYS: tuple[tuple[PairedBy, Identify], ...] = (
    (PairedBy.NAME, _by_name),
    (PairedBy.HASH, _by_hash),
    (PairedBy.NAME, _by_words),
    (PairedBy.FOLDERS, _across_folders),
    (PairedBy.NEAR_NAME, _by_near_name),
    (PairedBy.FOLDERS, _nearly_across_folders),
)


def _offers(halves: Sequence[Settled], singles: Sequence[Group], by_hand: HandPairs) -> Offers:
    """For files that lack a half, the paths of those that may be it."""
    found: dict[str, dict[str, None]] = {}
    for identity in (_by_distant_name, _nearly_across_folders):
        for group in _grouped(halves, identity).values():
            for role in ("high", "low"):
                others = [item for item in group if item.half not in ("both", role)][:OFFERED]
                for item in group if others else ():
                    if item.half == role:
                        _offer(found, item, others, by_hand)
    for single in singles:
        if single.first.twin:
            path = single.first.file.path
            found.setdefault(path, {})[single.first.twin] = None
            found.setdefault(single.first.twin, {})[path] = None
    return {path: tuple(others)[:OFFERED] for path, others in found.items()}


def _offer(
    found: dict[str, dict[str, None]], item: Settled, others: list[Settled], by_hand: HandPairs
) -> None:
    for other in others:
        pair = (item, other) if item.half == "high" else (other, item)
        if not _are_apart(*pair, by_hand):
            found.setdefault(item.file.path, {})[other.file.path] = None


def entries_of(groups: Sequence[Group], offers: Offers) -> dict[str, Entry]:
    """The entries with their names; one for each group, in the same order."""
    names = _names(groups)
    by_path = {
        item.file.path: name
        for name, group in zip(names, groups, strict=True)
        if len(group.files) == 1
        for item in group.files.values()
    }
    return {
        name: Entry(
            name,
            {role: item.file for role, item in group.files.items()},
            _settled(group),
            group.paired_by,
            group.common_stem,
            _named_offers(group, offers, by_path),
        )
        for name, group in zip(names, groups, strict=True)
    }


def _settled(group: Group) -> Mapping[str, RoleEvidence] | None:
    """Evidence by role where it isn't the file's own; a pair by hand settles both."""
    if group.paired_by is PairedBy.HAND:
        return {role: _by_the_pair(item, role) for role, item in group.files.items()}
    found = {
        role: item.evidence
        for role, item in group.files.items()
        if item.evidence is not item.file.evidence
    }
    return found or None


def _by_the_pair(item: Settled, role: str) -> RoleEvidence:
    if item.half == role:
        return item.evidence
    return RoleEvidence("high" if role == "high" else "low", EvidenceSource.USER)


def _named_offers(group: Group, offers: Offers, by_path: Mapping[str, str]) -> tuple[str, ...]:
    if len(group.files) != 1:
        return ()
    return tuple(by_path[path] for path in offers.get(group.first.file.path, ()) if path in by_path)


def _names(groups: Sequence[Group]) -> list[str]:
    names: list[str] = []
    taken: set[str] = set()
    for group in groups:
        name = group.printable
        folder = group.first.file.folder
        if name.casefold() in taken and folder:
            name = f"{name} ({_printable(_shown(folder))})"
        elif name.casefold() in taken and len(group.files) == 2:
            name = f"{name} (pair)"
        name = free_name(name, taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def _shown(folder: str) -> str:
    """A folder as part of a name; of an extra folder, whose path is absolute, the last part."""
    absolute = folder[:1] == "/" or folder[1:2] == ":"
    return folder.rpartition("/")[2] if absolute else folder.replace("/", ", ")


def _printable(name: str) -> str:
    """A file's name as text, in NFC: what is not text or invisible becomes U+FFFD."""
    name = composed(name)
    if name.isprintable():
        return name  # a lone surrogate is not printable
    text = name.encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
