"""What queue, worker, progress and previews cost over a bare diffusers script for one video."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks.fresh_run import decoded
from benchmarks.harness import Contestant, Timing, interleave
from benchmarks.live_app import ROOT, LiveApp, environment, live_app
from benchmarks.report import PartResult, Table, Target, duration, with_spread
from wan_lora_studio.settings import load_settings

OVERHEAD_LIMIT = 3.0  # percent
FIRST_STEP_LIMIT = 0.3  # seconds
JOB_SECONDS = 900.0
PAGE_INTERVAL = 0.5  # seconds between two looks of an open page
LAST_INTERVAL = 0.01  # towards the end, so that the end is seen when it comes
TRIAL_STEPS = 4
MOST_STEPS = 1000  # that a task may have


@dataclass(frozen=True)
class JobsSizes:
    """`seconds` that a run should take; `rounds` of both; `starts` of which the begin is timed."""

    seconds: float
    rounds: int
    starts: int
    folder: Path | None = None


def jobs_sizes(*, quick: bool, folder: Path | None = None) -> JobsSizes:
    """`quick` takes every step and means nothing."""
    return JobsSizes(0.0, 1, 2, folder) if quick else JobsSizes(20.0, 7, 15, folder)


class Script:
    """The bare script's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._write: IO[str] = process.stdin
        self._read: IO[str] = process.stdout

    def make(self, video: dict[str, Any]) -> Path:
        self._write.write(json.dumps(video) + "\n")
        self._write.flush()
        return Path(self.answer())

    def answer(self) -> str:
        line = self._read.readline().strip()
        if not line:
            raise RuntimeError("the bare script ended")
        return line


def measure_overhead(sizes: JobsSizes) -> PartResult:
    with (
        tempfile.TemporaryDirectory(dir=sizes.folder) as name,
        _script(Path(name)) as script,
        live_app(Path(name)) as app,
    ):
        app.wait_until_ready()
        steps = _steps(script, sizes.seconds)
        video, made = _video(steps), dict[str, Path]()

        def bare() -> None:
            made["bare"] = script.make(video)

        def ours() -> None:
            made["app"] = _run(app, video)

        timings = interleave([Contestant("bare", bare), Contestant("app", ours)], sizes.rounds)
        same = np.array_equal(decoded(made["bare"]), decoded(made["app"]))
    overhead = 100 * (timings["bare"].ratio_to(timings["app"]) - 1)
    targets = [
        Target("the app's overhead over a bare script", overhead, "at most", OVERHEAD_LIMIT, "%"),
        Target("videos with other frames", int(not same), "at most", 0),
    ]
    facts = {"steps": steps, "same frames": same}
    return PartResult("overhead", [_table(timings, steps, overhead)], targets, timings, facts)


def measure_first_step(sizes: JobsSizes) -> PartResult:
    with tempfile.TemporaryDirectory(dir=sizes.folder) as name, live_app(Path(name)) as app:
        app.wait_until_ready()
        _run(app, _video(TRIAL_STEPS))
        starts = [_start(app) for _ in range(sizes.starts)]
    begun = Timing("the first step begins", tuple(start[0] for start in starts))
    done = Timing("the first step is done", tuple(start[1] for start in starts))
    rows = tuple(
        (each.name, with_spread(each), duration(max(each.seconds))) for each in (begun, done)
    )
    table = Table("From submit, with a warm worker", ("until", "median (quartiles)", "worst"), rows)
    target = Target("submit to first step", begun.median, "at most", FIRST_STEP_LIMIT, "s")
    return PartResult("first step", [table], [target], {each.name: each for each in (begun, done)})


@contextmanager
def _script(folder: Path) -> Iterator[Script]:
    outputs = folder / "bare"
    outputs.mkdir()
    model = ROOT / "models" / "demo"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_script", str(model), str(outputs)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        script = Script(process)
        script.answer()  # it is ready
        yield script
        assert process.stdin is not None
        process.stdin.close()


def _video(steps: int) -> dict[str, Any]:
    """The demo model's own size and settings, in the pipeline's words."""
    row = load_settings().model("demo")
    return {
        "prompt": row.examples[0],
        "negative_prompt": row.negative_prompt,
        "width": row.width,
        "height": row.height,
        "num_frames": row.num_frames,
        "num_inference_steps": steps,
        "guidance_scale": row.guidance_scale,
        "guidance_scale_2": row.guidance_scale_2,
        "seed": 7,
        "fps": row.fps,
    }


def _steps(script: Script, seconds: float) -> int:
    """With how many steps the bare script takes so long; few for no time at all."""
    if seconds == 0:
        return TRIAL_STEPS
    trials, taken = (TRIAL_STEPS, TRIAL_STEPS, 4 * TRIAL_STEPS), []
    for steps in trials:  # the first one is slower, as every first run
        started = time.perf_counter()
        script.make(_video(steps))
        taken.append(time.perf_counter() - started)
    each = max(taken[2] - taken[1], 0.001) / (trials[2] - trials[1])
    return min(MOST_STEPS, TRIAL_STEPS + max(0, round((seconds - taken[1]) / each)))


def _task(video: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in video.items() if key != "num_inference_steps"}
    return {**fields, "model_type": "demo", "steps": video["num_inference_steps"]}


def _run(app: LiveApp, video: dict[str, Any]) -> Path:
    """One job, with an open page looking on; until its video is there."""
    job_id, steps = app.submit(_task(video)), video["num_inference_steps"]
    end = time.monotonic() + JOB_SECONDS
    while time.monotonic() < end:
        job = app.get("api/status")["job"]
        if job["id"] == job_id and job["state"] == "done":
            return Path(job["result"]["video_path"])
        progress = job["progress"]
        last = progress["stage"] in ("decode", "write") or progress["step"] >= steps - 1
        time.sleep(LAST_INTERVAL if last else PAGE_INTERVAL)
    raise TimeoutError(f"job {job_id} did not end")


def _start(app: LiveApp) -> tuple[float, float]:
    """Seconds from submit until the first step begins, and until it is done."""
    started, begun = time.perf_counter(), 0.0
    job_id = app.submit(_task(_video(TRIAL_STEPS)))
    while True:
        job = app.get("api/status")["job"]
        progress: dict[str, Any] = {"stage": "", "step": 0}
        if job["id"] == job_id:
            progress = job["progress"]
        now = time.perf_counter() - started
        if progress["stage"] == "sample" and not begun:
            begun = now
        if progress["step"] >= 1 or job["state"] == "done":
            app.wait(job_id, JOB_SECONDS)
            return begun or now, now
        time.sleep(LAST_INTERVAL)


def _table(timings: dict[str, Timing], steps: int, overhead: float) -> Table:
    rows = (
        ("bare script", with_spread(timings["bare"]), "-"),
        ("app", with_spread(timings["app"]), f"{overhead:+.2f} %"),
    )
    title = f"One video on the demo model, {steps} steps, both warm, in turn"
    return Table(title, ("side", "wall time (quartiles)", "over the script"), rows)
