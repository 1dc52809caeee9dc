"""What a grid costs over its runs: the same videos as one job and as single jobs, in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.fresh_run import decoded
from benchmarks.harness import Contestant, Timing, interleave
from benchmarks.live_app import LiveApp, live_app
from benchmarks.report import PartResult, Table, Target, with_spread

LIMIT = 2.0  # percent
JOB_SECONDS = 3600.0
PROMPT = "a red circle moving left on a navy background"
LORA = "golden_hour"


@dataclass(frozen=True)
class GridSizes:
    """`steps` of each run, a grid of `strengths` by `seeds`, `rounds` of both."""

    steps: int
    strengths: tuple[float, ...]
    seeds: tuple[int, ...]
    rounds: int
    folder: Path | None = None


def grid_sizes(*, quick: bool, folder: Path | None = None) -> GridSizes:
    """`quick` takes every step and means nothing."""
    if quick:
        return GridSizes(2, (0.5, 1.0), (1,), 1, folder)
    return GridSizes(40, (0.0, 0.5, 1.0), (1, 2), 5, folder)


@dataclass
class Seen:
    """What the jobs say of themselves."""

    videos: dict[str, list[Path]] = field(default_factory=dict)
    work: dict[str, list[float]] = field(default_factory=dict)  # seconds of all CPUs together
    between: list[float] = field(default_factory=list)  # share of a job that no cell was made
    applying: list[float] = field(default_factory=list)  # share of the cells that LoRAs took


def measure(sizes: GridSizes) -> PartResult:
    seen = Seen()
    with tempfile.TemporaryDirectory(dir=sizes.folder) as name, live_app(Path(name)) as app:
        app.wait_until_ready()
        sides = {
            "single runs": lambda: _runs(app, sizes, seen),
            "grid": lambda: _grid(app, sizes, seen),
        }
        timings = interleave(
            [Contestant(side, _counted(app, side, run, seen)) for side, run in sides.items()],
            sizes.rounds,
        )
        same = all(
            np.array_equal(decoded(one), decoded(other))
            for one, other in zip(seen.videos["single runs"], seen.videos["grid"], strict=True)
        )
    # Without the warm-up. Beside other work on the machine, only what is used can be compared.
    used = {f"CPU, {side}": Timing(side, tuple(found[1:])) for side, found in seen.work.items()}
    overhead = 100 * (used["CPU, single runs"].ratio_to(used["CPU, grid"]) - 1)
    between, applying = (100 * float(np.median(found)) for found in (seen.between, seen.applying))
    timings |= used
    targets = [
        Target("a grid's overhead over its runs", overhead, "at most", LIMIT, "% of CPU time"),
        Target("a grid's time between its cells", between, "at most", LIMIT, "%"),
        Target("cells with other frames", int(not same), "at most", 0),
    ]
    facts = {
        "same frames": same,
        "percent between the cells": between,
        "percent of the cells for LoRAs": applying,
    }
    return PartResult("grid", [_table(timings, sizes, facts)], targets, timings, facts)


def _counted(app: LiveApp, side: str, run: Callable[[], None], seen: Seen) -> Callable[[], None]:
    """`run`, with the seconds noted that the app and its worker compute meanwhile."""

    def counted() -> None:
        before = _cpu_seconds(app)
        run()
        seen.work.setdefault(side, []).append(_cpu_seconds(app) - before)

    return counted


def _cpu_seconds(app: LiveApp) -> float:
    processes = [psutil.Process(app.process.pid), *app.workers()]
    times = [process.cpu_times() for process in processes]
    return float(sum(found.user + found.system for found in times))


def _task(sizes: GridSizes, **changes: Any) -> dict[str, Any]:
    return {"model_type": "demo", "prompt": PROMPT, "steps": sizes.steps, **changes}


def _runs(app: LiveApp, sizes: GridSizes, seen: Seen) -> None:
    tasks = [
        _task(sizes, seed=seed, selected_loras={LORA: strength})
        for seed in sizes.seeds
        for strength in sizes.strengths
    ]
    ids = [app.submit(task) for task in tasks]
    jobs = [app.wait(job_id, JOB_SECONDS) for job_id in ids]
    seen.videos["single runs"] = [Path(job["result"]["video_path"]) for job in jobs]


def _grid(app: LiveApp, sizes: GridSizes, seen: Seen) -> None:
    x = {"of": "strength", "lora": LORA, "values": list(sizes.strengths)}
    y = {"of": "seed", "lora": None, "values": list(sizes.seeds)}
    job = app.wait(app.submit(_task(sizes), grid={"x": x, "y": y}), JOB_SECONDS)
    seen.videos["grid"] = [Path(part["result"]["video_path"]) for part in job["parts"]]
    whole = job["finished"] - job["started"]
    made = sum(part["finished"] - part["started"] for part in job["parts"])
    stages = [part["result"]["timings"] for part in job["parts"]]
    seen.between.append((whole - made) / whole)
    seen.applying.append(sum(found.get("apply", 0.0) for found in stages) / made)


def _table(timings: dict[str, Timing], sizes: GridSizes, facts: dict[str, Any]) -> Table:
    rows = tuple((name, with_spread(timing)) for name, timing in timings.items())
    between, applying = (
        f"{facts[name]:.2f} %"
        for name in ("percent between the cells", "percent of the cells for LoRAs")
    )
    videos = len(sizes.strengths) * len(sizes.seeds)
    return Table(
        f"{videos} videos on the demo model, {sizes.steps} steps each, in turn",
        ("side", "time (quartiles)"),
        (*rows, ("between the cells", between), ("LoRAs on and off, of the cells", applying)),
    )
