"""Pairs that the user makes and splits, and that stay so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, layer_keys, write_lora
from wan_lora_studio.errors import LoRAError, LoRANotFoundError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings


@pytest.fixture
def two(library: LoRALibrary, root: Path) -> LoRALibrary:
    """Halves of two vendors, in folders of their own."""
    write_lora(root / "fast" / "vendor_one.safetensors", seed=1)
    write_lora(root / "slow" / "other-L.safetensors", seed=2)
    (root / "slow" / "other-L.json").write_text("{}")
    library.refresh()
    return library


def names(library: LoRALibrary) -> set[str]:
    return set(library.list_available_loras())


def test_a_pair_across_vendors_is_made_and_remembered(two: LoRALibrary, settings: Settings) -> None:
    two.record_use({"vendor_one": 1.0})
    record = two.pair_loras("vendor_one", "other-L")
    assert record["files"] == {
        "high": "fast/vendor_one.safetensors",
        "low": "slow/other-L.safetensors",
    }
    assert (record["name"], record["use_count"]) == ("vendor_one", 1)
    assert record["role_evidence"]["high"] == "set by hand"
    assert names(LoRALibrary(settings)) == {"vendor_one"}
    assert two.split_pair("vendor_one") == ["vendor_one", "other-L"]
    assert names(LoRALibrary(settings)) == {"vendor_one", "other-L"}


def test_a_pair_by_hand_survives_rename_move_delete_and_undo(two: LoRALibrary, root: Path) -> None:
    two.pair_loras("vendor_one", "other-L")
    two.rename_lora_file("vendor_one", "both")
    assert (root / "slow" / "both_L.json").exists()
    assert names(two) == {"both"}
    two.delete_lora_file("both")
    assert names(two) == set()
    two.undo_delete("both")
    assert two.record("both")["is_pair"]
    two.create_folder("new")
    assert two.move_lora_file("both", "new")["is_pair"]
    high, low = two.split_pair("both")
    two.rename_lora_file(high, "plain")
    assert names(two) == {"plain", low}


def test_a_split_stays_split(library: LoRALibrary, root: Path, settings: Settings) -> None:
    add_pair(root)
    library.refresh()
    high, low = library.split_pair("style")
    assert names(library) == {"style_high_noise", "style_low_noise"} == {high, low}
    assert library.record(high)["missing_half"] == "low"
    library.rename_lora_file(high, "other_high_noise")
    library.rename_lora_file("other_high_noise", high)
    assert names(LoRALibrary(settings)) == {high, low}
    assert library.pair_loras(high, low)["name"] == "style"


def test_a_new_file_does_not_inherit_a_pairing(
    two: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "third.safetensors", seed=3)
    two.refresh()
    two.pair_loras("third", "other-L")
    (root / "third.safetensors").unlink()
    two.refresh()
    assert names(two) == {"vendor_one", "other-L"}
    two.upload_lora_file(write_lora(tmp_path / "x", seed=9), "third.safetensors")
    assert names(two) == {"vendor_one", "other-L", "third"}


def test_what_cannot_be_a_pair_is_refused(two: LoRALibrary, root: Path) -> None:
    add_pair(root)
    (root / "broken.safetensors").write_bytes(b"x")
    write_lora(
        root / "combined.safetensors",
        layer_keys("diffusion_model.transformer_1.{m}")
        | layer_keys("diffusion_model.transformer_2.{m}"),
    )
    write_lora(root / "low_keys.safetensors", layer_keys("diffusion_model.transformer_2.{m}"))
    two.refresh()
    before = names(two)
    for high, low in (
        ("style", "other-L"), ("vendor_one", "style"), ("broken", "other-L"),
        ("vendor_one", "vendor_one"), ("combined", "other-L"), ("low_keys", "other-L"),
    ):  # fmt: skip
        with pytest.raises(LoRAError) as caught:
            two.pair_loras(high, low)
        assert caught.value.suggestions
    with pytest.raises(LoRANotFoundError):
        two.pair_loras("vendor_one", "zz")
    with pytest.raises(LoRAError, match="not a pair"):
        two.split_pair("vendor_one")
    assert names(two) == before
    assert two.pair_loras("vendor_one", "low_keys")["is_pair"]
