"""Texts: every sentence that the Python side says to a person, in one file for each language.

`english.toml` is what the program says; the sections are the rooms that say it. The server, the
command line, logs and the API always speak English. A page in another language puts a sentence
that it is told into that language itself: it recognises the English one by its template.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

ENGLISH = "english"
TRANSLATIONS = {"de": "german", "zh-CN": "chinese"}  # by what browsers call the languages
ONE, OTHER = "one", "other"  # the forms of a text that counts, as Unicode's plural rules call them

_formatter = string.Formatter()


def say(key: str, /, **values: object) -> str:
    """The English text at `key`, such as "lora.files.empty", with `values` in its places.

    A text that counts has the forms `one` and `other`, chosen by the value `count`. Raises
    KeyError where there is no such text or a value is missing; a test holds every call.
    """
    found = _english()[key]
    template = found if isinstance(found, str) else found[ONE if values["count"] == 1 else OTHER]
    return template.format(**values)


def texts_of(language: str) -> dict[str, str | dict[str, str]]:
    """Every text of a language by its key; a text that counts has its forms."""
    file = resources.files(__name__).joinpath(f"{language}.toml")
    return dict(_flat("", tomllib.loads(file.read_text(encoding="utf-8"))))


def translated(language: str) -> list[tuple[str, str]]:
    """Each English text with the same in another language, one of TRANSLATIONS; a text that the
    language lacks is left out. A text that counts is here in each of its English forms."""
    own = texts_of(TRANSLATIONS[language])
    return [
        (english, _form_in(own[key], form))
        for key, found in _english().items()
        if key in own
        for form, english in ({OTHER: found} if isinstance(found, str) else found).items()
    ]


def _form_in(text: str | dict[str, str], form: str) -> str:
    return text if isinstance(text, str) else text.get(form, text[OTHER])


def places_in(template: str) -> set[str]:
    """The names of the values that a text has places for."""
    return {name for _, name, _, _ in _formatter.parse(template) if name is not None}


@cache
def _english() -> Mapping[str, str | dict[str, str]]:
    return texts_of(ENGLISH)


def _flat(prefix: str, section: Mapping[str, Any]) -> Iterator[tuple[str, str | dict[str, str]]]:
    for name, value in section.items():
        key = f"{prefix}{name}"
        if isinstance(value, str) or OTHER in value:
            yield key, value
        else:
            yield from _flat(f"{key}.", value)
