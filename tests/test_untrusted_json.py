"""Untrusted JSON is read within its limits, or refused with one kind of error."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_lora_studio.untrusted_json import (
    DEPTH,
    Limits,
    UntrustedJSONError,
    read_json,
    read_object,
    shortened,
    strings_at_most,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=30,
)  # fmt: skip

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "not JSON"),
    "cut short": ('{"a": [1, 2', "not JSON"),
    "an open string": ('["abc', "not JSON"),
    "an open escape": ('["abc\\', "not JSON"),
    "two values": ("1 2", "not JSON"),
    "NaN": ("[NaN]", "NaN, which is not a JSON number"),
    "infinity": ('{"a": -Infinity}', "not a JSON number"),
    "a float that is infinite": ("[1e999]", "too large"),
    "lists in lists": ("[" * 3000 + "]" * 3000, "nested more than 64 levels"),
    "objects in objects": ('{"a":' * 300 + "1" + "}" * 300, "nested more than 64 levels"),
    "lists never closed": ("[" * 1_000_000, "more than 200,000 values"),
    "an integer of 4,300 digits": ("[" + "9" * 4300 + "]", "more than 100 digits"),
    "a fraction of 4,300 digits": ("[0." + "1" * 4300 + "]", "more than 100 digits"),
    "many small lists": ("[" + "[]," * 300_000 + "1]", "more than 200,000 values"),
    "many numbers": ("[" + "0," * 300_000 + "0]", "more than 200,000 values"),
    "many texts": ("[" + '"",' * 900_000 + '""]', "more than 200,000 values"),
    "many keys": ("{" + '"":0,' * 700_000 + '"":0}', "more than 200,000 values"),
    "more than 4 MB": ('"' + "x" * 5_000_000 + '"', "larger than 4 MB"),
    "no UTF-8": (b'"\xff"', "not UTF-8"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_is_refused(way: str) -> None:
    text, reason = REFUSED[way]
    for sent in (text, text.encode() if isinstance(text, str) else text):
        with pytest.raises(UntrustedJSONError, match=reason) as caught:
            read_json(sent)
        assert len(caught.value.reason) < 200


@given(values)
@settings(deadline=None, max_examples=300)
def test_what_json_writes_is_read(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert read_json(text) == value
        assert read_json(text.encode()) == value


@given(st.text(st.sampled_from('[]{}",:\\u0d8 1e9-.NaN\n')) | st.binary(max_size=40))
@settings(deadline=None, max_examples=1000)
def test_no_other_error(text: str | bytes) -> None:
    """And what is read can be written again."""
    try:
        value = read_json(text)
    except UntrustedJSONError:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def test_brackets_and_digits_in_texts_are_no_structure() -> None:
    text = "[" * 500 + "," * 300_000 + "9" * 5000 + '\\"'
    assert read_json(json.dumps([text])) == [text]


def test_levels_up_to_the_limit_are_read() -> None:
    assert read_json("[" * DEPTH + "]" * DEPTH) != []
    with pytest.raises(UntrustedJSONError):
        read_json("[" * (DEPTH + 1) + "]" * (DEPTH + 1))


def test_a_key_that_is_there_twice() -> None:
    text = '{"a": {"b": 1, "b": 2}}'
    assert read_json(text) == {"a": {"b": 2}}
    with pytest.raises(UntrustedJSONError, match="the key 'b' twice"):
        read_json(text, unique=True)


def test_half_a_character_becomes_a_mark() -> None:
    read = read_json(r'{"\ud800a": ["\udc00", "\ud83d\ude00", "\\ud800"]}')
    assert read == {"\ufffda": ["\ufffd", "\U0001f600", "\\ud800"]}


def test_only_an_object_will_do() -> None:
    assert read_object('\ufeff{"a": 1}') == read_object('\ufeff{"a": 1}'.encode()) == {"a": 1}
    with pytest.raises(UntrustedJSONError, match="no JSON object"):
        read_object("[1]")


def test_own_limits() -> None:
    limits = Limits(size=50, depth=1, values=3, digits=2)
    assert read_json("[1, 22]", limits) == [1, 22]
    for text in ("[1, 2, 3, 4]", "[[1]]", "[333]", " " * 51):
        with pytest.raises(UntrustedJSONError):
            read_json(text, limits)


@given(st.lists(st.text(st.sampled_from('a"\\')), max_size=20))
def test_texts_are_never_counted_too_low(texts: list[str]) -> None:
    """Or a sound file would be refused; nor lower than half, or a large one would get through."""
    text = json.dumps(texts)
    assert strings_at_most(text, len(texts))
    assert not texts or not strings_at_most(text, (len(texts) - 1) // 2)


@pytest.mark.parametrize(
    "value",
    [10**4000, -(10**10_000), "x" * 10_000_000, list(range(100_000)), {"a": "b" * 10_000}, None, 5],
    ids=lambda value: type(value).__name__,
)
def test_any_value_is_shown_shortly(value: Any) -> None:
    assert len(shortened(value)) <= 60


def test_a_short_value_is_shown_as_it_is() -> None:
    assert shortened([1, "a", math.pi]) == repr([1, "a", math.pi])
