"""Finding LoRAs by words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.lora.records import Prepared

Indexed = tuple[str, str, str]  # casefolded words, name, casefolded name


def search(index: Sequence[Indexed], text: str) -> list[str]:
    """The names whose words hold every word of `text`, those that begin with it first.

    `index` is in the order of the result.
    """
    found = list(index)
    for word in text.casefold().split():
        found = [item for item in found if word in item[0]]
    start = text.casefold().strip()
    begin = [name for _, name, folded in found if folded.startswith(start)]
    if not begin:
        return [name for _, name, _ in found]
    return begin + [name for _, name, folded in found if not folded.startswith(start)]


def indexed(prepared: Prepared, edits: Mapping[str, Any]) -> Indexed:
    """A LoRA as `search` wants it; `edits` is what the user said of it."""
    name = prepared.entry.name
    folded = name.casefold()
    return words_of(prepared, edits), name, name if name == folded else folded


def words_of(prepared: Prepared, edits: Mapping[str, Any]) -> str:
    """What a LoRA is found by, casefolded: its names, titles, tags, trigger words and folder."""
    entry = prepared.entry
    said = prepared.sidecars.description
    texts = [entry.name, said.title, *said.tags, *said.trigger_words, entry.first.folder]
    for name in ("title", "tags", "trigger_words"):
        value = edits.get(name, ())
        texts += [value] if isinstance(value, str) else value
    return " ".join([*(file.words for file in entry.files.values()), " ".join(texts).casefold()])
