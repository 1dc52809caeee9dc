"""What the headers of full-size models say of the memory that they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import full_size
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.memory import Footprint

GB = 10**9


@pytest.mark.parametrize(
    ("row", "expert"),  # sizes of the real files, GB
    [
        ("t2v-A14B", 28.58),
        ("t2v-A14B-fp8", 14.29),
        ("t2v-A14B-q8", 15.4),
        ("t2v-A14B-q5", 10.7),
        ("i2v-A14B-q4", 9.6),
        ("ti2v-5B", 10.0),
        ("wan2.1-t2v-1.3B", 2.84),
        ("wan2.1-t2v-14B", 28.58),
    ],
)
def test_each_row_is_counted_as_its_weights_are_kept(
    tmp_path: Path, row: str, expert: float
) -> None:
    settings = load_settings(models_dir=tmp_path)
    full_size.install(settings, row)
    entry, files = settings.model(row), settings.weight_files(row)
    found = Footprint.of(settings.model_folder(row), entry.precision, files)
    weights, at_once = found.weights(2), found.weights_at_once(2)
    assert weights["transformer"] == pytest.approx(expert * GB, rel=0.04)
    assert weights["text_encoder"] == pytest.approx(11.36 * GB, rel=0.01)
    assert weights["vae"] == pytest.approx((2.82 if row == "ti2v-5B" else 0.51) * GB, rel=0.01)
    assert weights.get("transformer_2", weights["transformer"]) == weights["transformer"]
    # Two of the blocks, and what is outside of them.
    share = at_once["transformer"] / weights["transformer"]
    assert 0.05 < share < 0.11


def test_shards_are_counted_as_one(tmp_path: Path) -> None:
    from tests.support import header_only as made

    settings = load_settings(models_dir=tmp_path)
    full_size.install(settings, "ti2v-5B")
    folder = settings.model_folder("ti2v-5B")
    whole = Footprint.of(folder)
    theirs = made.shards(tmp_path / "theirs", made.transformer("wan2.2-ti2v-5B"))
    for file in (folder / "transformer").glob("*.safetensors"):
        file.unlink()
    assert Footprint.of(folder, files={"transformer": theirs}) == whole
