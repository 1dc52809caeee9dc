"""The estimate before anything is queued, over the demo model's folder; no worker and no torch."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.jobs.status import WorkerStatus
from wan_lora_studio.jobs.submission.memory_check import estimate, footprint_of
from wan_lora_studio.settings import SHIPPED_CONFIG, Settings, load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager

GB = 10**9
MODELS = SHIPPED_CONFIG.parent / "models"


class Memory(NamedTuple):
    available: int
    total: int


class Swap(NamedTuple):
    free: int
    total: int


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(loras_dir=tmp_path / "loras", models_dir=MODELS)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    def has(available: int, total: int = 64 * GB) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(available, total))

    monkeypatch.setattr(psutil, "swap_memory", lambda: Swap(0, 0))
    has(32 * GB)
    return has


def worker(model: str | None = None, offload: str = "", **gpu: int) -> WorkerStatus:
    device = "cuda" if gpu else "cpu"
    memory = {"process": GB, "free": 32 * GB, **gpu}
    return WorkerStatus("ready", model, device, offload, memory=memory)


def holding(weights: int) -> WorkerStatus:
    """A worker without a GPU whose model takes so much of the computer's memory."""
    memory = {"process": 2 * weights, "free": 32 * GB, "weights": weights}
    return WorkerStatus("ready", "demo", "cpu", "none", memory=memory)


def weights(settings: Settings, width: int) -> int:
    return sum(footprint_of(settings, "demo").weights(width).values())


def test_nothing_is_claimed_before_a_worker_has_looked(settings: Settings, host: Any) -> None:
    loras = LoRAManager(settings)
    assert estimate({"model_type": "demo"}, settings, loras, WorkerStatus()) is None
    assert estimate({"model_type": "t2v-A14B"}, settings, loras, worker()) is None, "not here"
    with pytest.raises(SettingsError):
        estimate({"model_type": "nothing"}, settings, loras, worker())


def test_what_is_typed_half_counts_as_the_models_own(settings: Settings, host: Any) -> None:
    loras = LoRAManager(settings)
    usual = estimate({}, settings, loras, worker())
    odd = {"width": -4, "height": "tall", "num_frames": None, "selected_loras": ["x"]}
    other = estimate(odd, settings, loras, worker())
    assert usual is not None and other is not None and usual.fits
    row = settings.model("demo")
    assert (other.task.width, other.task.height) == (row.width, row.height)
    assert other.needed == usual.needed


def test_what_does_not_fit_is_told_with_what_would_help(settings: Settings, host: Any) -> None:
    large = {"width": 4096, "height": 4096, "num_frames": 81}
    found = estimate(large, settings, LoRAManager(settings), worker())
    assert found is not None and not found.fits
    changes = found.changes()
    assert changes[0].saved > 0 and any("fewer frames" in change.words for change in changes)
    assert [change.fits for change in changes] == sorted(
        (change.fits for change in changes), reverse=True
    )


def test_loras_count_and_the_largest_is_named(settings: Settings, host: Any) -> None:
    write_lora(settings.loras_dir / "some.safetensors")
    loras = LoRAManager(settings)
    loras.refresh()
    without = estimate({}, settings, loras, worker())
    chosen = {"selected_loras": {"some": 1.0, "gone": 1.0}}
    found = estimate(chosen, settings, loras, worker())
    assert without is not None and found is not None
    assert found.needed > without.needed and found.largest_lora[0] == "some"


def test_the_model_in_memory_makes_room(settings: Settings, host: Any) -> None:
    loras = LoRAManager(settings)
    cold, warm = (estimate({}, settings, loras, each) for each in (worker(), holding(GB)))
    assert cold is not None and warm is not None
    assert warm.available - cold.available == GB
    host(2 * GB, total=weights(settings, 4))
    small = estimate({}, settings, loras, worker())
    assert small is not None and small.width_bytes == 2, "as the worker loads it there"


def test_on_a_gpu_its_own_memory_counts(settings: Settings, host: Any) -> None:
    loras = LoRAManager(settings)
    full = {"gpu_total": 24 * GB, "gpu_used": 20 * GB}
    found = estimate({}, settings, loras, worker(**full))
    assert found is not None and found.offload == "auto" and found.width_bytes == 2
    assert found.available == 4 * GB and found.placed == "none" and found.host == 32 * GB
    held = {**full, "gpu_held": 3 * GB, "weights": 5 * GB}
    found = estimate({}, settings, loras, worker("demo", "model", **held))
    assert found is not None and found.placed == "none", "the next run brings it back"
    assert (found.available, found.host) == (7 * GB, 37 * GB)


@pytest.mark.parametrize(("free", "placed"), [(4 * GB, "none"), (GB // 20, "group")])
def test_a_model_counts_as_the_worker_will_place_it(
    free: int, placed: str, settings: Settings, host: Any
) -> None:
    loras = LoRAManager(settings)
    found = estimate({}, settings, loras, worker(gpu_total=8 * GB, gpu_used=8 * GB - free))
    assert found is not None and found.placed == placed and found.available == free
    assert found.reason.endswith("GB are free.")
    wanted = settings.model_copy(update={"offload": "encoder"})
    found = estimate({}, wanted, loras, worker(gpu_total=8 * GB, gpu_used=8 * GB - free))
    assert found is not None and found.placed == "encoder"


def test_nothing_is_claimed_of_a_gpu_that_was_not_looked_at(settings: Settings, host: Any) -> None:
    unseen = WorkerStatus("ready", device="cuda", memory={"process": GB, "free": 32 * GB})
    assert estimate({}, settings, LoRAManager(settings), unseen) is None


def test_it_needs_no_torch() -> None:
    module = "wan_lora_studio.jobs.submission.memory_check"
    code = f"import {module}, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=SHIPPED_CONFIG.parent, check=True)


def test_files_of_a_row_count_from_when_they_are_there(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "high_noise.gguf"
    row = settings.model("demo").model_copy(update={"weights": {"transformer": str(file)}})
    settings = settings.model_copy(update={"models": {**settings.models, "demo": row}})
    counted = []
    for rows in (0, 2, 4):
        if rows:
            size, start = 34 * rows, b"GGUF" + struct.pack("<IQQ", 3, 1, 0)
            tensor = struct.pack("<Q1sIQQIQ", 1, b"a", 2, 32, rows, 8, 0)
            file.write_bytes((start + tensor).ljust(96, b"\0") + bytes(size))
        counted.append(footprint_of(settings, "demo").weights(2)["transformer"])
    assert counted == [0, 68, 136]
