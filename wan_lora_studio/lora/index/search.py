"""Search: in which fields of a record words are looked for, and how texts are compared.

The page looks in the same fields of the same records, in the same way (`library_query.js`), and
gets them from here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# The fields of a record; a dot leads into the metadata. Lists count by each of their texts.
FIELDS = (
    "name", "title", "path", "notes", "metadata.description", "metadata.author", "metadata.tags",
    "metadata.trigger_words",
)  # fmt: skip
DESCRIPTION = 300  # characters of a description that count
# What Civitai calls AutoV2 are the first ten digits of the SHA256; AutoV3 are the first twelve of
# the SHA256 of the tensor data alone, which kohya keeps as `sshs_model_hash`.
WHOLE_HASH = 16  # digits of a SHA256 that are kept; no two files share so many by chance
DATA_HASH = 12
LEAST_HASH = 8  # digits that a person has to give
_HASH = re.compile(rf"[0-9a-f]{{{LEAST_HASH},64}}")


class Indexed(NamedTuple):
    """A LoRA as it is searched: its name, that name folded, its texts folded, its hashes."""

    name: str
    folded: str
    texts: str
    hashes: tuple[str, ...]


def search_records(index: Sequence[Indexed], text: str) -> list[str]:
    """The names of those that have every word of `text`, those that begin with it first.

    `index` is in the order of the result.
    """
    found = list(index)
    for word in folded(text).split():
        found = [item for item in found if word in item.texts or has_hash(item.hashes, word)]
    start = folded(text).strip()
    begin = [item.name for item in found if item.folded.startswith(start)]
    if not begin:
        return [item.name for item in found]
    return begin + [item.name for item in found if not item.folded.startswith(start)]


def folded(text: str) -> str:
    """The text as it is compared: without regard to case, width and the form of Unicode.

    Done with what JavaScript has too, so that the page finds the same.
    """
    if text.isascii():
        return text.lower()
    changed = unicodedata.normalize("NFKC", text).upper().lower()
    return unicodedata.normalize("NFKC", changed).replace("\u03c2", "\u03c3")  # final sigma


def has_hash(hashes: Sequence[str], word: str) -> bool:
    """Whether a word is one of these hashes, or how one begins."""
    return bool(_HASH.fullmatch(word)) and any(
        each.startswith(word) or word.startswith(each) for each in hashes
    )


def shown_hashes(whole: Sequence[str | None], data: Sequence[str | None]) -> tuple[str, ...]:
    """What a record keeps of hashes of files and of their tensor data alone."""
    short = [(each or "")[:WHOLE_HASH] for each in whole]
    short += [(each or "").lower()[:DATA_HASH] for each in data]
    return tuple(dict.fromkeys(each for each in short if _HASH.fullmatch(each)))


def indexed(record: Mapping[str, Any]) -> Indexed:
    """A record, or as much of one as holds FIELDS and `hashes`, as `search` wants it."""
    texts = folded("\n".join(text for field in FIELDS for text in _texts(record, field)))
    return Indexed(record["name"], folded(record["name"]), texts, tuple(record["hashes"]))


def _texts(record: Mapping[str, Any], field: str) -> Iterator[str]:
    value: Any = record
    for step in field.split("."):
        value = value[step]
    if isinstance(value, str):
        yield value[:DESCRIPTION] if field == "metadata.description" else value
    else:
        yield from value
