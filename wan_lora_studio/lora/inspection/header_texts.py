"""Header texts: what `__metadata__` says about the LoRA, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wan_lora_studio.lora.description import MAX_WORDS, Description, plain_text, split_words
from wan_lora_studio.lora.files import MOST_NAMED
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json

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
    told = [_left_out(key, say("lora.inspection.header.too_long")) for key in keys[:MOST_NAMED]]
    more = [say("lora.inspection.header.more_too_long")]
    return told + (more if len(keys) > MOST_NAMED else [])


def _left_out(key: str, reason: str) -> str:
    field = plain_text(key) or say("lora.inspection.header.unnamed")
    return say("lora.inspection.header.left_out", field=field, reason=reason)


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
