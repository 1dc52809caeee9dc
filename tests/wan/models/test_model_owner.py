"""One run at a time on one model: threads that generate, apply and load at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.studio import Studio, decoded
from wan_lora_studio.errors import CancelledByUser, InUseError
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationResult, Progress

STEPS = 2
RUNS = ({"combined": 1.0}, {}, {"lokr": [[0.0, 1.0], [0.5, 0.2]]}, {"accelerator": 0.5})


class Running:
    """A run in a thread of its own, held after its first step until `go_on`."""

    def __init__(self, studio: Studio, pool: ThreadPoolExecutor) -> None:
        self._sampling, self._free = threading.Event(), threading.Event()
        self.result = pool.submit(studio.run, steps=STEPS, on_progress=self._watch)
        assert self._sampling.wait(120)

    def _watch(self, progress: Progress) -> None:
        if progress.stage == "sample" and progress.step:
            self._sampling.set()
            assert self._free.wait(120)

    def go_on(self) -> GenerationResult:
        self._free.set()
        return self.result.result()


@pytest.mark.slow
def test_threads_that_generate_at_once_take_turns(studio: Studio) -> None:
    """With a library each; every video is as if made alone, and the weights come back."""
    alone = [decoded(studio.run(selected_loras=loras, steps=STEPS).video_path) for loras in RUNS]
    before = studio.weights()

    def run(number: int) -> bool:
        own = Studio(studio.settings, studio.models) if number % 2 else studio
        result = own.run(selected_loras=RUNS[number], steps=STEPS)
        return np.array_equal(decoded(result.video_path), alone[number])

    with ThreadPoolExecutor(len(RUNS)) as pool:
        assert all(pool.map(run, range(len(RUNS))))
    studio.assert_weights(before)
    assert np.array_equal(decoded(studio.run(steps=STEPS).video_path), alone[1])


def test_a_run_waits_as_long_as_asked_and_can_be_cancelled(studio: Studio) -> None:
    with ThreadPoolExecutor() as pool:
        running = Running(studio, pool)
        try:
            for wait in (False, 0.01):
                with pytest.raises(InUseError, match="a video is being made"):
                    studio.run(steps=STEPS, wait=wait)
            with pytest.raises(CancelledByUser):
                studio.run(steps=STEPS, cancel=lambda: True)
            pipeline = studio.models.load("t2v").pipeline
            with (
                pytest.raises(InUseError),
                LoRAManager(studio.settings).applied(pipeline, {"lokr": 1.0}, wait=False),
            ):
                pytest.fail("two owners at once")
        finally:
            running.go_on()
    studio.run(steps=STEPS, wait=False)


def test_a_run_within_applied_is_refused_and_changes_nothing(studio: Studio) -> None:
    pipeline = studio.models.load("t2v").pipeline
    with studio.loras.applied(pipeline, {"combined": 1.0}):
        applied = studio.weights()
        for loras in ({}, {"lokr": 1.0}):
            with pytest.raises(InUseError, match="by this thread itself"):
                studio.run(selected_loras=loras)
        studio.assert_weights(applied)
    assert studio.files() == []


def test_a_run_within_a_run_is_refused(studio: Studio) -> None:
    def watch(progress: Progress) -> None:
        if progress.stage == "sample" and progress.step == 1:
            studio.run(steps=STEPS)

    with pytest.raises(InUseError, match="by this thread itself"):
        studio.run(steps=STEPS, on_progress=watch)
    studio.run(steps=STEPS)


def test_another_model_is_loaded_when_the_run_is_over(studio: Studio) -> None:
    with ThreadPoolExecutor() as pool:
        running = Running(studio, pool)
        model = studio.models.current
        loading = pool.submit(studio.models.load, "ti2v")
        assert studio.models.load("t2v") is model
        assert not loading.done()
        running.go_on()
        assert loading.result().model_type == "ti2v"
    assert studio.models.loaded == "ti2v"
