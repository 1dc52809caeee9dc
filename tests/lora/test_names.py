"""Hostile and harmless names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathvalidate import validate_filename

from wan_lora_studio.lora.names import free_name, name_problem, safe_name, stem_of

HOSTILE = [
    "", ".", "..", ".hidden", "-rf", " lead", "trail ", "trail.", "a/b", "..\\b", "C:evil", "a:b",
    "a*b", "a?b", 'a"b', "a<b", "a|b", "a\0b", "a\nb", "a\x7fb", "a\u202eb", "a\u200bb", "a\ufeff",
    "CON", "con", "Con.txt", "CON .x", "NUL", "aux.tar.gz", "COM1", "COM¹", "LPT9", "CONIN$",
    "conout$", "x" * 201, "é" * 101, "e\u0301clair", "a\u0085", "a\u00a0b", "a\u3000b",
    "\u2028", "a\ud800",
]  # fmt: skip
FINE = [
    "style", "My Style v1.0", "wan2.2-T2V_HIGH", "日本語", "éclair", "a'b", "(pair) 2", "x" * 200,
    "console", "com10", "100%", "a.b.c",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_and_a_safe_one_is_proposed(name: str) -> None:
    assert name_problem(name)
    assert name_problem(safe_name(name)) is None


@pytest.mark.parametrize("name", FINE)
def test_harmless_names_are_kept(name: str) -> None:
    assert name_problem(name) is None
    assert safe_name(name) == name


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_a_safe_name_is_always_allowed(text: str) -> None:
    assert name_problem(safe_name(text)) is None


def test_free_names_ignore_case() -> None:
    assert free_name("Style", {"other"}) == "Style"
    assert free_name("Style", {"style", "style 2"}) == "Style 3"
    assert name_problem(free_name("x" * 200, {"x" * 200})) is None


def test_the_stem_of_an_uploaded_name() -> None:
    assert stem_of("a.safetensors") == "a"
    assert stem_of("C:\\files\\a.b.SafeTensors") == "a.b"
    assert stem_of("../../a.safetensors") == "a"


@settings(max_examples=500, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9_(][A-Za-z0-9_ ().,+-]{0,12}", fullmatch=True))
def test_names_that_are_passed_quickly_pass_every_check(name: str) -> None:
    if name_problem(name) is None:
        # Another letter in front of it takes the long way.
        assert name_problem(f"é{name}") is None
        validate_filename(name, platform="universal")
