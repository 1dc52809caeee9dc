"""Which files lie beside which LoRA, by their names."""

from __future__ import annotations

import pytest

from wan_lora_studio.lora.files.companion_names import FolderNames, ending_of, preview_endings
from wan_lora_studio.lora.index.walk import by_folder


def test_a_file_belongs_to_the_longest_stem_that_has_a_lora() -> None:
    names = {"a.safetensors", "a.png", "a.preview.png", "a.json", "ab.json", "a.zip"}
    assert set(FolderNames(names).endings("a")) == {".png", ".preview.png", ".json"}
    names.add("a.preview.safetensors")
    assert set(FolderNames(names).endings("a")) == {".png", ".json"}
    assert FolderNames(names).endings("a.preview") == [".png"]


def test_endings_are_found_in_any_case_and_after_the_whole_name() -> None:
    names = FolderNames(
        ["x.safetensors", "x.PNG", "x.Preview.png", "x.safetensors.png", "x.avif", "x.Thumb.JPG",
         "x.safetensors.rgthree-info.json", "x.CIVITAI.INFO", "x.sha256", "x.md"]
    )  # fmt: skip
    assert set(names.endings("x")) == {
        ".PNG", ".Preview.png", ".safetensors.png", ".avif", ".Thumb.JPG",
        ".safetensors.rgthree-info.json", ".CIVITAI.INFO", ".sha256",
    }  # fmt: skip
    assert preview_endings(names.endings("x")) == [
        ".Preview.png", ".Thumb.JPG", ".PNG", ".safetensors.png", ".avif"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.b.preview.WEBP", ".preview.WEBP"),
        ("a.safetensors.civitai.info", ".safetensors.civitai.info"),
        ("a.description.txt", ".description.txt"),
        ("a.metadata.json", ".metadata.json"),
        (".png", None),
        ("a.svg", None),
        ("a", None),
    ],
)
def test_the_ending_of_a_name(name: str, ending: str | None) -> None:
    assert ending_of(name) == ending


def test_what_is_known_of_a_folder_is_kept_while_its_names_are_the_same() -> None:
    names = ["a.safetensors", "a.png"]
    before = FolderNames(names)
    assert FolderNames.of(names, before) is before
    after = FolderNames.of([*names, "a.json"], before)
    assert after.endings("a") == [".json", ".png"]
    assert by_folder([f"x/{name}" for name in names], {"x": before})["x"] is before
