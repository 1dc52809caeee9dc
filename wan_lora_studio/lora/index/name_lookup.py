"""Lookup: which LoRA is meant by what a person or another program calls it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from wan_lora_studio.lora.index.entries import Entry

ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")
MOST_CLOSE = 3


@dataclass(frozen=True)
class Meant:
    """A LoRA by its `name`. `role` is high or low where one half of a pair is meant, else both."""

    name: str
    role: str = "both"


def meant_by(text: str, entries: Mapping[str, Entry]) -> Meant | None:
    """The one LoRA that `text` names; None if there is none, or several that it may be.

    Its own name counts first, then the same without regard to case, ending and slashes, then a
    file's path, then a file's name in whatever folder, then the title that its file states.
    """
    if text in entries:
        return Meant(text)
    key = key_of(text)
    last = key.rpartition("/")[2]
    ways = (_by_name(key, entries), _by_path(key, entries), _by_file(last, entries))
    for found in (*ways, _by_title(key, entries)):
        candidates = set(found)
        if len(candidates) == 1:
            return candidates.pop()
        if len({each.name for each in candidates}) > 1:
            return None
    return None


def key_of(text: str) -> str:
    """A name or a path as it is compared."""
    key = unicodedata.normalize("NFKC", text).casefold().replace("\\", "/").strip().strip("/")
    return next((key[: -len(end)] for end in ENDINGS if key.endswith(end)), key)


def close_names(text: str, names: Collection[str]) -> list[str]:
    """The names that look most like `text`, the closest first."""
    keys: dict[str, list[str]] = {}
    for name in names:
        keys.setdefault(key_of(name), []).append(name)
    key = key_of(text)
    last = key.rpartition("/")[2]
    same = [each for each in keys if each.rpartition("/")[2] == last]
    close = difflib.get_close_matches(key, keys, n=MOST_CLOSE, cutoff=0.5)
    close += difflib.get_close_matches(last, keys, n=MOST_CLOSE, cutoff=0.6) if "/" in key else []
    found = [name for each in dict.fromkeys([*same, *close]) for name in keys[each]]
    return found[:MOST_CLOSE]


def _by_name(key: str, entries: Mapping[str, Entry]) -> Iterator[Meant]:
    return (Meant(name) for name in entries if key_of(name) == key)


def _by_path(key: str, entries: Mapping[str, Entry]) -> Iterator[Meant]:
    return (meant for meant, path in _files(entries) if path == key)


def _by_file(key: str, entries: Mapping[str, Entry]) -> Iterator[Meant]:
    return (meant for meant, path in _files(entries) if path.rpartition("/")[2] == key)


def _by_title(key: str, entries: Mapping[str, Entry]) -> Iterator[Meant]:
    for name, entry in entries.items():
        for file in entry.files.values():
            # The words hold the title, and reading them costs less.
            if key in file.words and file.info and key_of(file.info.description.title) == key:
                yield Meant(name)


def _files(entries: Mapping[str, Entry]) -> Iterator[tuple[Meant, str]]:
    for name, entry in entries.items():
        for role, file in entry.files.items():
            yield Meant(name, role if entry.is_pair else "both"), key_of(file.path)
