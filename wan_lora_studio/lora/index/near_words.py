"""Near words: what was meant by a word with a typo. The page does the same (`near_words.js`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SHORTEST = 4  # letters; in a shorter word every letter tells
MOST = 5  # words that one may stand for
LONG = 10  # letters; a longer word may have two typos
_WORD = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")


def words_of(text: str) -> Iterator[str]:
    """The runs of letters and digits."""
    return (match.group() for match in _WORD.finditer(text))


def near(word: str, vocabulary: Iterable[str]) -> list[str]:
    """Those words of the vocabulary that are nearest to `word`, and at most MOST of them; none if
    all are far. Of like length come first.

    `word` may be the beginning of one: a person is still typing.
    """
    if len(word) < SHORTEST or not _LETTER.search(word):
        return []
    least = 1 if len(word) < LONG else 2
    found: list[str] = []
    for other in vocabulary:
        if len(other) < len(word) - least or _lacking(word, other) > least:
            continue
        distance = edits_to_start(word, other)
        if distance < least:
            least, found = distance, []
        if distance == least:
            found.append(other)
    found.sort(key=lambda other: (abs(len(other) - len(word)), other))
    return found[:MOST]


def _lacking(word: str, other: str) -> int:
    """How many letters of a word another lacks; it is at least that far away."""
    return sum(letter not in other for letter in word)


def edits_to_start(word: str, other: str) -> int:
    """Letters to put in, take out, change or swap until `word` is how `other` begins.

    The optimal string alignment distance to the nearest beginning.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word):
        earlier, before, row = before, row, [i + 1]
        for j, there in enumerate(other):
            cost = min(before[j] + (letter != there), before[j + 1] + 1, row[j] + 1)
            if i and j and letter == other[j - 1] and word[i - 1] == there:
                cost = min(cost, earlier[j - 1] + 1)
            row.append(cost)
    return min(row)
