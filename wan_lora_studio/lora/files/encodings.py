"""Encodings: the text in bytes that do not say how it is written.

UTF-8 and UTF-16 are told by a mark at the beginning or by their form. Anything else is GB18030
(which holds GBK), Shift JIS, Windows-1251 or Windows-1252 (which holds Latin-1), as the bytes
are put together. These have no mark, so a short text may be read wrongly; nothing is lost by it.
"""

from __future__ import annotations

import codecs
import re

from wan_lora_studio.texts import say

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
USUAL = "utf-8"
SHOWN = {
    "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32",
    "gb18030": "GBK", "cp932": "Shift JIS", "cp1251": "Windows-1251", "cp1252": "Latin-1",
    "latin-1": "Latin-1",
}  # fmt: skip
# Of GB 2312: the symbols and the 3,755 characters that nearly all text is made of.
_COMMON_CHINESE = re.compile(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_WORD = re.compile(rb"[\xc0-\xff]{3,}")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
# What two common Chinese characters look like when they happen to be UTF-8 as well.
_MISREAD = re.compile("[\u02b0-\u02ff]")
_ASCII = re.compile("[ -~\n]")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0e-\x1f]")


def decoded(data: bytes) -> tuple[str, str]:
    """The text in `data`, and the name of its encoding, one of Python's. Raises ValueError for
    what is no text."""
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    encoding = marked or _guessed(data)
    try:
        text = data.decode("utf-8-sig" if encoding == USUAL else encoding)
    except UnicodeDecodeError as error:
        raise ValueError(say("lora.files.sidecar.no_text")) from error
    # Without a mark, UTF-16 is told by its ASCII.
    if _NOT_TEXT.search(text) or (not marked and b"\0" in data and not _ASCII.search(text)):
        raise ValueError(say("lora.files.sidecar.no_text"))
    return text, encoding


def encoding_note(encoding: str) -> str:
    """That a text was not in UTF-8, as the end of a sentence; "" if it was."""
    if encoding == USUAL:
        return ""
    return say("lora.files.sidecar.read_as", encoding=SHOWN.get(encoding, encoding))


def _guessed(data: bytes) -> str:
    if b"\0" in data:
        # Blanks, commas and line breaks have an empty byte, on the side of the higher one.
        return "utf-16-le" if data[1::2].count(0) >= data[0::2].count(0) else "utf-16-be"
    chosen = (name for name, fits in _FORMS if _is(data, name) and fits(data))
    return next(chosen, "latin-1")


def _is(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_usual(data: bytes) -> bool:
    return not (_MISREAD.search(data.decode()) and _is_chinese(data))


def _is_chinese(data: bytes) -> bool:
    """Whether most of what is no ASCII is common Chinese."""
    paired = 2 * len(_COMMON_CHINESE.findall(data))
    return paired >= 0.6 * len(_HIGH.findall(data))


def _is_japanese(data: bytes) -> bool:
    return _KANA.search(data.decode("cp932")) is not None


def _is_russian(data: bytes) -> bool:
    """Whether the letters beyond ASCII make up whole words: in Western ones they are few."""
    return sum(map(len, _HIGH_WORD.findall(data))) >= 0.6 * len(_HIGH.findall(data))


_FORMS = (
    ("utf-8", _is_usual),
    ("gb18030", _is_chinese),
    ("cp932", _is_japanese),
    ("cp1251", _is_russian),
    ("cp1252", lambda data: True),
)
