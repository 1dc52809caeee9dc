"""Runs that fail on the way: what is tried, what is said, and that nothing stays behind."""

from __future__ import annotations

import gc
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

import wan_lora_studio.wan.generation.video_file
from tests.support.loras.weights import Made
from tests.support.machine.full_memory import FullMemory
from tests.support.studio import Studio, decoded
from wan_lora_studio.errors import GenerationError, LoRAError, LoRAFileError, VRAMError
from wan_lora_studio.jobs.worker.runner import GenerationRunner
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask, Progress

STAGES = ("load", "apply", "text", "sample", "decode")


def held_bytes() -> int:
    """Of all tensors that are alive."""
    gc.collect()
    storages = {
        item.untyped_storage().data_ptr(): item.untyped_storage().nbytes()
        for item in gc.get_objects()
        if type(item) in (torch.Tensor, torch.nn.Parameter) and not item.is_meta
    }
    return sum(storages.values())


@contextmanager
def damaged(parameter: torch.Tensor, value: float) -> Iterator[None]:
    """A weight of the model that makes the result unusable."""
    kept = parameter.detach().clone()
    with torch.no_grad():
        parameter.fill_(value)
    try:
        yield
    finally:
        with torch.no_grad():
            parameter.copy_(kept)


def with_policy(studio: Studio, **settings: Any) -> Studio:
    own = Studio(studio.settings.model_copy(update=settings), studio.models)
    studio.models._settings = own.settings
    return own


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_memory_that_runs_out_once_is_told_and_the_video_is_the_same(
    stage: str, studio: Studio
) -> None:
    # A prompt of its own, which is encoded here.
    fields: dict[str, Any] = {"selected_loras": {"combined": 0.7}, "prompt": f"{stage} once"}
    before = studio.weights()
    if stage == "load":
        studio.models.unload()
    seen: list[Progress] = []
    with FullMemory(stage) as memory:

        def watch(progress: Progress) -> None:
            seen.append(progress)
            memory.watch(progress)

        result = studio.run(on_progress=watch, **fields)
    assert memory.failures == 1
    (measure,) = result.recoveries
    assert (measure["action"], measure["stage"]) == ("free_caches", stage)
    assert measure["detail"] in result.warnings
    assert measure["detail"] in [progress.message for progress in seen]
    assert read_metadata(Path(result.video_path))["recoveries"] == result.recoveries
    clean = studio.run(**fields)
    assert np.array_equal(decoded(result.video_path), decoded(clean.video_path))
    studio.assert_weights(before)


def test_what_was_sampled_is_kept_while_decoding_is_tried_again(studio: Studio) -> None:
    steps: list[int] = []
    with FullMemory("decode", times=2) as memory:

        def watch(progress: Progress) -> None:
            memory.watch(progress)
            if progress.stage == "sample" and progress.step:
                steps.append(progress.step)

        result = studio.run(on_progress=watch, width=64, height=64)
    assert steps == [1, 2, 3, 4] and result.frames_shape == (5, 64, 64, 3)
    assert [measure["action"] for measure in result.recoveries] == ["free_caches", "vae_tiling"]
    vae = studio.models.load("t2v").pipeline.vae
    assert not vae.use_tiling and vae.tile_sample_min_height == 256, "for this run only"


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "step"), [*((name, 0) for name in STAGES[1:]), ("sample", 2)])
def test_memory_that_stays_full_ends_the_run_with_a_size_that_fits(
    stage: str, step: int, studio: Studio
) -> None:
    clean = decoded(studio.run().video_path)
    before, held = studio.weights(), held_bytes()
    with FullMemory(stage, step=step, times=100) as memory, pytest.raises(VRAMError) as caught:
        prompt = "unknown so far" if stage == "text" else "a shape"
        studio.run(prompt=prompt, selected_loras={"combined": 1.0}, on_progress=memory.watch)
    assert memory.failures >= 2
    error = caught.value
    assert error.context["stage"] == stage and error.context["loras"] == ["combined"]
    assert error.suggestions[0] == "Use a size that fits: 16×16 with 5 frames."
    assert error.context["fitting"] == {"width": 16, "height": 16, "num_frames": 5}
    if step:
        assert "after step 2 of 4 (high noise)" in error.message
    assert any("OutOfMemoryError" in link for link in error.chain)
    del caught, error, memory
    studio.assert_weights(before)
    assert abs(held_bytes() - held) <= 0.01 * held
    assert [path for path in studio.files() if path.suffix == ".mp4"] == studio.files()[2:3]
    assert np.array_equal(decoded(studio.run().video_path), clean)


