"""News of jobs: waiting for a change, with one look at the queue for all who wait."""

from __future__ import annotations

import asyncio
import time

from wan_lora_studio.jobs.job import FINISHED_STATES, Job
from wan_lora_studio.jobs.queue import JobQueue

MOST_SECONDS = 60.0
LOOK_SECONDS = 0.25


class JobNews:
    """Waits in one event loop. Nobody who waits has a thread."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._looking: asyncio.Task[int] | None = None

    async def job(self, job_id: str, seconds: float = 0.0) -> Job | None:
        """The job, or None if there is none. One that waits or runs is given once its state is
        another, or after `seconds`, which are at most `MOST_SECONDS`."""
        end = time.monotonic() + min(seconds, MOST_SECONDS)
        seen = await asyncio.to_thread(self._queue.revision)
        first = job = await self._get(job_id)
        while time.monotonic() < end and not _is_news(first, job):
            newest = await self._next_look()
            if newest != seen:
                seen, job = newest, await self._get(job_id)
        # Progress is no change of the queue.
        return job if _is_news(first, job) else await self._get(job_id)

    async def _get(self, job_id: str) -> Job | None:
        return await asyncio.to_thread(self._queue.get, job_id)

    async def _next_look(self) -> int:
        """The queue's revision a moment later."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        # Whoever gives up waiting leaves the look to the others.
        return await asyncio.shield(self._looking)

    async def _look(self) -> int:
        await asyncio.sleep(LOOK_SECONDS)
        return await asyncio.to_thread(self._queue.revision)


def _is_news(first: Job | None, job: Job | None) -> bool:
    """Whether there is nothing, or nothing more, to wait for."""
    if first is None or job is None:
        return True
    return job.state != first.state or job.state in FINISHED_STATES
