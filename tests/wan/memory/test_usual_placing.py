"""Where a model is to wait that is loaded before anybody asked for a video."""

from __future__ import annotations

import pytest

from tests.support.machine.pretend_gpu import GB, PretendGPU
from tests.support.studio import Studio
from wan_lora_studio.jobs.worker.runner import GenerationRunner
from wan_lora_studio.wan.memory import usual_placing

KINDS = ("t2v", "i2v", "ti2v")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_placed_without_a_prompt_or_a_picture(kind: str, studio: Studio) -> None:
    found = usual_placing(kind, studio.models, studio.loras)
    assert found is not None and found.offload == "none"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_loaded_by_the_worker_at_its_start(kind: str, studio: Studio) -> None:
    runner = GenerationRunner(studio.settings)
    runner.load(kind)
    assert runner.status()["model"] == kind


def test_on_a_card_the_reason_is_known_before_the_first_run(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    PretendGPU(monkeypatch, 8 * GB)
    settings = studio.settings.model_copy(update={"device": "cuda"})
    runner = GenerationRunner(settings)
    runner.load("i2v")
    assert runner.status()["offload"] == "none"
