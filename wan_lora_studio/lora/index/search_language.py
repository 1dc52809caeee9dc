"""Search language: what a person types to find LoRAs, as terms.

Words and "phrases" are looked for in the texts. `tag:`, `fits:` and `hash:` look at one thing
alone. A term with `-` before it leaves out what it finds. The page reads a search the same way
(`search_language.js`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["", "tag", "fits", "hash"]

_TERM = re.compile(r'(-?)(?:(tag|fits|hash):)?(?:"([^"]*)"?|([^\s"]*))')
_BETWEEN = re.compile(r"[\s_.-]+")


@dataclass(frozen=True)
class Term:
    """`value` is folded and never empty; `kind` "" looks in the texts."""

    value: str
    kind: Kind = ""
    without: bool = False
    phrase: bool = False


def terms_of(text: str) -> list[Term]:
    """The terms in order. One that is only begun, such as `tag:`, is none yet."""
    return [
        Term(value, kind or "", without == "-", bool(phrase))
        for without, kind, phrase, word in _TERM.findall(folded(text))
        if (value := phrase.strip() or word)
    ]


def folded(text: str) -> str:
    """The text as it is compared: without regard to case, width and the form of Unicode.

    Done with what JavaScript has too, so that the page finds the same.
    """
    if text.isascii():
        return text.lower()
    changed = unicodedata.normalize("NFKC", text).upper().lower()
    return unicodedata.normalize("NFKC", changed).replace("\u03c2", "\u03c3")  # final sigma


def squeezed(text: str) -> str:
    """The text without what stands between the words of a name."""
    return _BETWEEN.sub("", text)


def models_named(value: str, titles: Mapping[str, str]) -> list[str]:
    """The models that a person may mean by `value`; `titles` are theirs by model_type."""
    wanted = squeezed(value)
    named = {model: squeezed(folded(f"{model}\n{title}")) for model, title in titles.items()}
    return [model for model, text in named.items() if wanted in text]
