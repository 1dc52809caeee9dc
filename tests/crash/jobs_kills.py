"""Kill the worker and the app at random moments, and count what is lost, doubled or broken.

`python -m tests.crash.jobs_kills --kills 100` prints a line for each kill and the sums at the end.
The whole app with its worker and the demo model; the first half of the kills are the worker's, the
second half the app's. What was interrupted is run again, as a person would, so that at the end
every job that was asked for has exactly one video.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fresh_run import same_when_fresh
from benchmarks.live_app import LiveApp
from tests.crash.jobs_kept import check_kept, shown_results, whole

PROMPT = "a red circle moving left on a navy background"
LORAS = ("pixel_mosaic", "golden_hour", "motion_trail")
SMALL = {"model_type": "demo", "width": 64, "height": 64, "num_frames": 5}
BATCH = {"parts": [{"label": f"seed {seed}", "changes": {"seed": seed}} for seed in (1, 2)]}
GRID = {"grid": {"x": {"of": "seed", "values": [1, 2]}, "y": {"of": "steps", "values": [2, 4]}}}
OPEN_JOBS = 4  # that many are waiting or running whenever something is killed
FIRST_LENGTH = 4.0  # seconds, a guess until jobs have ended
LENGTHS = 2.5  # of a job, within which it is killed: in the first run of a worker, or a later one
PATIENCE_SECONDS = 900.0
STAGES = ("load", "apply", "text", "sample", "decode", "write")


@dataclass
class Outcome:
    """What a series of kills came to. The lists should be empty."""

    kills: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    videos: int = 0
    interrupted: int = 0
    sampled: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    other_frames: list[str] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)

    @property
    def harm(self) -> int:
        bad = (self.lost, self.doubled, self.broken, self.left_over, self.other_frames)
        return sum(len(found) for found in (*bad, self.orphans))


class Site:
    """A running app with jobs in its queue, and what was asked of it."""

    def __init__(self, folder: Path, seed: int, outcome: Outcome) -> None:
        self.app, self.outcome = LiveApp(folder), outcome
        self.asked: dict[str, list[str]] = {}  # ids of jobs, and of the videos of each
        self._random = random.Random(seed)
        self._seen: set[str] = set()

    def submit_some(self) -> None:
        """Keep a few jobs waiting, every third of them a batch of two or a grid of four."""
        status = self.app.get("api/status")
        for _ in range(OPEN_JOBS - len(status["queue"]) - len(status["running"])):
            self.submit()

    def submit(self) -> str:
        chosen = self._random.sample(LORAS, self._random.randint(0, 2))
        task = {
            **SMALL,
            "prompt": PROMPT,
            "steps": self._random.choice((4, 8, 16)),
            "seed": self._random.randrange(2**32),
            "selected_loras": {name: self._random.uniform(0.2, 1.2) for name in chosen},
        }
        kind = self._random.choice((*[{}] * 4, BATCH, GRID))
        job = self.app.post("api/jobs", {"task": task, **kind})
        self.asked[job["id"]] = [part["id"] for part in job["parts"]] or [job["id"]]
        return str(job["id"])

    def kill(self, what: str) -> None:
        """Kill the app or its worker some while after a run has begun; note in which stage."""
        self._wait_until_running()
        time.sleep(self._random.uniform(0.0, LENGTHS * self._usual_length()))
        workers = self.app.workers()
        running = self.app.get("api/status")["running"]
        if what == "app":
            self.app.kill()
        for worker in workers if what == "worker" else ():
            worker.kill()
        stage = running[0]["progress"]["stage"] if running else "between jobs"
        self.outcome.kills[f"{what}: {stage}"] += 1
        _, alive = psutil.wait_procs(workers, timeout=30)
        self.outcome.orphans += [process.pid for process in alive]
        if what == "app":
            self.app.restart()
        self._wait_until_noticed([job["id"] for job in running])
        self._look()

    def finish(self) -> None:
        """Run everything to its end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(job["state"] != "done" for job in self._jobs()):
            assert time.monotonic() < deadline, "the queue does not come to its end"
            self._look()
            time.sleep(0.5)
        self._look()

    def _wait_until_running(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            running = self.app.get("api/status")["running"]
            if running and running[0]["progress"]["stage"] in STAGES:
                return
            assert time.monotonic() < deadline, "nothing runs"
            time.sleep(0.02)
            if not running:
                self._run_again()
                self.submit_some()

    def _wait_until_noticed(self, killed: list[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(job["id"] in killed for job in self.app.get("api/status")["running"]):
            assert time.monotonic() < deadline, "a killed run is still said to be running"
            time.sleep(0.02)

    def _usual_length(self) -> float:
        spans = [job["finished"] - job["started"] for job in self._jobs() if job["state"] == "done"]
        return sorted(spans)[len(spans) // 2] if spans else FIRST_LENGTH

    def _jobs(self) -> list[dict[str, Any]]:
        return list(self.app.get("api/jobs?limit=500&summary=true"))

    def _look(self) -> None:
        """Every video that is shown is whole; what was interrupted is run again."""
        shown = shown_results(self.app, self._seen)
        self.outcome.broken += [name for name in shown if not whole(self.app.outputs / name)]
        self._run_again()

    def _run_again(self) -> None:
        for job in self._jobs():
            if job["state"] == "interrupted":
                self.outcome.interrupted += 1
                self.app.post(f"api/jobs/{job['id']}/retry")


def run(kills: int, seed: int, folder: Path, *, samples: int) -> Outcome:
    outcome = Outcome()
    site = Site(folder, seed, outcome)
    try:
        for number in range(kills):
            site.submit_some()
            site.kill("worker" if number < kills / 2 else "app")
            print(f"{number + 1}/{kills} {outcome.kills}, harm {outcome.harm}", flush=True)
        site.finish()
        site.app.wait(site.submit(), PATIENCE_SECONDS)
        videos = check_kept(site, outcome)
        outcome.sampled = min(samples, len(videos))
        # The last video, the one made after all kills, is always among them.
        for video in [*random.Random(seed).sample(videos[:-1], outcome.sampled - 1), videos[-1]]:
            if not same_when_fresh(video, site.app.loras):
                outcome.other_frames.append(video.name)
    finally:
        site.app.close()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(arguments.kills, arguments.seed, Path(folder), samples=arguments.samples)
    print(outcome)
    return 1 if outcome.harm else 0


if __name__ == "__main__":
    sys.exit(main())
