"""Foreign files: what a file looks like that is called `.safetensors` and is none."""

from __future__ import annotations

import re

LOOKED_AT = 1024  # bytes from the beginning
_MAGIC = (
    (b"PK\x03\x04", "a zip archive or a PyTorch pickle"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"GGUF", "a GGUF file"),
    (b"GGML", "a GGML file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a WebP picture or a RIFF file"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a SQLite database"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_LFS = "a Git LFS pointer, not the file itself"
_PAGE = "a web page, perhaps one that asks to log in before the download"
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
        return "a PyTorch pickle"
    magic = next((what for magic, what in _MAGIC if start.startswith(magic)), None)
    if magic is not None:
        return magic
    if start[4:8] == b"ftyp":
        return "a video or a picture of the MP4 family"
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
        return "an XML text, perhaps the error message of a server"
    if text.startswith(("{", "[")):
        return "a JSON text, perhaps the error message of a server"
    return "a text"


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
