"""Parts of a model that are in memory only while they are used: the same video, less memory."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.machine.full_memory import FullMemory
from tests.support.machine.pretend_gpu import PretendGPU
from tests.support.machine.pretend_host import PretendHost
from tests.support.offloading import moves_make_copies
from tests.support.studio import Studio, decoded
from wan_lora_studio.errors import CancelledByUser, LoRALoadingError, ModelLoadError
from wan_lora_studio.settings import Precision, Settings
from wan_lora_studio.wan.models import Offload, Placing
from wan_lora_studio.wan.models.host_memory import ENCODER_STAYS_FROM, RESERVE
from wan_lora_studio.wan.models.loading import LoadedModel, ModelManager
from wan_lora_studio.wan.task import Progress

STEPS = 2
EXPERTS = ("transformer", "transformer_2")
ALL = ("text_encoder", *EXPERTS)
BOTH_READ = ["Reading the high-noise expert", "Reading the low-noise expert"]


def studio_in(settings: Settings, folder: Path) -> Studio:
    settings = settings.model_copy(update={"outputs_dir": folder, "data_dir": folder / "data"})
    return Studio(settings, ModelManager(settings))


def model_of(studio: Studio) -> LoadedModel:
    assert studio.models.current is not None
    return studio.models.current


def held_bytes(part: Any) -> int:
    """Memory that a part's weights take."""
    storages = (parameter.untyped_storage() for parameter in part.parameters())
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def bits_of(part: Any) -> str:
    found = hashlib.sha256()
    for name, value in sorted(part.state_dict().items()):
        found.update(
            name.encode() + value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return found.hexdigest()


def experts_alike(one: Studio, other: Studio, name: str) -> bool:
    own, theirs = (getattr(model_of(each).pipeline, name) for each in (one, other))
    return bits_of(own) == bits_of(theirs)


def readings(progress: list[Progress]) -> list[str]:
    return [each.message for each in progress if each.message.startswith("Reading")]


def test_the_encoder_goes_after_the_prompt_where_memory_is_small(
    studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = PretendHost(monkeypatch, ENCODER_STAYS_FROM)
    roomy = studio_in(studio_settings, tmp_path / "roomy")
    roomy.models.load("t2v")
    host.total -= 1
    small = studio_in(studio_settings, tmp_path / "small")
    for prompt in ("a shape", "two shapes"):
        told: list[Progress] = []
        videos = [
            decoded(studio.run(prompt=prompt, steps=STEPS, on_progress=told.append).video_path)
            for studio in (roomy, small)
        ]
        assert np.array_equal(*videos)
        assert readings(told) == ["Reading the text encoder"]
        assert held_bytes(model_of(small).pipeline.text_encoder) < 1000
        again: list[Progress] = []
        small.run(prompt=prompt, steps=STEPS, seed=2, on_progress=again.append)
        assert readings(again) == []
    assert held_bytes(model_of(roomy).pipeline.text_encoder) > 10_000
    started_again = studio_in(studio_settings, tmp_path / "small")
    started_again.run(prompt="a shape", steps=STEPS, on_progress=again.append)
    assert readings(again) == []


def test_an_encoder_that_is_gone_ends_the_run_by_its_name(
    studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    PretendHost(monkeypatch, ENCODER_STAYS_FROM - 1)
    folder = tmp_path / "model"
    shutil.copytree(studio_settings.model_folder("t2v"), folder)
    row = studio_settings.model("t2v").model_copy(update={"path": str(folder)})
    studio = studio_in(studio_settings.model_copy(update={"models": {"t2v": row}}), tmp_path)
    studio.models.load("t2v")
    (folder / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        studio.run(steps=STEPS)
    assert studio.models.current is None


SELECTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"kohya_pair": 0.8},
    {"lokr": 0.7, "accelerator": 1.0},
    {"combined": {"high": [[0.0, 1.0], [0.5, 0.2]], "low": [[0.0, 0.1], [0.5, 1.0]]}},
)


@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp8", marks=pytest.mark.slow)])
def test_one_expert_at_a_time_makes_the_same_videos(
    precision: Precision, studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = studio_settings.model("t2v").model_copy(update={"precision": precision})
    settings = studio_settings.model_copy(update={"models": {"t2v": row}})
    host = PretendHost(monkeypatch, 4 * RESERVE)
    both = studio_in(settings.model_copy(update={"lora_mode": "runtime"}), tmp_path / "both")
    both.models.load("t2v")
    host.total = RESERVE
    turns = studio_in(settings, tmp_path / "turns")
    pipeline = turns.models.load("t2v").pipeline
    told: list[Progress] = []
    held: list[list[str]] = []

    def watch(progress: Progress) -> None:
        told.append(progress)
        held.append([name for name in EXPERTS if held_bytes(getattr(pipeline, name)) > 1000])

    for selection in SELECTIONS:
        told.clear()
        one, other = (
            decoded(studio.run(selected_loras=selection, steps=STEPS, on_progress=watch).video_path)
            for studio in (both, turns)
        )
        assert np.array_equal(one, other), selection
        assert [each for each in readings(told) if "expert" in each] == BOTH_READ
        assert not any(held_bytes(getattr(pipeline, name)) > 1000 for name in EXPERTS)
    assert max(map(len, held)) == 1
    assert max(map(len, held)) == 1
    assert max(map(len, held)) == 1
    assert max(map(len, held)) == 1
    for name in EXPERTS:
        model_of(turns).on_call.call(name)
        assert experts_alike(turns, both, name)


@pytest.mark.parametrize("offload", ["model", "group"])
def test_so_it_does_where_weights_move_to_a_gpu(
    offload: str, studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    moves_make_copies(monkeypatch)
    PretendGPU(monkeypatch)
    host = PretendHost(monkeypatch, ENCODER_STAYS_FROM)
    settings = studio_settings.model_copy(update={"device": "cuda"})
    whole = studio_in(
        settings.model_copy(update={"offload": "none", "lora_mode": "runtime"}), tmp_path / "whole"
    )
    whole.models.load("t2v")
    host.total = RESERVE
    turns = studio_in(settings.model_copy(update={"offload": offload}), tmp_path / "turns")
    for selection in SELECTIONS[1:]:
        told: list[Progress] = []
        one, other = (
            decoded(
                studio.run(
                    selected_loras=selection, steps=STEPS, on_progress=told.append
                ).video_path
            )
            for studio in (whole, turns)
        )
        assert np.array_equal(one, other), selection
        assert [each for each in readings(told) if "expert" in each] == BOTH_READ
        assert model_of(turns).on_call.here == ()
    assert model_of(turns).offload == offload
    for name in EXPERTS:
        model_of(turns).on_call.call(name)
        assert experts_alike(turns, whole, name)


def test_a_model_that_moves_to_the_gpu_for_good_is_read_at_once(
    studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    PretendGPU(monkeypatch)
    PretendHost(monkeypatch, RESERVE)
    settings = studio_settings.model_copy(update={"device": "cuda", "lora_mode": "runtime"})
    studio = studio_in(settings, tmp_path)
    first = studio.run(selected_loras={"combined": 0.5}, steps=STEPS)
    model = model_of(studio)
    weights = {name: bits_of(getattr(model.pipeline, name)) for name in ALL}
    assert model.offload == "none" and not model.on_call.modules
    ways: tuple[Offload, ...] = ("group", "encoder", "model", "group", "none")
    for way in ways:
        assert studio.models.place(model, Placing(way))
        passing = {"none": (), "encoder": ALL[:1]}.get(way, ALL)
        assert tuple(model.on_call.modules) == passing
    again = studio.run(selected_loras={"combined": 0.5}, steps=STEPS)
    assert np.array_equal(decoded(first.video_path), decoded(again.video_path))
    assert {name: bits_of(getattr(model.pipeline, name)) for name in ALL} == weights


@pytest.fixture
def turns(studio_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Studio:
    """A copy of the model, on a computer where its experts are in memory in turn."""
    PretendHost(monkeypatch, RESERVE)
    folder = tmp_path / "model"
    shutil.copytree(studio_settings.model_folder("t2v"), folder)
    row = studio_settings.model("t2v").model_copy(update={"path": str(folder)})
    return studio_in(studio_settings.model_copy(update={"models": {"t2v": row}}), tmp_path)


def test_an_expert_that_is_gone_at_its_turn_ends_the_run_by_its_name(turns: Studio) -> None:
    folder = turns.settings.model_folder("t2v")

    def lose(progress: Progress) -> None:
        if progress.message == BOTH_READ[1]:
            (folder / "transformer_2" / "diffusion_pytorch_model.safetensors").unlink()

    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        turns.run(selected_loras={"accelerator": 1.0}, steps=STEPS, on_progress=lose)
    assert turns.models.current is None
    assert not [path for path in turns.files() if path.suffix == ".mp4"]


def test_a_cancel_while_an_expert_would_be_read_stops_the_run(turns: Studio) -> None:
    fields: dict[str, Any] = {"selected_loras": {"accelerator": 1.0}, "steps": STEPS}
    clean = turns.run(**fields)
    told: list[Progress] = []

    def cancelled() -> bool:
        return any(each.step == 1 for each in told)

    with pytest.raises(CancelledByUser):
        turns.run(on_progress=told.append, cancel=cancelled, **fields)
    assert readings(told) == BOTH_READ[:1] and model_of(turns).on_call.here == ()
    again = turns.run(**fields)
    assert np.array_equal(decoded(clean.video_path), decoded(again.video_path))


def test_memory_that_runs_out_while_an_expert_is_read_costs_another_try(turns: Studio) -> None:
    fields: dict[str, Any] = {"selected_loras": {"accelerator": 1.0, "lokr": 0.5}, "steps": STEPS}
    clean = turns.run(**fields)
    with FullMemory("sample", step=1) as memory:
        result = turns.run(on_progress=memory.watch, **fields)
    assert memory.failures == 1
    assert [measure["action"] for measure in result.recoveries] == ["free_caches"]
    assert np.array_equal(decoded(clean.video_path), decoded(result.video_path))


def test_nothing_is_merged_into_what_does_not_stay(turns: Studio) -> None:
    pipeline = turns.models.load("t2v").pipeline
    with turns.loras.applied(pipeline, {"lokr": 1.0}) as stack:
        assert (stack.mode, stack.loras["lokr"]["mode"]) == ("runtime", "runtime")
        assert stack.mode_reason == "only one expert's weights are in memory at a time"
    with (
        pytest.raises(LoRALoadingError, match="one at a time"),
        turns.loras.applied(pipeline, {"lokr": 1.0}, "merge"),
    ):
        pass
