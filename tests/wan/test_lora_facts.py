"""What LoRAs cost, say and do just now: measured, wherever they are applied from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.studio import Studio
from wan_lora_studio.jobs.worker.runner import GenerationRunner
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask, Progress

PAIR = {"kohya_pair": {"high": 0.5, "low": -1.0}}


def now(loras: LoRAManager, name: str) -> tuple[bool, bool, float]:
    record = loras.list_available_loras()[name]
    return record["is_loaded"], record["is_applied"], record["current_strength"]


def file_bytes(loras: LoRAManager, name: str) -> int:
    return sum(path.stat().st_size for path in loras.files(name).values())


def test_a_video_made_by_hand_says_what_its_loras_cost_and_are(studio: Studio) -> None:
    result = studio.run(selected_loras={"lokr": 1.0, **PAIR}, steps=2)
    task = result.task
    files = file_bytes(studio.loras, "lokr") + file_bytes(studio.loras, "kohya_pair")
    assert task.lora_memory_usage > files  # and the copies of the weights that they change
    assert 0 < task.lora_load_time <= result.timings["apply"]
    assert task.lora_metadata.keys() == {"lokr", "kohya_pair"}
    assert task.lora_metadata["lokr"] == studio.loras.record("lokr")["metadata"]
    told = read_metadata(Path(result.video_path))["task"]
    assert GenerationTask.from_dict(told) == task


def test_without_loras_nothing_is_said_to_cost_anything(studio: Studio) -> None:
    task = studio.run(steps=2).task
    assert (task.lora_memory_usage, task.lora_load_time, task.lora_metadata) == (0.0, 0.0, {})


def test_what_was_said_at_submission_stays_and_estimates_are_replaced(studio: Studio) -> None:
    said = {"lokr": {"description": "as it was"}}
    task = studio.run(
        selected_loras={"lokr": 1.0}, lora_metadata=said, lora_load_time=1e9, steps=2
    ).task
    assert task.lora_metadata == said and task.lora_load_time < 1e6


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_applied_says_the_same(mode: Any, studio: Studio) -> None:
    pipeline = studio.models.load("t2v").pipeline
    with studio.loras.applied(pipeline, PAIR, mode) as stack:
        assert stack.lora_load_time > 0
        assert stack.lora_memory_usage >= file_bytes(studio.loras, "kohya_pair")
        assert stack.lora_metadata.keys() == {"kohya_pair"}


def test_records_say_what_is_applied_and_how_strongly(studio: Studio) -> None:
    pipeline = studio.models.load("t2v").pipeline
    schedule = {"high": [[0.0, 0.5], [0.5, 2.0]], "low": 0.1}
    before = studio.loras.shown_version
    with studio.loras.applied(pipeline, {"lokr": schedule}) as stack:
        assert now(studio.loras, "lokr") == (True, True, 0.5)
        assert now(studio.loras, "combined") == (False, False, 0.0)
        assert studio.loras.shown_version != before
        stack.at_fraction(0.6)
        assert now(studio.loras, "lokr") == (True, True, 2.0)
        stack.change(studio.loras.stack_items({"combined": -1.0}))
        assert now(studio.loras, "lokr") == (False, False, 0.0)
        assert now(studio.loras, "combined") == (True, True, -1.0)
    assert now(studio.loras, "combined") == (False, False, 0.0)


def test_records_say_it_during_a_run_and_its_views_too(studio: Studio) -> None:
    seen: dict[str, tuple[bool, bool, float]] = {}

    def watch(progress: Progress) -> None:
        seen[progress.stage] = now(studio.loras, "lokr")

    studio.run(selected_loras={"lokr": 0.7}, steps=2, on_progress=watch)
    assert seen["load"] == seen["decode"] == (False, False, 0.0)
    assert seen["sample"] == (True, True, 0.7)
    pipeline = studio.models.load("t2v").pipeline
    with studio.loras.with_pins({}).applied(pipeline, {"lokr": 0.7}):
        assert now(studio.loras, "lokr") == (True, True, 0.7)


def test_what_was_preloaded_is_not_read_again(studio: Studio) -> None:
    loras = LoRAManager(studio.settings)
    loras.preload(["lokr", "kohya_pair", "no such LoRA"])
    assert loras.adapter_cache.reads == 3
    with loras.applied(studio.models.load("t2v").pipeline, {"lokr": 1.0, **PAIR}):
        assert loras.adapter_cache.reads == 3


def test_what_does_not_fit_into_the_cache_is_not_preloaded(studio: Studio) -> None:
    loras = LoRAManager(studio.settings.model_copy(update={"lora_cache_mb": 0}))
    loras.preload(["lokr"])
    assert loras.adapter_cache.reads == 0


def test_the_workers_runner_preloads(studio: Studio) -> None:
    runner = GenerationRunner(studio.settings)
    runner.preload(("lokr",))
    assert runner._loras.adapter_cache.reads == 1
    task = GenerationTask(model_type="t2v", prompt="a shape", steps=1, selected_loras={"lokr": 1.0})
    result = runner.run(task, lambda _: None, lambda: False, {})
    assert result.task.lora_metadata.keys() == {"lokr"}
    assert runner._loras.adapter_cache.reads == 1
