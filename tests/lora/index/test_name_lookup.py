"""Lookup: the LoRA that is meant by what others call it, and what a prompt selects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, write_lora
from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.lora.index.name_lookup import Meant, close_names
from wan_lora_studio.lora.library.library import LoRALibrary


@pytest.fixture
def root(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    write_lora(root / "Golden Hour v1.2.safetensors")
    (root / "styles").mkdir()
    write_lora(root / "styles" / "ink.safetensors", seed=1, metadata={"ss_output_name": "Sumi-e"})
    add_pair(root)
    return root


@pytest.mark.parametrize(
    ("text", "name", "role"),
    [
        ("Golden Hour v1.2", "Golden Hour v1.2", "both"),
        ("golden hour V1.2", "Golden Hour v1.2", "both"),
        ("Golden Hour v1.2.safetensors", "Golden Hour v1.2", "both"),
        ("styles/ink", "ink", "both"),
        (r"Styles\ink.safetensors", "ink", "both"),
        ("wan22/styles/ink", "ink", "both"),
        ("ink", "ink", "both"),
        ("sumi-e", "ink", "both"),
        ("style", "style", "both"),
        ("style_high_noise", "style", "high"),
        ("style_low_noise.safetensors", "style", "low"),
    ],
)
def test_a_lora_is_found_by_what_others_call_it(
    library: LoRALibrary, root: Path, text: str, name: str, role: str
) -> None:
    library.refresh()
    assert library.meant(text) == Meant(name, role)


def test_what_may_be_several_is_none_of_them(library: LoRALibrary, root: Path) -> None:
    for folder in ("a", "b"):
        (root / folder).mkdir()
        write_lora(root / folder / "twin.safetensors", seed=ord(folder))
    library.refresh()
    assert library.meant("b/twin") == Meant(library.name_at("b/twin.safetensors"))
    assert library.meant("c/TWIN.pt") in (None, Meant("twin"))
    assert library.meant("nothing") is None


def test_an_unknown_name_comes_with_those_that_are_close(library: LoRALibrary, root: Path) -> None:
    library.refresh()
    with pytest.raises(LoRANotFoundError) as caught:
        library.record("wan/golden_hour v1.2")
    assert "Did you mean 'Golden Hour v1.2'?" in caught.value.suggestions
    assert close_names("x/INK", ["ink", "other"]) == ["ink"]


def test_a_prompt_selects_loras_by_their_own_names(library: LoRALibrary, root: Path) -> None:
    library.refresh()
    prompt = "a fox <lora:styles/ink:0.8> <lora:style_low_noise:0.5> <lora:style_high_noise:1>"
    found = library.loras_in_prompt(f"{prompt} <lora:gone:0.3>")
    assert found.text == "a fox"
    assert found.selected == {"ink": 0.8, "style": {"high": 1.0, "low": 0.5}, "gone": 0.3}
    assert found.unknown == ("gone",)


def test_without_a_number_it_is_the_usual_strength(library: LoRALibrary, root: Path) -> None:
    library.refresh()
    assert library.loras_in_prompt("<lora:ink>").selected == {
        "ink": library.settings.default_strength
    }
    library.edit_lora_metadata("ink", {"preferred_strengths": 0.6})
    assert library.loras_in_prompt("<lora:ink>").selected == {"ink": 0.6}
    library.record_use({"ink": 0.7}, None)
    assert library.loras_in_prompt("<lora:ink>").selected == {"ink": 0.7}


def test_named_twice_it_gets_both_strengths_together(library: LoRALibrary, root: Path) -> None:
    library.refresh()
    found = library.loras_in_prompt("<lora:ink:0.5> <lora:Ink:0.25> <lora:ink:0:0.25>")
    assert found.selected == {"ink": {"high": 0.75, "low": 1.0}}
