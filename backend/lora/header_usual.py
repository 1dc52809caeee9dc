"""Reading a safetensors header quickly if it is written in the usual way and right in every way.

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

from backend.lora.header_json import (
    DTYPE_BITS,
    MAX_RANK,
    MAX_TENSORS,
    Columns,
    Metadata,
    unique,
)

_COUNT = r"(0|[1-9][0-9]{0,17})"
# A key of printable ASCII without a quotation mark or a backslash needs no unescaping.
_ENTRY = re.compile(
    r'"([ !#-\[\]-~]+)": ?\{"dtype": ?"([A-Z0-9_]+)", ?"shape": ?\[([0-9, ]*)\], ?'
    rf'"data_offsets": ?\[{_COUNT}, ?{_COUNT}\]\}}'
)
_METADATA_START = '{"__metadata__":'
_DECODER = json.JSONDecoder(object_pairs_hook=unique)


def read_usual(raw: bytes, data_start: int, file_size: int) -> tuple[Columns, Metadata] | None:
    """As `header_json.read_json`; None if the text is not of the usual form, or is wrong."""
    try:
        before, *pieces = _ENTRY.split(raw.decode("utf-8"))
        metadata = _metadata(before)
        columns = _columns(pieces, data_start, file_size)
    except (ValueError, RecursionError):
        return None
    return None if metadata is None or columns is None else (columns, metadata)


def split_usual(raw: bytes) -> tuple[Metadata, bytes] | None:
    """The metadata, and the rest of a text of the usual form, which tells of the tensors only.

    Equal rests stand for equal tensors in equal order. None if the metadata does not come first
    or is wrong. The rest is not looked at: it is good if it was good in another file, and if
    that file had as much data.
    """
    try:
        text = raw.decode("utf-8")
        if not text.startswith(_METADATA_START):
            return ({}, raw[1:].rstrip(b" ")) if text.startswith('{"') else None
        start = len(_METADATA_START)
        values, end = _DECODER.raw_decode(text, start + (text[start : start + 1] == " "))
    except (ValueError, RecursionError):
        return None
    if text[end : end + 1] != "," or type(values) is not dict:
        return None
    if not {*map(type, values.values())} <= {str}:
        return None
    return values, text[end + 1 :].strip(" ").encode()


def _metadata(before: str) -> Metadata | None:
    """What comes before the first entry: `{`, or `{"__metadata__":{...},`."""
    if before == "{":
        return {}
    opened = before.rstrip(" ")
    if opened[:1] != "{" or opened[-1:] != ",":
        return None
    values = _DECODER.decode(opened[:-1] + "}")
    metadata = values.get("__metadata__")
    if len(values) != 1 or type(metadata) is not dict:
        return None
    return metadata if {*map(type, metadata.values())} <= {str} else None


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
