"""Measured times: how long a video of each model took on this machine, by the queue's own jobs."""

from __future__ import annotations

from collections.abc import Iterator

from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.texts import say
from wan_lora_studio.units import in_time

LOOKED_AT = 500  # of the newest jobs


class MeasuredTimes:
    """Looked up anew only when the list of jobs has changed."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._of = -1  # the revision that `_words` is of
        self._words: dict[str, str] = {}

    def of(self, model_type: str) -> str:
        """Of the newest video of a model, in words; empty where none was made."""
        revision = self._queue.revision()
        if revision != self._of:
            # The newest come first, and win.
            found = [pair for job in self._queue.jobs(LOOKED_AT) for pair in _measured(job)]
            self._words, self._of = dict(reversed(found)), revision
        return self._words.get(model_type, "")


def _measured(job: Job) -> Iterator[tuple[str, str]]:
    timings = (job.result or {}).get("timings")
    if job.state != "done" or job.parts or not timings:
        return
    task = job.task
    seconds = sum(taken for stage, taken in timings.items() if stage != "load")
    clip = (task.num_frames or 0) / (task.fps or 1)
    size = {"width": task.width, "height": task.height}
    words = say("ui.http.measured", time=in_time(seconds), clip=f"{clip:.1f}", **size)
    yield task.model_type, words
