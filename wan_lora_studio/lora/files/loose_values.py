"""Loose values, as people and scripts write them: a number or a list as text, a text as a list.

What is meant is read, and noted; what means nothing is noted and left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any, TypeVar

from wan_lora_studio.lora.description import MAX_WORDS, plain_text, split_words
from wan_lora_studio.texts import say

LARGEST = 100.0
MAX_SHOWN = 40
TEXT, NUMBER = say("lora.files.sidecar.text"), say("lora.files.sidecar.number")
_NUMBER = re.compile(r"[+-]?(?:\d{1,9}(?:[.,]\d{0,20})?|[.,]\d{1,20})", re.ASCII)
Note = Callable[[str], None]
T = TypeVar("T")


def read_text(value: Any, note: Note) -> str:
    if isinstance(value, list):
        parts = [plain_text(part) for part in value if isinstance(part, str)]
        note(say("lora.files.sidecar.list_for_text"))
        return plain_text("\n".join(part for part in parts if part))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if abs(value) < 1e15 else ""
    return plain_text(value) if isinstance(value, str) else _refused(value, TEXT, note, "")


def read_html(value: Any, note: Note) -> str:
    return strip_html(read_text(value, note))


def read_list(value: Any, note: Note) -> tuple[str, ...]:
    """Words from a list of texts, or of objects that each hold a `word` or a `name`."""
    if isinstance(value, str):
        note(say("lora.files.sidecar.text_for_list"))
        return split_words(value)
    if not isinstance(value, list):
        return _refused(value, say("lora.files.sidecar.list"), note, ())
    words = (plain_text(_word(item)) for item in value)
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_WORDS]


def read_line(value: Any, note: Note) -> tuple[str, ...]:
    """Words from a line with commas."""
    if isinstance(value, str):
        return split_words(value)
    if isinstance(value, list):
        note(say("lora.files.sidecar.list_for_text"))
        return read_list(value, note)
    return _refused(value, TEXT, note, ())


def read_number(value: Any, note: Note) -> float | None:
    """A number of at most 100 in size, from JSON's number or from a text."""
    number = value
    if isinstance(value, list) and len(value) == 1:
        note(say("lora.files.sidecar.list_for_number"))
        number = value[0]
    if isinstance(number, str):
        if not _NUMBER.fullmatch(number.strip()):
            return _refused(value, NUMBER, note, None)
        note(say("lora.files.sidecar.text_for_number"))
        number = float(number.replace(",", "."))
    if isinstance(number, bool) or not isinstance(number, int | float):
        return _refused(value, NUMBER, note, None)
    if abs(number) > LARGEST or not math.isfinite(number):
        ends = {"least": f"-{LARGEST:g}", "most": f"{LARGEST:g}"}
        return _refused(value, say("lora.files.sidecar.number_between", **ends), note, None)
    return float(number)


def read_flag(value: Any, note: Note) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        note(say("lora.files.sidecar.text_for_flag"))
        return value.casefold() == "true"
    return _refused(value, say("lora.files.sidecar.flag"), note, default=False)


def _refused(value: Any, wanted: str, note: Note, default: T) -> T:
    if value not in (None, "", [], {}):
        shown = plain_text(
            str(value) if not isinstance(value, dict | list) else say("lora.files.sidecar.object")
        )
        note(say("lora.files.sidecar.left_out", value=repr(shown[:MAX_SHOWN]), wanted=wanted))
    return default


def _word(item: Any) -> Any:
    """rgthree lists the words of the training's captions too: only the others are for prompts."""
    if not isinstance(item, Mapping):
        return item
    counted = item.get("metadata") and not (item.get("civitai") or item.get("user"))
    return None if counted else item.get("word", item.get("name"))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("p", "br", "li", "div"):
            self.parts.append("\n")
        elif ":" in tag:  # a prompt's notation, such as `<lora:name:1>`
            self.parts.append(self.get_starttag_text() or "")


def strip_html(text: str) -> str:
    """The text of an HTML fragment, as Civitai stores descriptions."""
    if "<" not in text:
        return text
    parser = _Text()
    parser.feed(text.replace("<![", "["))  # what the parser ends at with an AssertionError
    parser.close()
    return plain_text("".join(parser.parts))