def test_memory_that_is_full_while_writing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder's memory is not torch's: its library raises as the system makes it."""
    opened: list[str] = []
    real = av.open

    def full(path: str, *arguments: Any, **options: Any) -> Any:
        opened.append(path)
        if len(opened) == 1:
            raise MemoryError
        return real(path, *arguments, **options)

    monkeypatch.setattr(wan_lora_studio.wan.generation.video_file.av, "open", full)
    result = studio.run()
    assert result.recoveries[0]["stage"] == "write" and len(studio.files()) == 3


def test_loras_are_left_out_for_memory_only_if_the_settings_say_so(studio: Studio) -> None:
    own = with_policy(studio, reduce_loras=True)
    with FullMemory("text", times=2) as memory:
        result = own.run(
            prompt="two LoRAs, no memory",
            selected_loras={"lokr": 1.0, "kohya_pair": 1.0},
            on_progress=memory.watch,
        )
    assert result.loras["kohya_pair"]["outcome"] == "skipped"
    assert "memory ran out" in result.loras["kohya_pair"]["reason"]
    assert result.loras["lokr"]["outcome"] == "applied"
    assert result.task.selected_loras == {"lokr": 1.0, "kohya_pair": 1.0}


def nan_lora(studio: Studio, name: str, **metadata: str) -> Path:
    tensors = {
        f"diffusion_model.blocks.0.self_attn.q.lora_{half}.weight": torch.ones(shape)
        for half, shape in (("A", (2, 32)), ("B", (32, 2)))
    }
    tensors["diffusion_model.blocks.0.self_attn.q.lora_B.weight"][3, 1] = float("nan")
    return Made(tensors=tensors, metadata=metadata).save(
        studio.settings.loras_dir / f"{name}.safetensors"
    )


@pytest.fixture
def broken(studio: Studio) -> Iterator[Path]:
    """A LoRA whose header is sound and whose numbers are not."""
    path = nan_lora(
        studio,
        "glow",
        **{
            "modelspec.trigger_phrase": "glowing edges",
            "modelspec.description": "Soft neon light.",
        },
    )
    yield path
    path.unlink(missing_ok=True)


def test_a_nan_lora_fails_the_run_by_default(studio: Studio, broken: Path) -> None:
    before = studio.weights()
    with pytest.raises(LoRAFileError, match=r"glow.*NaN"):
        studio.run(selected_loras={"lokr": 1.0, "glow": 1.0})
    assert studio.files() == []
    studio.assert_weights(before)


def test_its_words_stand_in_for_it_if_the_settings_say_so(studio: Studio, broken: Path) -> None:
    own = with_policy(studio, on_lora_failure="fallback")
    seen: list[Progress] = []
    result = own.run(
        prompt="a lamp", selected_loras={"lokr": 1.0, "glow": 0.5}, on_progress=seen.append
    )
    assert result.prompt_used == "a lamp, glowing edges, Soft neon light"
    glow = result.loras["glow"]
    assert (glow["outcome"], glow["replacement"]) == ("fallback", "glowing edges, Soft neon light")
    assert "NaN" in glow["reason"] and glow["autov2"] == glow["sha256"][:10] != ""
    assert result.loras["lokr"]["outcome"] == "applied"
    assert list(result.loras) == ["lokr", "glow"]
    assert any("glow was left out" in text for text in result.warnings)
    assert any("glow was left out" in progress.message for progress in seen)
    metadata = read_metadata(Path(result.video_path))
    assert metadata["loras"] == result.loras and metadata["task"]["prompt"] == "a lamp"
    written = own.run(prompt=result.prompt_used, selected_loras={"lokr": 1.0})
    assert np.array_equal(decoded(written.video_path), decoded(result.video_path))


def test_what_the_job_knew_of_it_is_used_when_the_file_is_gone(studio: Studio) -> None:
    own = with_policy(studio, on_lora_failure="fallback")
    known = {"gone": {"trigger_words": ["old film"], "description": ""}}
    result = own.run(prompt="a lamp", selected_loras={"gone": 1.0}, lora_metadata=known)
    assert result.prompt_used == "a lamp, old film"
    assert result.loras["gone"]["outcome"] == "fallback"


def test_skipping_leaves_the_prompt_alone(studio: Studio, broken: Path) -> None:
    own = with_policy(studio, on_lora_failure="skip")
    result = own.run(prompt="a lamp", selected_loras={"glow": 0.5})
    assert result.prompt_used == "a lamp"
    assert result.loras["glow"]["outcome"] == "skipped"
    assert np.array_equal(decoded(result.video_path), decoded(own.run(prompt="a lamp").video_path))


def test_every_lora_that_fails_is_left_out_and_named(studio: Studio, broken: Path) -> None:
    own = with_policy(studio, on_lora_failure="skip")
    path = studio.settings.loras_dir / "cut_short.safetensors"
    path.write_bytes(struct.pack("<Q", 1000) + b"{")
    try:
        result = own.run(
            selected_loras={"glow": 1.0, "cut_short": 1.0, "for_another_model": 1.0, "lokr": 0.5}
        )
    finally:
        path.unlink()
    outcomes = {name: report["outcome"] for name, report in result.loras.items()}
    assert outcomes == {
        "glow": "skipped",
        "cut_short": "skipped",
        "for_another_model": "skipped",
        "lokr": "applied",
    }
    assert all(result.loras[name]["reason"] for name in list(outcomes)[:3])


def test_a_bad_task_is_refused_whatever_the_policy(studio: Studio) -> None:
    own = with_policy(studio, on_lora_failure="skip")
    with pytest.raises(GenerationError, match="prompt"):
        own.run(prompt="")


def test_nan_after_decoding_is_named(studio: Studio) -> None:
    vae = studio.models.load("t2v").pipeline.vae
    with (
        damaged(vae.decoder.conv_out.bias, float("nan")),
        pytest.raises(GenerationError, match=r"decoded.*step 4 of 4 \(low noise\).*combined"),
    ):
        studio.run(selected_loras={"combined": 1.0})
    assert studio.files() == []


@pytest.mark.parametrize("colour", [-5.0, 5.0])
def test_a_video_of_one_colour_is_never_a_success(colour: float, studio: Studio) -> None:
    before = studio.weights()
    vae = studio.models.load("t2v").pipeline.vae
    words = "all black" if colour < 0 else r"one colour \(RGB \[255, 255, 255\]\)"
    with (
        damaged(vae.decoder.conv_out.bias, 100 * colour),
        pytest.raises(GenerationError, match=words) as caught,
    ):
        studio.run(selected_loras={"combined": 1.0})
    assert caught.value.context["loras"] == ["combined"]
    assert studio.files() == []
    studio.assert_weights(before)


def test_a_video_is_made_again_from_its_own_metadata(studio: Studio) -> None:
    selection = {"kohya_pair": {"high": [[0.0, 1.0], [0.25, 0.5]], "low": 0.4}, "lokr": 0.5}
    first = studio.run(selected_loras=selection, seed=None)
    task = GenerationTask.from_dict(read_metadata(Path(first.video_path))["task"])
    again = studio.run(**{**task.to_dict(), "id": "again"})
    assert np.array_equal(decoded(first.video_path), decoded(again.video_path))


def test_without_words_the_fallback_says_that_there_are_none(studio: Studio) -> None:
    path = nan_lora(studio, "silent")
    try:
        own = with_policy(studio, on_lora_failure="fallback")
        result = own.run(prompt="a lamp", selected_loras={"silent": 1.0})
    finally:
        path.unlink()
    assert result.prompt_used == "a lamp"
    assert result.loras["silent"]["outcome"] == "fallback"
    assert "neither trigger words nor a description" in result.warnings[0]


def test_the_library_names_what_cannot_be_applied(studio: Studio, broken: Path) -> None:
    pipeline = studio.models.load("t2v").pipeline
    with (
        pytest.raises(LoRAError, match="glow"),
        LoRAManager(studio.settings).applied(pipeline, {"glow": 1.0}),
    ):
        pytest.fail("it was applied")


def test_the_worker_says_of_each_lora_what_it_does_with_it(studio: Studio) -> None:
    runner = GenerationRunner(studio.settings.model_copy(update={"on_lora_failure": "skip"}))
    seen: dict[str, dict[str, Any]] = {}
    runner.run(
        GenerationTask(
            model_type="t2v",
            prompt="a shape",
            steps=2,
            selected_loras={"combined": 0.7, "for_another_model": 0.5},
        ),
        lambda progress: seen.update({progress.stage: runner.status()["loras"]}),
        lambda: False,
        {},
    )
    states = {stage: loras["combined"]["state"] for stage, loras in seen.items()}
    assert states == {
        "load": "waiting",
        "apply": "waiting",
        "text": "applied",
        "sample": "applied",
        "decode": "taken_off",
        "write": "taken_off",
    }
    assert all(loras["combined"]["strength"] == 0.7 for loras in seen.values())
    for stage in ("sample", "decode", "write"):
        assert seen[stage]["for_another_model"]["state"] == "left_out"
        assert "width 5120" in seen[stage]["for_another_model"]["reason"]
    assert runner.status()["loras"] == {}
