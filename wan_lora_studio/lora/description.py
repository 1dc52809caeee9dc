"""Description of a LoRA for a person: its text fields, as plain text and words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json

MAX_TEXT = 4000
MAX_WORDS = 50
# A word in quotes may hold commas; a quote within a word is a part of it, as in 5".
_WORD = re.compile(r"""\s*(?:"([^"\n]*)"|“([^”\n]*)”)\s*(?=[,;\n]|$)|([^,;\n]+)""")
_ITEM = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)')\s*(?=,|$)|([^,]+)""")  # of a list of Python's


@dataclass(frozen=True, slots=True)
class Description:
    """Text fields are plain text of at most 4,000 characters, never HTML to be trusted."""

    title: str = ""
    text: str = ""
    author: str = ""
    version: str = ""
    date: str = ""
    base_model: str = ""
    usage_hint: str = ""
    tags: tuple[str, ...] = ()
    trigger_words: tuple[str, ...] = ()
    negative_prompt: str = ""
    example_prompt: str = ""

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> Description:
        """From the fields as JSON has them; those that are not there are empty."""
        plain = dict(value)
        for name in ("tags", "trigger_words"):
            plain[name] = tuple(plain.get(name, ()))
        return cls(**plain)


def plain_text(value: Any) -> str:
    """Text without control characters, cut at 4,000 characters; "" for anything else."""
    if not isinstance(value, str):
        return ""
    kept = value[: MAX_TEXT * 2]
    if not kept.isprintable():
        kept = "".join(char for char in kept if char.isprintable() or char in "\n\t")
    return kept.strip()[:MAX_TEXT]


def split_words(text: str) -> tuple[str, ...]:
    """Words from a JSON list or from text separated by commas, in order, once each. Quotes keep
    the commas of a word in it."""
    words = (plain_text(value) for value in _split(text))
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_WORDS]


def _split(text: str) -> Iterable[Any]:
    form = _WORD
    if text.startswith("[") and text.rstrip().endswith("]"):
        try:
            loaded = read_json(text)
        except UntrustedJSONError:
            text, form = text.strip()[1:-1], _ITEM
        else:
            return loaded if isinstance(loaded, list) else [text]
    return ("".join(filter(None, found)) for found in form.findall(text))


def join_words(words: Iterable[str]) -> str:
    """A line from which `split_words` reads the same words."""
    return ", ".join(f'"{word}"' if re.search("[,;]", word) else word for word in words)
