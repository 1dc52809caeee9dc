"""The ends of a LoRA's strength slider: from ComfyUI-Lora-Manager's file, or a person's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files.sidecars import SidecarReading
from wan_lora_studio.lora.library.library import LoRALibrary


def add(root: Path, **tips: Any) -> None:
    write_lora(root / "style.safetensors")
    text = json.dumps({"usage_tips": json.dumps(tips)})
    (root / "style.metadata.json").write_text(text)


def test_the_tips_beside_the_file_say_it(library: LoRALibrary, root: Path) -> None:
    add(root, strength=0.8, strength_min=0.5, strength_max=1.2)
    record = library.record("style")
    assert tuple(record["strength_range"]) == (0.5, 1.2)
    assert record["preferred_strength"] == 0.8


@pytest.mark.parametrize(
    "tips", [{"strength_min": 1}, {"strength_min": 2, "strength_max": 1}, {"strength_max": "much"}]
)
def test_what_is_no_range_is_left_out(
    library: LoRALibrary, root: Path, tips: dict[str, Any]
) -> None:
    add(root, **tips)
    assert library.record("style")["strength_range"] is None


def test_a_person_goes_before_it(library: LoRALibrary, root: Path) -> None:
    add(root, strength_min=0.5, strength_max=1.2)
    library.edit_lora_metadata("style", {"strength_range": [-2, 2]})
    assert library.record("style")["strength_range"] == [-2.0, 2.0]
    library.edit_lora_metadata("style", {"strength_range": None})
    assert tuple(library.record("style")["strength_range"]) == (0.5, 1.2)


@pytest.mark.parametrize("value", [1, [1], [1, 1], [2, 1], ["a", "b"], [0, 1e9]])
def test_a_wrong_range_is_refused(library: LoRALibrary, root: Path, value: Any) -> None:
    write_lora(root / "style.safetensors")
    with pytest.raises(LoRAError, match="strength_range"):
        library.edit_lora_metadata("style", {"strength_range": value})


def test_the_catalogue_keeps_it() -> None:
    reading = SidecarReading(strength_range=(0.5, 1.2))
    assert SidecarReading.from_json(reading.to_json()) == reading
