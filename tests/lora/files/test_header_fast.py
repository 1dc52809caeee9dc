"""The quick reader of headers accepts nothing that the strict one would not, and reads it alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files.header_fast import read_usual
from wan_lora_studio.lora.files.header_strict import DTYPE_BITS, read_json

SEPARATORS: dict[str, tuple[str, str]] = {"compact": (",", ":"), "spaced": (", ", ": ")}
GOOD: dict[str, dict[str, Any]] = {
    "__metadata__": {"a": "b", "tags": json.dumps({'a \\ "b"': 1})},
    "blocks.0.q": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
    "blocks.0.k": {"dtype": "F32", "shape": [], "data_offsets": [12, 16]},
    "blocks.1.q": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [16, 28]},
}
SIZE = 28  # bytes of data

keys = st.text(max_size=6)
fields = st.tuples(st.sampled_from([*DTYPE_BITS, "F31"]), st.lists(st.integers(-1, 4), max_size=9))


def both(raw: bytes, size: int) -> tuple[Any, Any]:
    """What the quick reader gives, and what the strict one gives (None: an error)."""
    start = 8 + len(raw)
    try:
        strict = read_json(raw, "x", start, start + size)
    except LoRAFileError:
        strict = None
    return read_usual(raw, start, start + size), strict


def listed(found: Any) -> Any:
    return found and ([list(column) for column in found[0]], found[1])


def same(raw: bytes, size: int) -> bool:
    """Whether the quick reader read the text; then the strict one has read it alike."""
    quick, strict = both(raw, size)
    if quick is not None:
        assert listed(quick) == listed(strict)
    return quick is not None


@pytest.mark.parametrize("style", SEPARATORS)
@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("padding", [0, 5])
def test_what_writers_write_is_read_quickly(style: str, metadata: bool, padding: int) -> None:
    header = {key: value for key, value in GOOD.items() if metadata or key != "__metadata__"}
    text = json.dumps(header, separators=SEPARATORS[style], ensure_ascii=False)
    assert same((text + " " * padding).encode(), SIZE)


@settings(deadline=None)
@given(st.dictionaries(keys, fields, max_size=4), st.dictionaries(keys, keys | st.none()))
def test_any_header(tensors: dict[str, Any], metadata: dict[str, Any]) -> None:
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    position = 0
    for key, (dtype, shape) in tensors.items():
        bits = DTYPE_BITS.get(dtype, 8)
        for length in shape:
            bits *= length
        end = position + max(bits // 8, 0)
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        position = end
    for separators in SEPARATORS.values():
        text = json.dumps(header, separators=separators, ensure_ascii=False)
        same(text.encode(), position)


@settings(deadline=None)
@given(
    st.sampled_from(list(SEPARATORS)),
    st.integers(0, 400),
    st.integers(0, 3),
    st.text('{}[]:,"\\ \n\tate01.-BF_', max_size=3),
)
def test_any_damage(style: str, place: int, removed: int, added: str) -> None:
    text = json.dumps(GOOD, separators=SEPARATORS[style], ensure_ascii=False)
    place %= len(text)
    same((text[:place] + added + text[place + removed :]).encode(), SIZE)


# what is replaced, by what, how many times (-1: everywhere)
ODD: dict[str, tuple[str, str, int]] = {
    "no comma after the metadata": ('"b"},', '"b"} ', -1),
    "other start": ("{", "[", 1),
    "space before": ("{", " {", 1),
    "true in a shape": ("[2,3]", "[true,3]", -1),
    "a fraction": ("[2,3]", "[2.0,3]", -1),
    "a leading zero": ("[2,3]", "[02,3]", -1),
    "a leading zero in both offsets": ("12", "012", -1),
    "a key twice": ("blocks.1.q", "blocks.0.q", -1),
    "metadata twice": ("blocks.1.q", "__metadata__", -1),
    "not printable": ("blocks.1.q", "blocks\u202e1", -1),
    "an extra field": ('"shape"', '"more":1,"shape"', -1),
    "metadata not text": ('"b"', "1", -1),
    "an unknown dtype": ("BF16", "BF17", -1),
    "too small": ("[2,3]", "[2,2]", -1),
    "a hole": ("[16,28]", "[17,29]", -1),
    "more after it": ("]}}", "]}}x", -1),
}


@pytest.mark.parametrize("way", ODD)
def test_each_way_of_being_wrong_is_left_to_the_strict_reader(way: str) -> None:
    text = json.dumps(
        {**GOOD, "__metadata__": {"a": "b"}}, separators=(",", ":"), ensure_ascii=False
    )
    assert same(text.encode(), SIZE)
    changed = text.replace(*ODD[way])
    assert changed != text
    quick, strict = both(changed.encode(), SIZE)
    assert quick is None
    assert strict is None


def unusual() -> dict[str, str]:
    """Texts of right headers that no common writer would write."""
    reordered = {
        key: value if key == "__metadata__" else dict(reversed(value.items()))
        for key, value in GOOD.items()
    }
    return {
        "fields in another order": json.dumps(reordered),
        "metadata at the end": json.dumps(dict(reversed(GOOD.items()))),
        "tensors not in the order of the data": json.dumps(dict(sorted(GOOD.items())[::-1])),
        "over several lines": json.dumps(GOOD, indent=1),
        "escaped key": json.dumps(GOOD).replace("blocks.1.q", "blocks\\u002e1.q"),
        "a key that is not ASCII": json.dumps(GOOD).replace("blocks.1.q", "blocks.1.é"),
    }


@pytest.mark.parametrize("way", unusual())
def test_an_unusual_header_is_left_to_the_strict_reader(way: str) -> None:
    quick, strict = both(unusual()[way].encode(), SIZE)
    assert quick is None
    assert strict is not None
    assert len(strict[0].keys) == 3
