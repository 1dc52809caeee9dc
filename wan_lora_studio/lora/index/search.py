"""Search: in which fields of a record a search looks, and which records it finds.

The page looks in the same fields of the same records, in the same way (`search_text.js`), and
gets them from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from wan_lora_studio.lora.index.near_words import near, words_of
from wan_lora_studio.lora.index.search_language import Term, folded, squeezed, terms_of

# The fields of a record; a dot leads into the metadata. Lists count by each of their texts.
FIELDS = (
    "name", "title", "path", "notes", "metadata.description", "metadata.author", "metadata.tags",
    "metadata.trigger_words",
)  # fmt: skip
# What a LoRA is called by: a word with a typo is compared with the words in these.
CALLED = ("name", "title", "metadata.tags", "metadata.trigger_words")
NAMES = ("name", "title")  # found also without what stands between their words
DESCRIPTION = 300  # characters of a description that count
# What Civitai calls AutoV2 are the first ten digits of the SHA256; AutoV3 are the first twelve of
# the SHA256 of the tensor data alone, which kohya keeps as `sshs_model_hash`.
WHOLE_HASH = 16  # digits of a SHA256 that are kept; no two files share so many by chance
DATA_HASH = 12
LEAST_HASH = 8  # digits that a person has to give, but for those after `hash:`
_HASH = re.compile(rf"[0-9a-f]{{{LEAST_HASH},64}}")
_DIGITS = re.compile(r"[0-9a-f]{1,64}")


class Indexed(NamedTuple):
    """A LoRA as it is searched: its name, and folded: the name, all texts, what it is called by
    and its tags, a line each; and its hashes."""

    name: str
    folded: str
    texts: str
    called: str
    tags: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class SearchIndex:
    """What is searched, in the order of the result."""

    items: Sequence[Indexed]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words that LoRAs are called by, without numbers."""
        words = (word for item in self.items for word in words_of(item.called))
        return frozenset(word for word in words if not word.isnumeric())


Fits = Callable[[str, str], bool]  # whether a LoRA, by its name, fits what `fits:` asks for
Test = Callable[[Indexed], bool]


def search_records(index: SearchIndex, text: str, fits: Fits) -> list[str]:
    """The names of those that have every term of `text`, those that begin with it first."""
    found = index.items
    for term in terms_of(text):
        found = _narrowed(found, term, index, fits)
    start = folded(text).strip()
    begin = [item.name for item in found if item.folded.startswith(start)]
    if not begin:
        return [item.name for item in found]
    return begin + [item.name for item in found if not item.folded.startswith(start)]


def _narrowed(
    items: Sequence[Indexed], term: Term, index: SearchIndex, fits: Fits
) -> Sequence[Indexed]:
    """Those of the items that the term lets through."""
    test = _test(term, fits)
    found = [item for item in items if test(item) != term.without]
    exact = term.kind or term.without or term.phrase
    if found or exact or any(map(test, index.items)):
        return found
    meant = [_meant(word, term.value, index) for word in words_of(term.value)]
    if not meant:
        return []
    return [
        item for item in items if all(any(word in item.texts for word in words) for words in meant)
    ]


def _test(term: Term, fits: Fits) -> Test:
    """Whether an item has what the term names, exactly."""
    value = term.value
    if term.kind == "tag":
        return lambda item: f"\n{value}" in item.tags
    if term.kind == "hash":
        return lambda item: bool(_DIGITS.fullmatch(value)) and _begins(item.hashes, value)
    if term.kind == "fits":
        return lambda item: fits(item.name, value)
    return partial(_has, value)


def _has(word: str, item: Indexed) -> bool:
    return word in item.texts or has_hash(item.hashes, word)


def _meant(word: str, value: str, index: SearchIndex) -> list[str]:
    """The word itself if any LoRA has it, else those that are nearest to it. None has `value`."""
    if word != value and any(word in item.texts for item in index.items):
        return [word]
    return [] if _HASH.fullmatch(word) else near(word, index.vocabulary)


def has_hash(hashes: Sequence[str], word: str) -> bool:
    """Whether a word is one of these hashes, or how one begins."""
    return bool(_HASH.fullmatch(word)) and _begins(hashes, word)


def _begins(hashes: Sequence[str], digits: str) -> bool:
    return any(each.startswith(digits) or digits.startswith(each) for each in hashes)


def shown_hashes(whole: Sequence[str | None], data: Sequence[str | None]) -> tuple[str, ...]:
    """What a record keeps of hashes of files and of their tensor data alone."""
    short = [(each or "")[:WHOLE_HASH] for each in whole]
    short += [(each or "").lower()[:DATA_HASH] for each in data]
    return tuple(dict.fromkeys(each for each in short if _HASH.fullmatch(each)))


def indexed(record: Mapping[str, Any]) -> Indexed:
    """A record, or as much of one as holds FIELDS and `hashes`, as a search wants it."""
    texts = _lines(record, FIELDS)
    short = squeezed(_lines(record, NAMES).replace("\n", "/"))
    return Indexed(
        record["name"],
        folded(record["name"]),
        f"{texts}\n{short}",
        _lines(record, CALLED),
        f"\n{_lines(record, ('metadata.tags',))}",
        tuple(record["hashes"]),
    )


def _lines(record: Mapping[str, Any], fields: Sequence[str]) -> str:
    return folded("\n".join(text for field in fields for text in _texts(record, field)))


def _texts(record: Mapping[str, Any], field: str) -> Iterator[str]:
    value: Any = record
    for step in field.split("."):
        value = value[step]
    if isinstance(value, str):
        yield value[:DESCRIPTION] if field == "metadata.description" else value
    else:
        yield from value
