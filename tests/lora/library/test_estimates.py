"""Estimates by mode, and what they learn from real loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.load_history import KEPT, TELLS_SPEED, Measured
from wan_lora_studio.settings import Settings, load_settings


@pytest.fixture
def library(settings: Settings) -> LoRALibrary:
    write_lora(settings.loras_dir / "a.safetensors")
    return LoRALibrary(settings)


def measured(library: LoRALibrary, *, factor: float = 1.0, **changes: object) -> Measured:
    """A load that took `factor` times what the headers say."""
    raw = library.estimate(["a"]).raw["merge"]
    values = {
        "mode": "merge", "device": "cuda", "cold": True, "seconds": max(raw.seconds * factor, 0.01),
        "host": int(raw.host * factor), "gpu": 0,
    }  # fmt: skip
    return Measured(**{**values, **changes})  # type: ignore[arg-type]


def test_merged_the_host_holds_a_copy_and_at_runtime_the_gpu_holds_the_factors(
    library: LoRALibrary,
) -> None:
    found = library.estimate(["a"])
    merge, runtime = found.raw["merge"], found.raw["runtime"]
    assert (merge.gpu, runtime.host) == (0, found.file)
    assert merge.host > found.file
    assert 0 < runtime.gpu <= found.file
    assert merge.seconds > runtime.seconds
    plain = found.to_plain()
    assert plain["host_mb"] == plain["merge_host_mb"]  # "auto" expects a merge
    assert plain["loads_seen"] == plain["load_error"] == plain["runtime_expected"] == 0


def test_on_a_cpu_nothing_is_added_to_a_gpu(tmp_path: Path) -> None:
    tiny_model(tmp_path / "models")
    write_lora(tmp_path / "loras" / "a.safetensors")
    folders = {"loras_dir": tmp_path / "loras", "models_dir": tmp_path / "models"}
    library = LoRALibrary(load_settings(device="cpu", lora_mode="runtime", **folders))
    found = library.estimate_memory_impact(["a"])
    assert (found["gpu_mb"], found["runtime_expected"]) == (0, 1)


def test_memory_is_corrected_by_what_was_measured(library: LoRALibrary) -> None:
    before = library.estimate(["a"]).cost("merge").host
    library.record_load(["a"], "demo", measured(library, factor=3))
    after = library.estimate(["a"])
    assert after.cost("merge").host == pytest.approx(3 * before, rel=1e-3)
    assert after.to_plain()["memory_error"] == pytest.approx(2 / 3, rel=1e-2)
    assert after.to_plain()["loads_seen"] == 1


def test_the_error_is_of_what_was_shown_so_it_falls_with_experience(library: LoRALibrary) -> None:
    for _ in range(7):
        library.record_load(["a"], "demo", measured(library, factor=3))
    assert library.estimate_memory_impact(["a"])["memory_error"] == pytest.approx(0, abs=1e-3)


def test_time_is_learned_from_loads_that_read_their_files(library: LoRALibrary) -> None:
    lesson = library.estimate(["a"]).lessons["merge"]
    assert lesson.seconds_factor == 1
    with Catalog(library.root).transaction() as db:
        db.execute("DELETE FROM loads")
    loads = [(True, 2.0, 1.0), (True, 2.2, 1.0), (False, 0.1, 1.0)]
    for cold, seconds, _ in loads:
        library.record_load(["a"], "demo", measured(library, cold=cold, seconds=seconds))
    with Catalog(library.root).transaction() as db:
        db.execute("UPDATE loads SET raw_seconds=1.0, shown_seconds=1.0")
    lesson = library.estimate(["a"]).lessons["merge"]
    assert lesson.seconds_factor == pytest.approx(2.1)
    assert lesson.seconds_error == pytest.approx((1 / 2.0 + 1.2 / 2.2) / 2)


def test_small_loads_teach_a_time_that_large_ones_take_too_not_a_factor(
    library: LoRALibrary,
) -> None:
    raw = library.estimate(["a"]).raw["merge"]
    assert raw.seconds < TELLS_SPEED
    for _ in range(3):
        library.record_load(["a"], "demo", measured(library, seconds=0.5))
    small = library.estimate(["a"]).cost("merge").seconds
    assert small == pytest.approx(0.5)
    large = library.estimate(["a"], "t2v-A14B")
    assert large.cost("merge").seconds == pytest.approx(large.raw["merge"].seconds + 0.5, abs=0.01)


def test_a_model_learns_from_others_until_it_has_loads_of_its_own(library: LoRALibrary) -> None:
    library.record_load(["a"], "demo", measured(library, factor=2))
    other = library.estimate(["a"], "t2v-A14B").lessons["merge"]
    assert other.host_factor == pytest.approx(2, rel=1e-3)
    assert library.estimate(["a"]).lessons["runtime"].seen == 0
    raw = library.estimate(["a"], "t2v-A14B").raw["merge"]
    one = measured(library, host=int(raw.host * 5))
    library.record_load(["a"], "t2v-A14B", one)
    own = library.estimate(["a"], "t2v-A14B").lessons["merge"]
    assert (own.seen, own.host_factor) == (1, pytest.approx(5, rel=1e-3))


def test_the_mode_and_the_device_seen_last_are_expected(library: LoRALibrary) -> None:
    library.record_load(["a"], "demo", measured(library, mode="runtime", device="cpu"))
    found = library.estimate_memory_impact(["a"])
    assert (found["runtime_expected"], found["gpu_mb"]) == (1, 0)


def test_experience_outlives_the_app_and_is_bounded(
    library: LoRALibrary, settings: Settings
) -> None:
    one = measured(library)
    for _ in range(3):
        library.record_load(["a"], "demo", one)
    assert LoRALibrary(settings).estimate_memory_impact(["a"])["loads_seen"] == 3
    with Catalog(library.root).transaction() as db:
        columns = "model_type, mode, device, cold, seconds, host, gpu, raw_seconds, raw_host,"
        columns += " raw_gpu, shown_seconds, shown_host, shown_gpu"
        for _ in range(8):
            db.execute(f"INSERT INTO loads ({columns}) SELECT {columns} FROM loads")
    library.record_load(["a"], "demo", one)
    assert len(library.loads_seen()) == KEPT


def test_no_lora_costs_nothing_and_none_that_is_not_there(library: LoRALibrary) -> None:
    library.record_load(["a"], "demo", measured(library))
    assert not any(library.estimate_memory_impact([]).values())
    with pytest.raises(LoRANotFoundError):
        library.record_load(["zz"], "demo", measured(library))
