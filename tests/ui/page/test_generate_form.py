"""The form's fields: a model's defaults, and values that the browser kept."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from tests.support.paths import ROOT
from utils import load_settings
from wan_lora_studio.ui.page.generate_form import (
    CHIPS,
    FIELDS,
    example_chips,
    model_updates,
    restored_updates,
)
from wan_lora_studio.ui.page.prompt_words import prompt_words

SETTINGS = load_settings()


def by_name(updates: list[Any]) -> dict[str, Any]:
    return dict(zip(FIELDS, updates, strict=False))


@pytest.mark.parametrize("model_type", list(SETTINGS.models))
def test_a_model_brings_its_own_values(model_type: str) -> None:
    row = SETTINGS.models[model_type]
    found = by_name(model_updates(SETTINGS, model_type))
    for name in ("width", "height", "num_frames", "fps", "steps", "flow_shift"):
        assert found[name]["value"] == getattr(row, name)
    assert found["guidance_scale_2"]["visible"] is (len(row.experts) == 2)


@pytest.mark.parametrize("model_type", list(SETTINGS.models))
def test_every_model_has_examples(model_type: str) -> None:
    found = example_chips(SETTINGS.models[model_type])
    assert len(set(found)) == CHIPS and all(found)


def test_a_model_without_examples_shows_no_chips() -> None:
    row = SETTINGS.models["demo"].model_copy(update={"examples": ("only one",)})
    assert example_chips(row) == ["only one", "", "", ""]


def test_kept_values_come_back() -> None:
    kept = {"model_type": "ti2v-5B", "prompt": "a fox", "steps": 12, "seed": 7}
    found = by_name(restored_updates(SETTINGS, json.dumps(kept)))
    assert found["model_type"]["value"] == "ti2v-5B"
    assert found["prompt"]["value"] == "a fox"
    assert found["steps"]["value"] == 12
    assert found["seed"]["value"] == "7"
    assert found["guidance_scale_2"]["visible"] is False


@pytest.mark.parametrize(
    "kept",
    [None, "", "not json", "[1]", '{"steps": "<b>"}', '{"steps": true}', '{"image": "../x"}'],
)
def test_what_cannot_be_used_changes_nothing(kept: str | None) -> None:
    found = by_name(restored_updates(SETTINGS, kept))
    assert "value" not in found["steps"]
    assert "image" not in found


def test_a_form_of_a_model_that_is_gone_is_dropped() -> None:
    found = by_name(restored_updates(SETTINGS, '{"model_type": "old", "steps": 99}'))
    assert "value" not in found["steps"]


def test_the_same_model_again_changes_nothing() -> None:
    assert by_name(model_updates(SETTINGS, None)) == {name: gr.skip() for name in FIELDS}


@pytest.mark.parametrize("kept", [None, ""])
def test_a_form_that_nobody_wrote_in_opens_with_the_ready_example(kept: str | None) -> None:
    example = SETTINGS.models["demo"].opens_with
    assert example is not None
    found = by_name(restored_updates(SETTINGS, kept))
    assert found["prompt"]["value"] == example.prompt
    assert found["seed"]["value"] == str(example.seed)


def test_a_form_that_was_written_in_gets_no_example() -> None:
    found = by_name(restored_updates(SETTINGS, '{"steps": 12}'))
    assert "value" not in found["prompt"]
    assert "value" not in found["seed"]


def test_a_model_without_an_example_opens_empty() -> None:
    settings = load_settings(default_model="t2v-A14B")
    found = by_name(restored_updates(settings, ""))
    assert "value" not in found["prompt"]


def test_the_ready_example_uses_words_and_loras_that_are_shipped() -> None:
    example = SETTINGS.models["demo"].opens_with
    assert example is not None
    known = prompt_words(SETTINGS)["demo"]["known"]
    assert set(example.prompt.split()) <= set(known)
    shipped = {path.stem for path in (ROOT / "loras").glob("*.safetensors")}
    assert set(example.selected_loras) <= shipped
