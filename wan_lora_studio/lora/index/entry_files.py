"""Which files make up one LoRA, and what each is called after a rename."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from wan_lora_studio.lora.files import FolderNames, preview_endings
from wan_lora_studio.lora.index.entries import Entry
from wan_lora_studio.lora.index.scanner import Folders
from wan_lora_studio.lora.inspection import CONFIG_NAME, folder_evidence, name_role
from wan_lora_studio.lora.names import SUFFIX, SUFFIXES, is_lora_file, name_key

FALLBACK_WORDS = {"high": "high_noise", "low": "low_noise"}


@dataclass(frozen=True)
class Stem:
    """One stem with its files: `folder/stem` + each suffix. `role` None: a pair's common stem."""

    folder: str
    stem: str
    role: str | None
    suffixes: tuple[str, ...]

    def paths(self, stem: str | None = None) -> list[str]:
        """The relative paths of all files, optionally under another stem."""
        prefix = f"{self.folder}/" if self.folder else ""
        return [f"{prefix}{stem or self.stem}{suffix}" for suffix in self.suffixes]


def stems_of(entry: Entry, names: Folders) -> list[Stem]:
    """The stems of an entry with all their files among `names` (the whole library's)."""
    stems = []
    for role, file in entry.files.items():
        own = PurePosixPath(file.path).name[len(file.stem) :]
        here = names[file.folder]
        for stem in here.stems_like(file.stem):
            beside = here.endings(stem) if _owns(here, stem, own) else []
            suffixes = (own, *beside) if stem == file.stem else beside
            stems.append(Stem(file.folder, stem, role, tuple(suffixes)))
    return stems + _common_stem(entry, stems, names)


def _owns(here: FolderNames, stem: str, own: str) -> bool:
    """Whether what lies beside the stem is the file's of that ending: `a.png` is of
    `a.safetensors` rather than of `a.sft` if both are there."""
    return own.casefold() == SUFFIX or f"{stem}{SUFFIX}" not in here


def _common_stem(entry: Entry, stems: list[Stem], names: Folders) -> list[Stem]:
    """Files such as `style.png` beside `style_high` and `style_low`."""
    common = entry.common_stem
    if not common:
        return []
    here = names[entry.first.folder]
    own = {stem.stem for stem in stems}
    return [
        Stem(entry.first.folder, stem, None, tuple(here.endings(stem)))
        for stem in here.stems_like(common)
        if here.endings(stem) and stem not in own
        if not any(f"{stem}{end}" in here for end in SUFFIXES)
    ]


def all_paths(entry: Entry, names: Folders) -> list[str]:
    """Every file of the entry; with `adapter_config.json` if the folder is its own."""
    found = [path for stem in stems_of(entry, names) for path in stem.paths()]
    folder = entry.first.folder
    loras = {f"{folder}/{name}" for name in names[folder] if is_lora_file(name)}
    own = folder and loras <= {file.path for file in entry.files.values()}
    return [*found, f"{folder}/{CONFIG_NAME}"] if own and CONFIG_NAME in names[folder] else found


def previews_of(entry: Entry, names: Folders) -> list[str]:
    """Relative paths of the preview files of the entry, the best first."""
    found = []
    for stem in stems_of(entry, names):
        prefix = f"{stem.folder}/" if stem.folder else ""
        suffixes = preview_endings(stem.suffixes)
        found += [f"{prefix}{stem.stem}{suffix}" for suffix in suffixes]
    return found


def renamed_stem(stem: Stem, new_name: str, *, pair: bool) -> str | None:
    """The stem's new text. A pair's halves keep their role words, put at the end; halves in
    folders that state their roles need none.

    None if no ending makes the half recognisable again as a half of `new_name`.
    """
    if not pair or stem.role is None:
        return new_name
    found = name_role(stem.stem)
    if found is None and name_role(new_name) is None and _folder_states_role(stem):
        return new_name
    words = found.words.replace(" ", "_") if found else ""
    for ending in dict.fromkeys([words, FALLBACK_WORDS[stem.role]]):
        candidate = f"{new_name}_{ending}"
        read = name_role(candidate) if ending else None
        if read and not read.weak and read.role == stem.role and read.stem == new_name:
            return candidate
    return None


def _folder_states_role(stem: Stem) -> bool:
    found = folder_evidence(stem.folder)
    return found is not None and not found.is_weak and found.role == stem.role


def told_apart(entry: Entry, names: Folders) -> dict[str, str]:
    """Old path → file name in one folder for all: halves of one name get words for their roles."""
    same = entry.is_pair and len({name_key(file.stem) for file in entry.files.values()}) == 1
    found: dict[str, str] = {}
    for stem in stems_of(entry, names):
        word = FALLBACK_WORDS.get(stem.role or "") if same else None
        new = f"{stem.stem}_{word}" if word else stem.stem
        for old, moved in zip(stem.paths(), stem.paths(new), strict=True):
            found[old] = PurePosixPath(moved).name
    return found
