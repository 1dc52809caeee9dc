"""Foreign files: what a file looks like that is called `.safetensors` and is none."""

from __future__ import annotations

import re

from wan_lora_studio.texts import say

LOOKED_AT = 1024  # bytes from the beginning
_MAGIC = (
    (b"PK\x03\x04", say("lora.files.kind.zip_or_pickle")),
    (b"PK\x05\x06", say("lora.files.kind.empty_zip")),
    (b"GGUF", say("lora.files.kind.gguf")),
    (b"GGML", say("lora.files.kind.ggml")),
    (b"\x1f\x8b", say("lora.files.kind.gzip")),
    (b"7z\xbc\xaf\x27\x1c", say("lora.files.kind.seven_zip")),
    (b"Rar!", say("lora.files.kind.rar")),
    (b"\x28\xb5\x2f\xfd", say("lora.files.kind.zstandard")),
    (b"\xfd7zXZ", say("lora.files.kind.xz")),
    (b"\x89PNG", say("lora.files.kind.png")),
    (b"\xff\xd8\xff", say("lora.files.kind.jpeg")),
    (b"GIF8", say("lora.files.kind.gif")),
    (b"RIFF", say("lora.files.kind.riff")),
    (b"%PDF", say("lora.files.kind.pdf")),
    (b"\x89HDF", say("lora.files.kind.hdf5")),
    (b"\x93NUMPY", say("lora.files.kind.numpy")),
    (b"\x7fELF", say("lora.files.kind.program")),
    (b"SQLite format 3", say("lora.files.kind.sqlite")),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_LFS = say("lora.files.kind.lfs")
_PAGE = say("lora.files.kind.web_page")
_PAGE_START = re.compile(r"<(!doctype html|html|head|body|!--)", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def foreign_kind(start: bytes) -> str | None:
    """What a file that begins with these bytes is, if it is plainly no safetensors file.

    One of those begins with the length of its header, eight bytes of which the last are zero, and
    then a brace. Its first bytes alone can be those of a pickle: 640 is b"\\x80\\x02".
    """
    if start[8:9] == b"{" and start[5:8] == bytes(3):
        return None
    if _PICKLE.match(start):
        return say("lora.files.kind.pickle")
    magic = next((what for magic, what in _MAGIC if start.startswith(magic)), None)
    if magic is not None:
        return magic
    if start[4:8] == b"ftyp":
        return say("lora.files.kind.mp4")
    return _kind_of_text(start)


def _kind_of_text(start: bytes) -> str | None:
    text = _as_text(start)
    if text is None:
        return None
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("version https://git-lfs"):
        return _LFS
    if _PAGE_START.match(text):
        return _PAGE
    if text.startswith("<?xml"):
        return say("lora.files.kind.xml")
    if text.startswith(("{", "[")):
        return say("lora.files.kind.json")
    return say("lora.files.kind.text")


def _as_text(start: bytes) -> str | None:
    """The bytes as text; None if they are none."""
    coding = "utf-16" if start.startswith(_UTF16) else "utf-8"
    try:
        text = start.decode(coding)
    except UnicodeDecodeError as error:
        # The last sign may be cut in two.
        if coding == "utf-16" or error.start < len(start) - 3 or len(start) < LOOKED_AT:
            return None
        text = start[: error.start].decode(coding)
    plain = all(sign.isprintable() or sign in "\ufeff\t\r\n\f" for sign in text)
    return text if text.strip() and plain else None
