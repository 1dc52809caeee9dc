"""Texts of the Python side: each is there, in use, and given the values that it has places for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.paths import ROOT
from wan_lora_studio.texts import (
    ENGLISH,
    OTHER,
    TRANSLATIONS,
    places_in,
    say,
    texts_of,
    translated,
)

SOURCES = [
    path
    for package in ("wan_lora_studio", "lora_ui")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "share" not in path.parts
]
KEYS = texts_of(ENGLISH)


@dataclass(frozen=True)
class Call:
    """One call of `say`. `values` is None where they are handed on as a mapping."""

    place: str
    key: str | None
    values: frozenset[str] | None


def calls() -> Iterator[Call]:
    for path in SOURCES:
        source = path.read_text(encoding="utf-8")
        if "say(" not in source or path.parent.name == "texts":
            continue
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "say"
            ):
                yield _read(f"{path.relative_to(ROOT)}:{node.lineno}", node)


def _read(place: str, node: ast.Call) -> Call:
    [first] = node.args
    key = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    names = [keyword.arg for keyword in node.keywords]
    return Call(place, key, None if None in names else frozenset(filter(None, names)))


CALLS = list(calls())


def places(key: str) -> frozenset[str]:
    return frozenset().union(*map(places_in, forms(KEYS[key])))


def test_every_text_that_is_said_is_there_with_its_values() -> None:
    assert CALLS
    wrong = [
        call
        for call in CALLS
        if call.key not in KEYS
        or (call.values is not None and call.values - {"count"} != places(call.key) - {"count"})
        or (call.values is not None and "count" in places(call.key) - call.values)
    ]
    assert wrong == []


def test_every_text_is_said_somewhere() -> None:
    assert set(KEYS) - {call.key for call in CALLS} == set()


def test_texts_are_written_alike() -> None:
    texts = [text for value in KEYS.values() for text in forms(value)]
    assert [text for text in texts if text != " ".join(text.split()) or not text] == []


def test_a_text_that_counts_has_a_form_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = {"found": {"one": "{count} LoRA", "other": "{count} LoRAs"}}
    monkeypatch.setattr("wan_lora_studio.texts._english", lambda: counting)
    assert [say("found", count=count) for count in (0, 1, 2)] == ["0 LoRAs", "1 LoRA", "2 LoRAs"]


def test_a_value_with_braces_stays_as_it_is() -> None:
    assert say("lora.files.header.key", tensor="{0} {") == (
        "the tensor key {0} { is empty or not printable"
    )


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_has_every_text_and_no_other(language: str) -> None:
    own = texts_of(TRANSLATIONS[language])
    assert set(KEYS) - set(own) == set()
    assert set(own) - set(KEYS) == set()


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_has_the_places_of_each_text(language: str) -> None:
    own = texts_of(TRANSLATIONS[language])
    wrong = [
        key
        for key, value in own.items()
        if places(key) != frozenset().union(*map(places_in, forms(value)))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_page_gets_each_english_form_with_its_translation(language: str) -> None:
    pairs = dict(translated(language))
    for value in KEYS.values():
        assert set(forms(value)) <= set(pairs)
    counting = [value for value in KEYS.values() if not isinstance(value, str)]
    assert all(pairs[value[OTHER]] for value in counting)


def forms(value: str | dict[str, str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value.values())
