"""Files → library entries: high/low halves become one entry, and each entry gets its name.

Halves belong together if their names are the same once the role word is out and they lie in one
folder, or if both carry the same `sshs_model_hash` (ai-toolkit writes it into both).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from backend.lora.experts import Role, has_identity
from backend.lora.hand_pairs import HandPairs
from backend.lora.names import composed, free_name
from backend.lora.scan import ScannedFile


@dataclass(frozen=True, slots=True)
class Entry:
    """One LoRA of the library: its record's name, and its files by role.

    `files` has the key "both", or "high" and/or "low". A broken file is in the role "both".
    """

    name: str
    files: dict[str, ScannedFile]

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


def role_of(file: ScannedFile, roles: Mapping[str, Role]) -> Role:
    """The file's role: the user's word first, then the evidence."""
    if file.form is None:
        return "both"
    return roles.get(file.path, file.expert)


def make_entries(
    files: Iterable[ScannedFile], roles: Mapping[str, Role], by_hand: HandPairs | None = None
) -> dict[str, Entry]:
    """All entries by name. Names are unique without regard to case."""
    by_hand = by_hand or HandPairs()
    halves: dict[str, list[ScannedFile]] = {"high": [], "low": []}
    rest, groups = _paired_by_hand({file.path: file for file in files}, by_hand)
    for file in rest:
        role = role_of(file, roles)
        if role == "both":
            groups.append({"both": file})
        else:
            halves[role].append(file)
    groups += _paired(halves["high"], halves["low"], by_hand)
    groups.sort(key=lambda group: _place(next(iter(group.values()))))
    return _named(groups)


def _place(file: ScannedFile) -> tuple[bool, int, str]:
    """Files at the top come before those in folders, and those before extra folders' files
    (their paths are absolute), so that they keep their plain names."""
    path = file.path
    return path[:1] == "/" or path[1:2] == ":", path.count("/"), path


def _paired_by_hand(
    files: dict[str, ScannedFile], by_hand: HandPairs
) -> tuple[list[ScannedFile], list[dict[str, ScannedFile]]]:
    """The files that are in none of the user's pairs, and the pairs that are whole."""
    groups = []
    for high, low in by_hand.together:
        if high in files and low in files:
            groups.append({"high": files.pop(high), "low": files.pop(low)})
    return list(files.values()), groups


def _paired(
    high: list[ScannedFile], low: list[ScannedFile], by_hand: HandPairs
) -> list[dict[str, ScannedFile]]:
    groups: list[dict[str, ScannedFile]] = []
    for identity in (_identity, _hash_identity):
        firsts, seconds = _unique(high, identity), _unique(low, identity)
        both = ((firsts[key], seconds[key]) for key in firsts.keys() & seconds.keys())
        found = [pair for pair in both if (pair[0].path, pair[1].path) not in by_hand.apart]
        groups += [{"high": first, "low": second} for first, second in found]
        paired = {file.path for pair in found for file in pair}
        high = [file for file in high if file.path not in paired]
        low = [file for file in low if file.path not in paired]
    return groups + [{"high": file} for file in high] + [{"low": file} for file in low]


Identity = tuple[str, str]


def _unique(
    files: list[ScannedFile], identity: Callable[[ScannedFile], Identity | None]
) -> dict[Identity, ScannedFile]:
    """Files by identity; an identity that several files share is left out."""
    found: dict[Identity, list[ScannedFile]] = {}
    for file in files:
        key = identity(file)
        if key is not None:
            found.setdefault(key, []).append(file)
    return {key: group[0] for key, group in found.items() if len(group) == 1}


def _identity(file: ScannedFile) -> Identity | None:
    if file.named is None:
        return None
    plain = file.named.stem.casefold().replace("-", "_").replace(" ", "_")
    return file.folder, plain


def _hash_identity(file: ScannedFile) -> Identity | None:
    return (file.folder, file.model_hash) if file.model_hash else None


def _named(groups: list[dict[str, ScannedFile]]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    taken: set[str] = set()
    for group in groups:
        name = _printable(entry_name(group))
        folder = next(iter(group.values())).folder
        if name.casefold() in taken and folder:
            name = f"{name} ({_printable(_shown(folder))})"
        elif name.casefold() in taken and len(group) == 2:
            name = f"{name} (pair)"
        name = free_name(name, taken)
        taken.add(name.casefold())
        entries[name] = Entry(name, group)
    return entries


def _shown(folder: str) -> str:
    """A folder as part of a name; of an extra folder, whose path is absolute, the last part."""
    absolute = folder[:1] == "/" or folder[1:2] == ":"
    return folder.rpartition("/")[2] if absolute else folder.replace("/", ", ")


def entry_name(group: Mapping[str, ScannedFile]) -> str:
    """The name before clashes are settled: the stem, for a pair without the role word.

    A stem like `model` takes its identity from its folder.
    """
    first = next(iter(group.values()))
    plain = first.named.stem if first.named else first.stem
    identified = has_identity(plain)
    if not identified and first.folder:
        return _folder_name(first.folder)
    return plain if len(group) == 2 and plain else first.stem


def _folder_name(folder: str) -> str:
    """The last folder of a path; in a hub cache, whose folders are revisions, the repository."""
    *above, last = folder.split("/")
    if above[-1:] == ["snapshots"] and above[-2:-1] and above[-2].startswith("models--"):
        return above[-2].rpartition("--")[2]
    return last


def _printable(name: str) -> str:
    """A file's name as text, in NFC: what is not text or invisible becomes U+FFFD."""
    name = composed(name)
    if name.isprintable():
        return name  # a lone surrogate is not printable
    text = name.encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
