"""A model whose parts wait on the host: when it comes to that, and when it is over again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

import wan_lora_studio.wan.generation.video_file
from tests.support.machine.full_memory import FullMemory
from tests.support.machine.pretend_gpu import GB, PretendGPU
from tests.support.studio import Studio
from wan_lora_studio.errors import VRAMError
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.models.loading import LoadedModel, ModelManager
from wan_lora_studio.wan.task import Progress

pytestmark = pytest.mark.slow  # it makes many videos


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> PretendGPU:
    return PretendGPU(monkeypatch)


@pytest.fixture
def on_gpu(studio_settings: Settings, gpu: PretendGPU, tmp_path: Path) -> Studio:
    settings = studio_settings.model_copy(
        update={"device": "cuda", "offload": "auto", "outputs_dir": tmp_path / "outputs"}
    )
    return Studio(settings, ModelManager(settings))


STEPS = 2


def model_of(studio: Studio) -> LoadedModel:
    assert studio.models.current is not None
    return studio.models.current


def short_of_memory(studio: Studio) -> None:
    """A run that had to offload the model."""
    with FullMemory("sample", times=2) as memory:
        result = studio.run(steps=STEPS, on_progress=memory.watch)
    assert [measure["action"] for measure in result.recoveries] == ["free_caches", "offload"]
    assert model_of(studio).offload == "model"


def test_a_model_that_others_leave_no_room_for_is_loaded_to_the_host(
    on_gpu: Studio, gpu: PretendGPU
) -> None:
    gpu.refusals = 2
    result = on_gpu.run(steps=STEPS)
    assert [(each["action"], each["stage"]) for each in result.recoveries] == [
        ("free_caches", "load"),
        ("offload", "load"),
    ]
    assert model_of(on_gpu).offload == "model" and Path(result.video_path).exists()


def test_the_next_model_is_placed_by_the_rule_again(on_gpu: Studio, gpu: PretendGPU) -> None:
    gpu.refusals = 2
    on_gpu.run(steps=STEPS)
    on_gpu.run(model_type="ti2v", steps=STEPS)
    assert model_of(on_gpu).offload == "none"


def test_it_is_not_done_against_the_settings(on_gpu: Studio, gpu: PretendGPU) -> None:
    settings = on_gpu.settings.model_copy(update={"offload": "none"})
    own = Studio(settings, ModelManager(settings))
    gpu.refusals = 3
    with pytest.raises(VRAMError) as caught:
        own.run(steps=STEPS)
    assert gpu.refusals == 1 and "offload" not in gpu.moved
    assert [measure["action"] for measure in caught.value.context["recoveries"]] == ["free_caches"]


def test_the_host_is_not_filled_up_when_the_encoder_lacks_its_memory(
    on_gpu: Studio, gpu: PretendGPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(wan_lora_studio.wan.generation.video_file.av, "open", full)
    with pytest.raises(VRAMError) as caught:
        on_gpu.run(steps=STEPS)
    assert caught.value.context["stage"] == "write" and "offload" not in gpu.moved
    monkeypatch.setattr(wan_lora_studio.wan.generation.video_file.av, "open", av.open)
    assert model_of(on_gpu).offload == "none"


def test_a_later_run_has_the_model_on_the_gpu_again(on_gpu: Studio) -> None:
    short_of_memory(on_gpu)
    result = on_gpu.run(steps=STEPS)
    assert result.recoveries == [] and model_of(on_gpu).offload == "none"
    short_of_memory(on_gpu)


def test_a_later_run_says_that_it_is_slower_where_there_is_no_room(
    on_gpu: Studio, gpu: PretendGPU
) -> None:
    short_of_memory(on_gpu)
    gpu.refusals = 1
    result = on_gpu.run(steps=STEPS)
    (told,) = [each["detail"] for each in result.recoveries if each["action"] == "offload"]
    assert "earlier run" in told and "slower" in told and told in result.warnings
    assert Path(result.video_path).exists() and model_of(on_gpu).offload == "model"


def test_a_run_that_finds_less_room_has_more_of_the_model_wait(
    on_gpu: Studio, gpu: PretendGPU
) -> None:
    on_gpu.run(steps=STEPS)
    gpu.free, gpu.moved = GB // 50, []
    seen: list[Progress] = []
    result = on_gpu.run(steps=STEPS, on_progress=seen.append)
    model = model_of(on_gpu)
    assert model.offload == "group" and not model.makeshift and "cuda" not in gpu.moved
    assert model.placing.reason in seen[-1].notes and "0.0 GB are free" in model.placing.reason
    told = read_metadata(Path(result.video_path))["environment"]
    assert (told["offload"], told["offload_reason"]) == ("group", model.placing.reason)
    gpu.free = gpu.total
    on_gpu.run(steps=STEPS)
    assert model_of(on_gpu).offload == "none" and "whole model" in model.placing.reason


def test_a_model_that_is_too_large_stays_where_the_rule_puts_it(
    on_gpu: Studio, gpu: PretendGPU
) -> None:
    gpu.free = GB // 50
    for _ in range(2):
        result = on_gpu.run(steps=STEPS)
        assert not any(each["action"] == "offload" for each in result.recoveries)
    assert model_of(on_gpu).offload == "group" and "cuda" not in gpu.moved


def test_what_is_advised_in_the_end_counts_the_offload_that_was_tried(on_gpu: Studio) -> None:
    with FullMemory("sample", times=9) as memory, pytest.raises(VRAMError) as caught:
        on_gpu.run(steps=STEPS, on_progress=memory.watch)
    assert "offload" in [each["action"] for each in caught.value.context["recoveries"]]
    assert not any("offload" in words for words in caught.value.suggestions)
