"""Waiting for news of jobs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.jobs.scripted_queue import SCRIPTED, task
from wan_lora_studio.jobs.news import LOOK_SECONDS, MOST_SECONDS, JobNews
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings

WAITING = 200


class CountedQueue(JobQueue):
    """A queue that knows how often it was looked at."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.looks = 0

    def revision(self) -> int:
        self.looks += 1
        return super().revision()


@pytest.fixture
def queue(settings: Settings) -> Iterator[CountedQueue]:
    """Its worker is not started, so that jobs only do what a test has them do."""
    queue = CountedQueue(settings, runner=SCRIPTED)
    yield queue
    queue.close()


def test_all_who_wait_share_the_looks_and_need_no_threads(queue: CountedQueue) -> None:
    job = queue.submit(task())

    async def wait() -> list[str]:
        news = JobNews(queue)
        waiting = [asyncio.create_task(news.job(job.id, MOST_SECONDS)) for _ in range(WAITING)]
        while queue.looks <= WAITING:  # each looks once before it waits
            await asyncio.sleep(0)
        assert threading.active_count() < WAITING / 4
        began, looks = time.monotonic(), queue.looks
        while queue.looks < looks + 3:
            await asyncio.sleep(LOOK_SECONDS / 10)
        assert queue.looks - looks <= (time.monotonic() - began) / LOOK_SECONDS + 2
        await asyncio.to_thread(queue.cancel, job.id)
        return [each.state for each in await asyncio.gather(*waiting) if each is not None]

    assert asyncio.run(wait()) == ["cancelled"] * WAITING


def test_a_job_that_has_ended_or_gone_is_not_waited_for(queue: CountedQueue) -> None:
    ended, gone = queue.submit(task()), queue.submit(task())
    queue.cancel(ended.id)

    async def wait() -> list[Any]:
        news = JobNews(queue)
        first = await news.job(ended.id, MOST_SECONDS)
        waiting = asyncio.create_task(news.job(gone.id, MOST_SECONDS))
        while queue.looks < 3:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(queue.delete, gone.id)
        return [first and first.state, await waiting, await news.job("none", MOST_SECONDS)]

    assert asyncio.run(wait()) == ["cancelled", None, None]


def test_what_changes_of_another_job_is_no_news(queue: CountedQueue) -> None:
    job = queue.submit(task())

    async def wait() -> Any:
        news = JobNews(queue)
        waiting = asyncio.create_task(news.job(job.id, 4 * LOOK_SECONDS))
        await asyncio.to_thread(queue.submit, task())
        return await waiting

    assert asyncio.run(wait()).state == "queued"


def test_who_gives_up_leaves_the_others_waiting(queue: CountedQueue) -> None:
    job = queue.submit(task())

    async def wait() -> Any:
        news = JobNews(queue)
        given_up, stays = (asyncio.create_task(news.job(job.id, MOST_SECONDS)) for _ in "ab")
        while queue.looks < 3:
            await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.to_thread(queue.cancel, job.id)
        return await stays

    assert asyncio.run(wait()).state == "cancelled"
