"""Latents that outlive their run: who goes on from them, and who samples anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import AutoencoderKLWan

from tests.support.studio import Studio, decoded
from wan_lora_studio.wan.generation.video_file import read_metadata

pytestmark = pytest.mark.slow  # it makes many videos

TASK = {"id": "f00d", "selected_loras": {"lokr": 0.5, "combined": 1.0}, "steps": 3}


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


@pytest.fixture
def killed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run that was killed while it decoded; the file that it left."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderKLWan, "decode", die)
        with pytest.raises(Killed):
            studio.run(**TASK)
    (left,) = (studio.settings.data_dir / "latents").iterdir()
    yield left
    left.unlink(missing_ok=True)


def test_the_same_task_goes_on_and_makes_the_same_video(studio: Studio, killed: Path) -> None:
    told: list[str] = []
    again = studio.run(**TASK, on_progress=lambda progress: told.append(progress.stage))
    assert "sample" not in told and "apply" not in told
    assert not killed.exists()
    whole = studio.run(**{**TASK, "id": "other"})
    assert np.array_equal(decoded(again.video_path), decoded(whole.video_path))
    assert again.loras == whole.loras
    assert again.timings["sample"] > 0
    assert again.timings["total"] >= sum(
        seconds for stage, seconds in again.timings.items() if stage != "total"
    ) * (1 - 1e-9)
    one, other = (read_metadata(Path(result.video_path)) for result in (again, whole))
    assert one["environment"] == other["environment"] and one["loras"] == other["loras"]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"steps": 2},
        {"selected_loras": {"lokr": 0.4, "combined": 1.0}},
        {"selected_loras": {}},
        {"model_type": "ti2v", "selected_loras": {}},
        {"id": "another"},
    ],
    ids=str,
)
def test_another_task_is_sampled(change: dict[str, Any], studio: Studio, killed: Path) -> None:
    assert killed.exists()
    assert sampled(studio, **{**TASK, **change})


def test_another_file_of_the_same_name_is_sampled(studio: Studio, killed: Path) -> None:
    lora = studio.settings.loras_dir / "lokr.safetensors"
    before = lora.read_bytes()
    lora.write_bytes((studio.settings.loras_dir / "combined.safetensors").read_bytes())
    try:
        studio.loras.refresh()
        assert killed.exists() and sampled(studio, **TASK)
    finally:
        lora.write_bytes(before)


def damaged(path: Path) -> None:
    path.write_bytes(b"not latents")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("harm", [damaged, cut])
def test_a_file_that_cannot_be_read_costs_no_run(
    harm: Callable[[Path], None], studio: Studio, killed: Path
) -> None:
    harm(killed)
    assert sampled(studio, **TASK)
    assert not killed.exists()


def test_a_folder_that_cannot_be_made_costs_no_run(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = studio.settings.model_copy(update={"data_dir": tmp_path / "file"})
    monkeypatch.setattr(studio.models, "_settings", settings)
    assert sampled(studio, **TASK)


def test_a_run_that_ended_leaves_none(studio: Studio) -> None:
    studio.run(**TASK)
    assert not list((studio.settings.data_dir / "latents").iterdir())


def sampled(studio: Studio, **fields: Any) -> bool:
    told: list[str] = []
    studio.run(**fields, on_progress=lambda progress: told.append(progress.stage))
    return "sample" in told
