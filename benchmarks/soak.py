"""Many short jobs with random LoRA stacks: is memory held, and are the frames still the same?"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fresh_run import same_when_fresh
from benchmarks.live_app import LiveApp, live_app
from benchmarks.report import PartResult, Table, Target

GROWTH_LIMIT = 5.0  # percent
JOB_SECONDS = 600.0
LORAS = ("golden_hour", "lightning_4step", "motion_trail", "neon_outline", "pixel_mosaic")
PROMPTS = (
    "a red circle moving left on a navy background",
    "a yellow square moving up on a gray background",
    "a green triangle moving right on a black background",
    "a white circle moving down on a navy background",
)
SHAPES = ((64, 64, 5), (96, 64, 5), (64, 64, 9))  # width, height, frames


@dataclass(frozen=True)
class SoakSizes:
    """`settled`: after that many jobs everything that is kept should be there."""

    jobs: int
    settled: int
    sampled: int
    folder: Path | None = None


@dataclass(frozen=True)
class Sample:
    """Memory after one job: bytes of worker and app; the job's seconds and video."""

    worker: int
    app: int
    seconds: float
    video: Path | None


def soak_sizes(*, quick: bool, jobs: int | None, folder: Path | None = None) -> SoakSizes:
    """`quick` takes every step and means nothing."""
    if quick:
        return SoakSizes(jobs or 3, 1, 1, folder)
    count = jobs or 200
    return SoakSizes(count, min(20, count), min(20, count), folder)


def measure(sizes: SoakSizes) -> PartResult:
    with tempfile.TemporaryDirectory(dir=sizes.folder) as name, live_app(Path(name)) as app:
        app.wait_until_ready()
        chance = random.Random(0)
        samples = [_one(app, _task(chance)) for _ in range(sizes.jobs)]
        videos = [sample.video for sample in samples if sample.video is not None]
        chosen = chance.sample(videos, min(sizes.sampled, len(videos)))
        different = [video.name for video in chosen if not same_when_fresh(video, app.loras)]
    failed = sizes.jobs - len(videos)
    return PartResult(
        "soak",
        [_table(samples, sizes)],
        _targets(samples, sizes, failed, len(different)),
        facts={
            "worker": [sample.worker for sample in samples],
            "app": [sample.app for sample in samples],
            "seconds": [sample.seconds for sample in samples],
            "sampled": len(chosen),
            "different": different,
        },
    )


def _task(chance: random.Random) -> dict[str, Any]:
    width, height, frames = chance.choice(SHAPES)
    return {
        "model_type": "demo",
        "prompt": chance.choice(PROMPTS),
        "width": width,
        "height": height,
        "num_frames": frames,
        "steps": 4,
        "seed": chance.randrange(2**32),
        "selected_loras": {
            name: _strength(chance) for name in chance.sample(LORAS, chance.randint(0, 4))
        },
    }


def _strength(chance: random.Random) -> Any:
    """One for both experts, one for each, or one that changes over the steps."""
    first, second = (round(chance.uniform(-0.5, 1.2), 2) for _ in range(2))
    forms = (
        first,
        {"high": first, "low": second},
        {"high": [[0.0, first], [0.5, second]], "low": second},
    )
    return chance.choice(forms)


def _one(app: LiveApp, task: dict[str, Any]) -> Sample:
    started = time.monotonic()
    job = app.wait(app.submit(task), JOB_SECONDS)
    seconds = time.monotonic() - started
    app.wait_until_ready()
    worker = sum(process.memory_info().rss for process in app.workers())
    own = psutil.Process(app.process.pid).memory_info().rss
    video = Path(job["result"]["video_path"]) if job["result"] else None
    return Sample(worker, own, seconds, video)


def _growth(values: Sequence[int], settled: int) -> float:
    """Percent by which the last value is over that after job `settled`."""
    return 100 * (values[-1] / values[settled - 1] - 1)


def _table(samples: Sequence[Sample], sizes: SoakSizes) -> Table:
    numbers = sorted({1, sizes.settled, *range(50, sizes.jobs, 50), sizes.jobs})
    rows = tuple(
        (
            number,
            f"{samples[number - 1].worker / 1e6:.1f}",
            f"{samples[number - 1].app / 1e6:.1f}",
        )
        for number in numbers
    )
    return Table("Memory after so many jobs (RSS)", ("jobs", "worker, MB", "app, MB"), rows)


def _targets(
    samples: Sequence[Sample], sizes: SoakSizes, failed: int, different: int
) -> list[Target]:
    worker = _growth([sample.worker for sample in samples], sizes.settled)
    app = _growth([sample.app for sample in samples], sizes.settled)
    after = f"after job {sizes.jobs} over that after job {sizes.settled}"
    return [
        Target(f"worker's memory {after}", worker, "at most", GROWTH_LIMIT, "%"),
        Target(f"app's memory {after}", app, "at most", GROWTH_LIMIT, "%"),
        Target("jobs that are not done", failed, "at most", 0),
        Target(f"of {sizes.sampled} videos, other frames when fresh", different, "at most", 0),
    ]
