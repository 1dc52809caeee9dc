"""Stage times: what each stage of a run took on this machine, and what it will take."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from wan_lora_studio.jobs.job import Job
from wan_lora_studio.wan.task import GenerationTask

STAGES = ("load", "apply", "text", "sample", "decode", "write")
KEPT_RUNS = 5


@dataclass(frozen=True)
class FinishedRun:
    """Seconds by stage of a run that made its video."""

    task: GenerationTask
    seconds: Mapping[str, float]


class StageTimes:
    """Learns from finished runs, the newest count. Used by one thread."""

    def __init__(self, past: Callable[[], Iterable[Job]] = tuple) -> None:
        """`past` gives finished jobs, the newest first; it is asked once, when first needed."""
        self._past = past
        self._asked = False
        self._loads: dict[str, float] = {}
        self._runs: dict[str, deque[FinishedRun]] = defaultdict(lambda: deque(maxlen=KEPT_RUNS))

    def note_load(self, model_type: str, seconds: float) -> None:
        """So long it took to load a model that was not in memory."""
        self._loads[model_type] = seconds

    def note(self, task: GenerationTask, seconds: Mapping[str, float]) -> None:
        """A run is done."""
        self._read_past()
        self._runs[task.model_type].append(FinishedRun(task, seconds))

    def expected(self, task: GenerationTask, *, loaded: bool) -> dict[str, float]:
        """Seconds by stage; empty if this model has made no video here yet."""
        self._read_past()
        runs = self._runs[task.model_type]
        if not runs:
            return {}
        loads = [run.seconds.get("load", 0.0) for run in runs]
        cold = self._loads.get(task.model_type, max(loads))
        found = {"load": 0.0 if loaded else cold}
        for stage in STAGES[1:]:
            rates = [
                run.seconds[stage] / amount
                for run in runs
                if stage in run.seconds and (amount := _amount(stage, run.task))
            ]
            found[stage] = statistics.median(rates) * _amount(stage, task) if rates else 0.0
        return found

    def _read_past(self) -> None:
        if self._asked:
            return
        self._asked = True
        done = itertools.chain.from_iterable(_runs_of(job) for job in self._past())
        for run in reversed(list(done)):
            self._runs[run.task.model_type].append(run)


def work(task: GenerationTask) -> float:
    """How much sampling is, in pixels of all frames and passes of the model."""
    return _pixels(task) * (task.steps or 1) * _passes(task)


def _passes(task: GenerationTask) -> float:
    """Of the model for one step: with guidance it is asked twice. Each of two experts makes about
    half of the steps."""
    high, low = task.guidance_scale, task.guidance_scale_2
    known = [high] if low is None else [high, low]
    return statistics.mean(2 if (guidance or 1.0) > 1.0 else 1 for guidance in known)


def _amount(stage: str, task: GenerationTask) -> float:
    """What the time of a stage grows with."""
    if stage == "apply":
        return float(len(task.selected_loras))
    if stage == "text":
        return 1.0
    return work(task) if stage == "sample" else _pixels(task)


def _pixels(task: GenerationTask) -> float:
    found = 1.0
    for size in (task.width, task.height, task.num_frames):
        found *= size or 1
    return found


def _runs_of(job: Job) -> Iterable[FinishedRun]:
    """The newest first."""
    parts = [(part.task, part.result) for part in reversed(job.parts)]
    for task, result in parts or [(job.task, job.result)]:
        timings = (result or {}).get("timings")
        if isinstance(timings, dict):
            yield FinishedRun(task, timings)
