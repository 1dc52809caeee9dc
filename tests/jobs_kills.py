"""Kill the worker and the app at random moments, and count what is lost, doubled or broken.

`python -m tests.jobs_kills --kills 100` prints a line for each kill and the sums at the end. Real
processes, the real worker, a small random model; every second kill is the app's. Jobs that were
interrupted are run again, as a person would, and at the end every job has exactly one video.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import av
import psutil
from tiny_models import save_tiny_model, table_row

from backend.jobs.job import Part
from backend.jobs.queue import JobQueue
from backend.settings import Settings, load_settings
from backend.wan.task import GenerationTask

ROOT = Path(__file__).resolve().parent.parent
FRAMES = 5
OPEN_JOBS = 3  # that many are waiting or running whenever something is killed
LONGEST_SECONDS = 6.0
PATIENCE_SECONDS = 600.0
APP = """
import sys, time
from backend.jobs.queue import JobQueue
from backend.settings import load_settings
if __name__ == "__main__":
    JobQueue(load_settings(sys.argv[1])).start()
    print("ready", flush=True)
    time.sleep(1e6)
"""


@dataclass
class Outcome:
    """What a series of kills came to. All but `kills`, `jobs` and `videos` should be empty."""

    kills: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    videos: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    @property
    def harm(self) -> int:
        return len(self.lost) + len(self.doubled) + len(self.broken) + len(self.left_over)


class Site:
    """A data folder, the app that works on it, and a queue of our own to look at it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random = folder, random.Random(seed)
        model = table_row("t2v", save_tiny_model(folder / "models" / "tiny"))
        values = {
            **{f"{name}_dir": str(folder / name) for name in ("loras", "outputs", "data")},
            "models": {"tiny": model},
            "default_model": "tiny",
            "device": "cpu",
        }
        (folder / "config.json").write_text(json.dumps(values))
        (folder / "killed_app.py").write_text(APP)
        self._settings: Settings = load_settings(folder / "config.json")
        self.queue = JobQueue(self._settings)
        self.asked: set[str] = set()  # ids of all tasks, of jobs and parts
        self._app = self._start()

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        script = self._folder / "killed_app.py"
        with (self._folder / "log.txt").open("a") as log:
            app = subprocess.Popen(
                [sys.executable, script, self._folder / "config.json"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n", (self._folder / "log.txt").read_text()
        return app

    def submit_some(self) -> None:
        """Keep a few jobs waiting, every third of them a batch."""
        while len(self.queue.status()["queue"]) + len(self.queue.status()["running"]) < OPEN_JOBS:
            parts = [Part(f"seed {seed}", {"seed": seed}) for seed in (1, 2)]
            task = GenerationTask(
                model_type="tiny", prompt="a fox", steps=self._random.choice((2, 20, 60))
            )
            job = self.queue.submit(task, parts=parts if self._random.random() < 1 / 3 else ())
            self.asked |= {part.id for part in job.parts} or {job.id}

    def kill(self, what: str) -> str:
        """Kill the app's worker or the app, after a random while; says in which stage that was."""
        time.sleep(self._random.uniform(0.0, LONGEST_SECONDS))
        running = self.queue.status()["running"]
        stage = running[0]["progress"]["stage"] if running else "idle"
        if what == "app":
            self._app.send_signal(signal.SIGKILL)
            self._close_app()
            self._app = self._start()
        else:
            for child in psutil.Process(self._app.pid).children():
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
        return str(stage)

    def run_again(self) -> None:
        for job in self.queue.jobs(500):
            if job.state == "interrupted":
                self.queue.retry(job.id)

    def finish(self) -> None:
        """Run everything to its end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(job.state != "done" for job in self.queue.jobs(5000)):
            assert time.monotonic() < deadline, "the queue does not come to its end"
            self.run_again()
            time.sleep(0.5)

    def broken_videos(self) -> list[str]:
        """Files that a person sees and that are not whole videos."""
        return [path.name for path in self._settings.outputs_dir.glob("*.mp4") if not whole(path)]

    def count(self, outcome: Outcome) -> None:
        outputs = self._settings.outputs_dir
        made = Counter(
            json.loads(path.read_text())["task"]["id"] for path in outputs.glob("*.json")
        )
        results = {
            (unit.result or {}).get("task", {}).get("id")
            for job in self.queue.jobs(5000)
            for unit in (job.parts or (job,))
        }
        videos = {path.stem for path in outputs.glob("*.mp4")}
        outcome.jobs, outcome.videos = len(self.asked), len(videos)
        outcome.lost += sorted((self.asked - set(made)) | (self.asked - results))
        outcome.doubled += sorted(task for task, count in made.items() if count > 1)
        outcome.left_over += [path.name for path in outputs.glob(".*")]
        outcome.left_over += [p.name for p in outputs.glob("*.json") if p.stem not in videos]

    def close(self) -> None:
        self._app.kill()
        self._close_app()
        self.queue.close()

    def _close_app(self) -> None:
        self._app.wait()
        assert self._app.stdout is not None
        self._app.stdout.close()


def whole(path: Path) -> bool:
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0)) == FRAMES
    except (OSError, av.FFmpegError):
        return False


def run(kills: int, seed: int, folder: Path) -> Outcome:
    site, outcome = Site(folder, seed), Outcome()
    try:
        for number in range(kills):
            site.submit_some()
            what = ("worker", "app")[number % 2]
            stage = site.kill(what)
            outcome.kills[f"{what} in {stage}"] += 1
            outcome.broken += site.broken_videos()
            site.run_again()
            print(f"{number + 1}/{kills} {what} in {stage}", flush=True)
        site.finish()
        outcome.broken += site.broken_videos()
        site.count(outcome)
    finally:
        site.close()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(arguments.kills, arguments.seed, Path(folder))
    print(outcome)
    return 1 if outcome.harm else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    sys.exit(main())
