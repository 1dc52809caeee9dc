"""The words of a small model, read from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wan_lora_studio.settings import load_settings
from wan_lora_studio.ui.page.prompt_words import prompt_words

GOOD: dict[str, Any] = {
    "sentence": "a {shape}",
    "choices": {"shape": {"circle": ["circle", "ball"]}},
    "known": ["a", "ball", "circle"],
}


def test_the_demo_says_what_it_knows_and_no_other_model_does() -> None:
    found = prompt_words(load_settings())
    assert set(found) == {"demo"}
    demo = found["demo"]
    for name, words in demo["choices"].items():
        assert f"{{{name}}}" in demo["sentence"]
        for word, phrases in words.items():
            assert set(word.split()) <= set(demo["known"])
            assert all(set(phrase.split()) <= set(demo["known"]) for phrase in phrases)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        json.dumps({**GOOD, "known": 3}),
        json.dumps({**GOOD, "choices": {"shape": ["circle"]}}),
        json.dumps({**GOOD, "more": 1}),
        json.dumps(GOOD)[:-5],
    ],
)
def test_a_file_of_another_form_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    path = tmp_path / "demo" / "prompt_words.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    settings = load_settings(models_dir=tmp_path)
    assert set(prompt_words(settings)) == {"demo"}
    path.write_text(text, encoding="utf-8")
    assert prompt_words(settings) == {}
