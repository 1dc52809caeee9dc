"""Labels in any script, within the room that they have."""

from __future__ import annotations

import pytest

from wan_lora_studio.contact_sheet.lettering import UNKNOWN, Lettering

LETTERS = Lettering()


def assert_drawn(text: str) -> None:
    font = LETTERS.font_for(text)
    missing = bytes(font.getmask(UNKNOWN))
    assert all(bytes(font.getmask(sign)) != missing for sign in text)


@pytest.mark.parametrize(
    "text", ["Strength × 0.5", "Gebäude, straße…", "Русский", "Ελληνικά", "العربية", "עברית"]
)
def test_most_alphabets_have_a_font_of_even_letters(text: str) -> None:
    assert LETTERS.font_for(text).getname()[0] == "DejaVu Sans"
    assert_drawn(text)


@pytest.mark.parametrize("text", ["日本語", "中文提示词", "한국어", "ไทย", "हिन्दी", "日本語 déjà"])
def test_every_other_script_has_glyphs_too(text: str) -> None:
    assert LETTERS.font_for(text).getname()[0] == "Unifont"
    assert_drawn(text)


def test_what_does_not_fit_is_broken_at_words_and_then_cut() -> None:
    text = "a red circle moving left on a navy background " * 9
    lines = LETTERS.lines(text, 200, 3)
    assert len(lines) == 3
    assert all(LETTERS.width(line) <= 200 for line in lines)
    assert text.startswith(" ".join(lines)[:-1])
    assert [line[-1] == "…" for line in lines] == [False, False, True]
    assert not text.replace(lines[0], "").startswith(lines[0][-1])


@pytest.mark.parametrize("text", ["日" * 400, "x" * 400])
def test_a_text_without_spaces_is_broken_anywhere(text: str) -> None:
    lines = LETTERS.lines(text, 150, 2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert all(LETTERS.width(line) <= 150 for line in lines)


def test_short_and_empty_texts() -> None:
    assert LETTERS.lines("0.5", 100, 3) == ["0.5"]
    assert LETTERS.lines(" \n", 100, 3) == []
    assert LETTERS.lines("W", 1, 1) == ["W"]
