"""Cells of a grid on the demo model: each is the run that its settings alone would be."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator

import pytest

from tests.support.grids import axis
from tests.support.jobs.scripted_queue import task, wait_for_state, wait_until
from tests.support.paths import ROOT
from tests.support.result_files import frames_of
from wan_lora_studio.grid import Grid
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.generation.generation import generate_video
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.task import GenerationTask

pytestmark = pytest.mark.slow  # two processes with a model

SMALL = {"width": 64, "height": 64, "num_frames": 1, "steps": 2, "seed": 7}
PROMPT = "a red circle moving left on a navy background"
CHOSEN = {"golden_hour": {"high": 0.8, "low": [[0.0, 1.0], [0.5, 0.4]]}, "neon_outline": 0.7}


GRIDS = {
    "strength and LoRA": (
        axis("strength", 0.4, 1, lora="neon_outline"),
        axis("lora", "neon_outline", "pixel_mosaic", lora="neon_outline"),
    ),
    "a strength that is scaled": (axis("strength", 0.5, 1.5, lora="golden_hour"), None),
    "one LoRA more": (axis("lora", None, "motion_trail"), None),
    "expert": (axis("expert", "both", "high", "low", "off", lora="golden_hour"), None),
    "with, without and accelerator": (
        axis("loras", "with", "without"),
        axis("accelerator", None, "lightning_4step"),
    ),
    "seed and prompt": (
        axis("seed", 1, 2),
        axis("prompt", PROMPT, "a green square <lora:pixel_mosaic:0.6>"),
    ),
    "steps": (axis("steps", 2, 3), None),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("studio")
    shutil.copytree(ROOT / "loras", folder / "loras", ignore=shutil.ignore_patterns(".*"))
    folders = {f"{name}_dir": folder / name for name in ("loras", "outputs", "data")}
    return load_settings(models_dir=ROOT / "models", device="cpu", **folders)


@pytest.fixture(scope="module")
def queue(settings: Settings) -> Iterator[JobQueue]:
    made = JobQueue(settings)
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def models(settings: Settings) -> ModelManager:
    return ModelManager(settings)


def alone(settings: Settings, models: ModelManager, wanted: GenerationTask) -> list[bytes]:
    """The frames of a single run of these settings, in this process."""
    single = dataclasses.replace(wanted, id="0" * 32)
    result = generate_video(single, models=models, loras=LoRAManager(settings))
    return frames_of(result.video_path)


def ended(queue: JobQueue, job: Job) -> Job:
    """The job once it has ended; each cell has its time, however busy the machine is."""
    for part in job.parts:
        wait_until(lambda part=part: _has_ended(queue, job, part.id), part.label)
    return wait_for_state(queue, job.id, "done", "failed")


def _has_ended(queue: JobQueue, job: Job, part_id: str) -> bool:
    found = queue.get(job.id)
    states = {part.id: part.state for part in found.parts} if found else {}
    return states.get(part_id) in ("done", "failed")


def frames_of_cells(job: Job) -> list[list[bytes]]:
    assert all(part.result for part in job.parts), [part.error for part in job.parts]
    return [frames_of(str((part.result or {})["video_path"])) for part in job.parts]


@pytest.mark.parametrize("kind", GRIDS)
def test_a_cell_is_the_single_run_bit_for_bit(
    kind: str, queue: JobQueue, settings: Settings, models: ModelManager
) -> None:
    x, y = GRIDS[kind]
    wanted = task(PROMPT, selected_loras=CHOSEN, **SMALL)
    job = queue.submit(wanted, grid=Grid.read({"x": x, "y": y}))
    cells = frames_of_cells(ended(queue, job))
    for part, frames in zip(job.parts, cells, strict=True):
        assert frames == alone(settings, models, part.task), part.label
    # Cells that differ only in what has no effect would prove nothing.
    assert len({tuple(frames) for frames in cells}) == len(cells)
