"""How much may wait, and how long what is written may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.jobs.scripted_queue import SCRIPTED
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.task import MOST_LORAS, MOST_PROMPT, GenerationTask


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return JobQueue(load_settings(max_waiting=10, **folders), runner=SCRIPTED)  # never started


def task(**fields: object) -> GenerationTask:
    return GenerationTask.from_dict({"model_type": "demo", "prompt": "a circle", **fields})


def parts(count: int) -> list[Part]:
    return [Part(str(number), {"seed": number}) for number in range(count)]


def test_no_more_videos_wait_than_may(queue: JobQueue) -> None:
    queue.submit(task(), parts=parts(7))
    queue.submit(task())
    with pytest.raises(GenerationError, match="11 videos") as told:
        queue.submit(task(), parts=parts(3))
    assert told.value.suggestions
    kept = queue.submit(task(), parts=parts(2))
    for more in (lambda: queue.submit(task()), lambda: queue.duplicate(kept.id)):
        with pytest.raises(GenerationError, match="10 are the most"):
            more()
    queue.cancel(kept.id)
    queue.submit(task())


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_text_has_its_length(queue: JobQueue, field: str) -> None:
    queue.submit(task(**{field: "a" * MOST_PROMPT}))
    with pytest.raises(GenerationError, match=str(MOST_PROMPT)) as told:
        queue.submit(task(**{field: "a" * (MOST_PROMPT + 1)}))
    assert field in told.value.context["fields"]
    assert len(str(told.value)) < 1000, "what was sent is not sent back"


def test_a_selection_has_its_size(queue: JobQueue) -> None:
    many = {f"lora {number}": 1.0 for number in range(MOST_LORAS + 1)}
    with pytest.raises(GenerationError):
        queue.submit(task(selected_loras=many))
