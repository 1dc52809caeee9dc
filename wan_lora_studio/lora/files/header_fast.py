"""Header, fast: for one that is written in the usual way and right in every way.

Writers of safetensors put all entries in one form, in the order of the data. A text of exactly
this form, which is a small part of JSON, is split by one regular expression and checked by
columns, in a third of the time. For any other text `read_usual` gives None, and `header_json`
reads it or says what is wrong. What one accepts, both read alike; a test holds them to it.
"""

from __future__ import annotations

import json
import re
from math import prod
from operator import sub

from wan_lora_studio.lora.files.header_strict import (
    DTYPE_BITS,
    LIMITS,
    MAX_METADATA,
    MAX_RANK,
    MAX_TENSORS,
    Columns,
    Metadata,
)
from wan_lora_studio.lora.files.header_text import MOST_TEXTS
from wan_lora_studio.untrusted_json import read_object, strings_at_most

_COUNT = r"(0|[1-9][0-9]{0,17})"
# A key of printable ASCII without a quotation mark or a backslash needs no unescaping.
_ENTRY = re.compile(
    r'"([ !#-\[\]-~]+)": ?\{"dtype": ?"([A-Z0-9_]+)", ?"shape": ?\[([0-9, ]*)\], ?'
    rf'"data_offsets": ?\[{_COUNT}, ?{_COUNT}\]\}}'
)
_TEXT = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# Texts under keys and nothing else: what takes no depth, and cannot hold a number.
_METADATA = re.compile(
    rf'{{"__metadata__": ?(\{{ ?(?:{_TEXT} ?: ?{_TEXT} ?(?:, ?(?=")|(?=\}})))*+\}}) ?', re.DOTALL
)


def read_usual(raw: bytes, data_start: int, file_size: int) -> tuple[Columns, Metadata] | None:
    """As `header_json.read_json`; None if the text is not of the usual form, or is wrong."""
    if not strings_at_most(raw, MOST_TEXTS):
        return None
    try:
        before, *pieces = _ENTRY.split(raw.decode("utf-8"))
        metadata = _metadata(before)
        columns = _columns(pieces, data_start, file_size)
    except ValueError:
        return None
    return None if metadata is None or columns is None else (columns, metadata)


def split_usual(raw: bytes) -> tuple[Metadata, bytes] | None:
    """The metadata, and the rest of a text of the usual form, which tells of the tensors only.

    Equal rests stand for equal tensors in equal order. None if the metadata does not come first
    or is wrong. The rest is not looked at: it is good if it was good in another file, and if
    that file had as much data.
    """
    if not strings_at_most(raw, MOST_TEXTS):
        return None
    try:
        text = raw.decode("utf-8")
        if not text.startswith('{"__metadata__"'):
            return ({}, raw[1:].rstrip(b" ")) if text.startswith('{"') else None
        found = _METADATA.match(text)
        if found is None or text[found.end() : found.end() + 1] != ",":
            return None
        metadata = _texts(found[1])
    except ValueError:
        return None
    return None if metadata is None else (metadata, text[found.end() + 1 :].strip(" ").encode())


def _metadata(before: str) -> Metadata | None:
    """What comes before the first entry: `{`, or `{"__metadata__":{...},`."""
    if before == "{":
        return {}
    found = _METADATA.match(before)
    return _texts(found[1]) if found and before[found.end() :].rstrip(" ") == "," else None


def _texts(text: str) -> Metadata | None:
    """Raises ValueError for one that is no JSON."""
    values = read_object(text, LIMITS, unique=True)
    return values if len(values) <= MAX_METADATA else None


def _columns(pieces: list[str], data_start: int, file_size: int) -> Columns | None:
    """`pieces`: the five fields of each entry, and after each what stands behind it."""
    keys, dtypes, shape_texts, starts, ends, behind = (pieces[n::6] for n in range(6))
    distinct = {*keys}
    if not (
        0 < len(keys) == len(distinct) <= MAX_TENSORS
        and {*behind[:-1]} <= {",", ", "}
        and behind[-1].rstrip(" ") == "}"
        and "__metadata__" not in distinct
        # Each starts where the one before ends, from the first byte of the data to the last.
        and ["0", *ends] == [*starts, str(file_size - data_start)]
    ):
        return None
    stops = [int(end) + data_start for end in ends]
    begins = [data_start, *stops[:-1]]
    shapes = {text: tuple(json.loads(f"[{text}]")) for text in {*shape_texts}}
    for dtype, text, size in {*zip(dtypes, shape_texts, map(sub, stops, begins), strict=True)}:
        if not _fills(dtype, shapes[text], size):
            return None
    return Columns(keys, dtypes, [shapes[text] for text in shape_texts], begins, stops)


def _fills(dtype: str, shape: tuple[int, ...], size: int) -> bool:
    """Whether a tensor of this form has `size` bytes, and not none."""
    bits = DTYPE_BITS.get(dtype, 0)
    return len(shape) <= MAX_RANK and 0 < prod(shape) * bits == size * 8
