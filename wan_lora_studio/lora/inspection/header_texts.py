"""What a header's `__metadata__` says about the LoRA, in words for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.lora.files.header_text import MOST_NAMED
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json

MAX_TEXT = 4000
MAX_WORDS = 50
MAX_WORD = 100  # characters; a longer tag is a caption
TRIGGER_KEYS = (
    "modelspec.trigger_phrase",
    "trigger_phrase",
    "trigger_words",
    "trigger_word",
    "trained_words",
    "trainedWords",
    "instance_prompt",
)


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

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> Description:
        """From the fields as JSON has them; those that are not there are empty."""
        plain = dict(value)
        for name in ("tags", "trigger_words"):
            plain[name] = tuple(plain.get(name, ()))
        return cls(**plain)


def describe(metadata: Mapping[str, str], notes: list[str] | None = None) -> Description:
    """Read modelspec, kohya, ai-toolkit and plain keys; the first that is there wins. To `notes`
    is added a sentence for each text that is too long, or wrong, to be read."""
    told = [] if notes is None else notes

    def first(*names: str) -> str:
        texts = (plain_text(metadata[name]) for name in names if name in metadata)
        return next((text for text in texts if text and text != "None"), "")

    return Description(
        title=first("modelspec.title", "ss_output_name", "name"),
        text=first("modelspec.description", "description", "ss_training_comment"),
        author=first("modelspec.author", "author"),
        version=first("version", "modelspec.version") or _software(metadata, told),
        date=first("modelspec.date", "date"),
        base_model=first(
            "modelspec.architecture", "ss_base_model_version", "base_model", "baseModel"
        ),
        usage_hint=first("modelspec.usage_hint"),
        tags=split_words(first("modelspec.tags", "tags")),
        trigger_words=_trigger_words(metadata, first(*TRIGGER_KEYS), told),
    )


def too_long(keys: Sequence[str]) -> list[str]:
    """A sentence for each text that was not even kept."""
    told = [_left_out(key, "it is too long") for key in keys[:MOST_NAMED]]
    more = ["More of the file's texts were left out: they are too long."]
    return told + (more if len(keys) > MOST_NAMED else [])


def _left_out(key: str, reason: str) -> str:
    return f"The file's {plain_text(key) or 'text'} was left out: {reason}."


def plain_text(value: Any) -> str:
    """Text without control characters, cut at 4,000 characters; "" for anything else."""
    if not isinstance(value, str):
        return ""
    kept = value[: MAX_TEXT * 2]
    if not kept.isprintable():
        kept = "".join(char for char in kept if char.isprintable() or char in "\n\t")
    return kept.strip()[:MAX_TEXT]


# A word in quotes may hold commas; a quote within a word is a part of it, as in 5".
_WORD = re.compile(r"""\s*(?:"([^"\n]*)"|“([^”\n]*)”)\s*(?=[,;\n]|$)|([^,;\n]+)""")
_ITEM = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)')\s*(?=,|$)|([^,]+)""")  # of a list of Python's


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


def _trigger_words(metadata: Mapping[str, str], stated: str, notes: list[str]) -> tuple[str, ...]:
    """The stated words, else the commonest training tags: a trigger word is in every caption, so
    nothing else is more common. Of several that lead, a person can tell which it is."""
    if stated:
        return split_words(stated)
    folders = _json_text(metadata, "ss_tag_frequency", notes)
    counts: dict[str, int] = {}
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if isinstance(count, int):
                counts[tag] = counts.get(tag, 0) + count
    if not counts:
        return ()
    most = max(counts.values())
    words = (plain_text(tag) for tag, count in counts.items() if count == most)
    return tuple(dict.fromkeys(word for word in words if word and len(word) < MAX_WORD))[:MAX_WORDS]


def _software(metadata: Mapping[str, str], notes: list[str]) -> str:
    value = _json_text(metadata, "software", notes)
    return plain_text(value.get("version")) if isinstance(value, dict) else ""


def _json_text(metadata: Mapping[str, str], key: str, notes: list[str]) -> Any:
    """The value of a JSON text, None if there is none; one that cannot be read is noted."""
    text = metadata.get(key, "")
    if not text.startswith(("{", "[")):
        return None
    try:
        return read_json(text)
    except UntrustedJSONError as error:
        notes.append(_left_out(key, error.reason))
        return None
