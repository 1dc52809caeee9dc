"""generate_video on small random models of each kind, with LoRAs, through the real library."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan
from PIL import Image

from benchmarks.bare_script import make_video
from tests.support.studio import Studio, decoded
from wan_lora_studio.errors import (
    CancelledByUser,
    GenerationError,
    IncompatibleLoRAError,
    LoRAError,
    LoRANotFoundError,
)
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationTask, Progress

pytestmark = pytest.mark.slow  # it makes many videos


def no_database(library: Path) -> None:
    for path in library.glob(".catalog.sqlite*"):
        path.unlink()
    (library / ".catalog.sqlite").write_bytes(b"no database" * 1000)


def test_a_video_with_loras_is_written_with_all_it_needs_to_be_made_again(studio: Studio) -> None:
    before = studio.weights()
    selection = {"kohya_pair": {"high": 1.0, "low": 0.4}, "lokr": 0.5}
    result = studio.run(selected_loras=selection, seed=None)
    assert result.frames_shape == (5, 32, 32, 3)
    assert decoded(result.video_path).shape == (5, 32, 32, 3)
    with Image.open(result.poster_path) as poster:
        assert poster.size == (32, 32)
    assert isinstance(result.task.seed, int)
    metadata = read_metadata(Path(result.video_path))
    assert GenerationTask.from_dict(metadata["task"]) == result.task
    assert metadata["task"]["selected_loras"] == selection
    sidecar = Path(result.video_path).with_suffix(".json")
    assert json.loads(sidecar.read_text(encoding="utf-8")) == metadata
    pair = result.loras["kohya_pair"]
    assert pair["strengths"] == {"high": 1.0, "low": 0.4}
    assert pair["coverage"]["high"] == {"matched": 20, "total": 20}
    assert len(pair["sha256"]["high"]) == 64
    lokr = result.loras["lokr"]
    assert len(lokr["sha256"]) == 64
    assert lokr["autov2"] == lokr["sha256"][:10]
    assert pair["autov2"]["low"] == pair["sha256"]["low"][:10]
    assert metadata["loras"] == result.loras
    assert metadata["model"]["model_type"] == "t2v" and len(metadata["model"]["fingerprint"]) == 64
    assert {"app", "python", "torch", "diffusers", "peft"} <= metadata["versions"].keys()
    assert metadata["environment"]["dtypes"]["transformer"] == "float32"
    assert abs(metadata["created"] - time.time()) < 600
    assert {"load", "apply", "text", "sample", "decode", "write"} <= result.timings.keys()
    assert studio.loras.list_available_loras()["lokr"]["use_count"] >= 1
    studio.assert_weights(before)


def test_the_same_seed_gives_identical_frames_and_another_does_not(studio: Studio) -> None:
    first, again, other = (
        decoded(studio.run(seed=seed, selected_loras={"combined": 0.7}).video_path)
        for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_loras_the_frames_are_those_of_a_plain_script(
    studio: Studio, tmp_path: Path
) -> None:
    """To the last level of the last pixel, of which there are enough to meet every rounding."""
    result = studio.run(width=128, height=128, num_frames=17, steps=2, flow_shift=3.0)
    task = result.task
    asked = {
        "prompt": task.prompt,
        "negative_prompt": task.negative_prompt,
        "width": task.width,
        "height": task.height,
        "num_frames": task.num_frames,
        "num_inference_steps": task.steps,
        "guidance_scale": task.guidance_scale,
        "guidance_scale_2": task.guidance_scale_2,
        "seed": task.seed,
        "fps": task.fps,
    }
    plain = tmp_path / "plain.mp4"
    make_video(studio.models.load("t2v").pipeline, asked, plain)
    assert np.array_equal(decoded(result.video_path), decoded(str(plain)))


def test_each_expert_gets_its_own_strength(studio: Studio) -> None:
    def frames(strength: Any) -> np.ndarray[Any, Any]:
        return decoded(studio.run(selected_loras={"combined": strength}).video_path)

    bare = decoded(studio.run().video_path)
    assert np.array_equal(frames(0.0), bare)
    high, low = frames({"high": 1.0, "low": 0.0}), frames({"high": 0.0, "low": 1.0})
    assert not np.array_equal(high, bare)
    assert not np.array_equal(low, bare)
    assert not np.array_equal(high, low)
    assert np.array_equal(frames({"high": 1.0, "low": 1.0}), frames(1.0))


def test_a_schedule_ends_up_in_the_video(studio: Studio) -> None:
    schedule = {"high": [[0.0, 0.0], [0.99, 5.0]], "low": [[0.0, 0.0], [0.6, 1.0]]}
    scheduled = decoded(studio.run(selected_loras={"combined": schedule}).video_path)
    assert not np.array_equal(scheduled, decoded(studio.run().video_path))


def test_both_ways_of_applying_make_the_same_video(studio: Studio) -> None:
    before = studio.weights()
    videos = {}
    for mode in ("merge", "runtime"):
        settings = studio.settings.model_copy(update={"lora_mode": mode})
        own = Studio(settings, studio.models)
        result = own.run(selected_loras={"combined": 0.8, "lokr": -0.5, "accelerator": 0.6})
        assert {report["mode"] for report in result.loras.values()} == {mode}
        videos[mode] = decoded(result.video_path).astype(int)
        own.assert_weights(before)
    # Rounding to bytes and the codec may turn 1e-6 into a shade.
    assert np.abs(videos["merge"] - videos["runtime"]).max() <= 4


def test_a_schedule_is_added_at_runtime_and_the_result_says_so(studio: Studio) -> None:
    schedule = {"high": [[0.0, 0.0], [0.5, 1.0]], "low": 1.0}
    constant = studio.run(selected_loras={"combined": 1.0}).loras["combined"]
    scheduled = studio.run(selected_loras={"combined": schedule}).loras["combined"]
    assert constant["mode"] == "merge"
    assert (scheduled["mode"], scheduled["mode_reason"]) == (
        "runtime",
        "the strengths change during the run",
    )


def test_a_second_run_reads_no_file_again(studio: Studio) -> None:
    studio.run(selected_loras={"combined": 1.0})
    studio.run(selected_loras={"combined": 0.3, "lokr": 1.0})
    assert studio.loras.adapter_cache.reads == 2


@pytest.mark.parametrize("kind", ["i2v", "ti2v"])
def test_image_to_video_uses_the_picture_and_the_lora(
    kind: str, studio: Studio, tmp_path: Path
) -> None:
    pictures = []
    for name, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (50, 40), colour).save(path)
        pictures.append(path)
    runs = [
        decoded(studio.run(model_type=kind, image=str(path), selected_loras=loras).video_path)
        for path, loras in ((pictures[0], {}), (pictures[1], {}), (pictures[0], {"lokr": 1.0}))
    ]
    assert not np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_text_to_video_on_one_transformer(studio: Studio) -> None:
    before = studio.weights("ti2v")
    result = studio.run(model_type="ti2v", selected_loras={"accelerator": 1.0})
    assert list(result.loras["accelerator"]["coverage"]) == ["high"]
    studio.assert_weights(before, "ti2v")


def test_progress_tells_stages_steps_and_experts(studio: Studio) -> None:
    seen: list[Progress] = []
    studio.run(on_progress=seen.append, steps=4)
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["load", "apply", "text", "sample", "decode", "write"]
    steps = [progress for progress in seen if progress.stage == "sample" and progress.step]
    assert [progress.step for progress in steps] == [1, 2, 3, 4]
    assert [progress.expert for progress in steps] == ["high", "high", "low", "low"]
    assert {progress.high_steps for progress in steps} == {2}
    assert steps[-1].seconds_left == 0
    assert (steps[0].preview or b"").startswith(b"\xff\xd8")


def test_a_preview_that_finds_no_memory_is_done_without(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Progress] = []
    whole = studio.run(on_progress=seen.append)
    assert any(progress.preview for progress in seen)
    real = AutoencoderKLWan.decode

    def decode(vae: Any, latents: torch.Tensor, *args: Any, **options: Any) -> Any:
        if latents.shape[2] == 1:  # a preview is of one latent frame
            raise torch.OutOfMemoryError("no memory is left for a preview")
        return real(vae, latents, *args, **options)

    monkeypatch.setattr(AutoencoderKLWan, "decode", decode)
    seen.clear()
    result = studio.run(on_progress=seen.append)
    assert not any(progress.preview for progress in seen)
    assert result.recoveries == []
    assert np.array_equal(decoded(result.video_path), decoded(whole.video_path))


def test_cancel_stops_within_one_step_and_leaves_nothing(studio: Studio) -> None:
    before = studio.weights()
    steps: list[int] = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "sample" and progress.step:
            steps.append(progress.step)

    with pytest.raises(CancelledByUser):
        studio.run(
            steps=8,
            selected_loras={"combined": 1.0},
            on_progress=on_progress,
            cancel=lambda: len(steps) >= 2,
        )
    assert steps == [1, 2]
    assert studio.files() == []
    studio.assert_weights(before)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"prompt": "", "steps": 0}, GenerationError, ("prompt", "steps")),
        ({"selected_loras": {"lork": 1.0}}, LoRANotFoundError, ("lork", "lokr")),
        ({"selected_loras": {"for_another_model": 1.0}}, LoRAError, ("for_another_model",)),
        ({"selected_loras": {"lokr": 1e9}}, GenerationError, ("lokr",)),
        ({"model_type": "i2v"}, GenerationError, ("picture",)),
    ],
)
def test_bad_input_is_refused_in_words_and_changes_nothing(
    fields: dict[str, Any], error: type[Exception], words: tuple[str, ...], studio: Studio
) -> None:
    before = studio.weights()
    with pytest.raises(error) as caught:
        studio.run(**fields)
    text = " ".join((str(caught.value), *getattr(caught.value, "suggestions", ())))
    assert all(word in text for word in words), text
    assert studio.files() == []
    studio.assert_weights(before)


def test_a_bad_lora_does_not_poison_the_next_run(studio: Studio) -> None:
    clean = decoded(studio.run().video_path)
    with pytest.raises(IncompatibleLoRAError):
        studio.run(selected_loras={"lokr": 1.0, "for_another_model": 1.0})
    assert np.array_equal(decoded(studio.run().video_path), clean)


def test_values_that_overflow_fail_with_the_step_and_the_lora(studio: Studio) -> None:
    pipeline = studio.models.load("t2v").pipeline
    before = studio.weights()
    weight = pipeline.transformer_2.proj_out.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(float("nan"))
    try:
        with pytest.raises(GenerationError, match=r"Step 3 of 4 \(low noise\).*lokr"):
            studio.run(selected_loras={"lokr": 1.0})
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    assert studio.files() == []
    studio.assert_weights(before)


@pytest.mark.parametrize("harm", [shutil.rmtree, no_database], ids=["gone", "damaged"])
def test_a_library_that_fails_at_the_end_takes_no_video_away(
    harm: Callable[[Path], None], studio: Studio, tmp_path: Path
) -> None:
    library = tmp_path / "loras"
    library.mkdir()
    shutil.copy(studio.settings.loras_dir / "lokr.safetensors", library)
    other = Studio(studio.settings.model_copy(update={"loras_dir": library}), studio.models)

    def watch(progress: Progress) -> None:
        if progress.stage == "write":
            harm(library)

    result = other.run(selected_loras={"lokr": 1.0}, on_progress=watch)
    assert decoded(result.video_path).shape == (5, 32, 32, 3)
    assert result.loras["lokr"]["outcome"] == "applied"


def test_guidance_on_the_low_expert_alone_is_not_lost(studio: Studio) -> None:
    none = decoded(studio.run(guidance_scale=1.0, guidance_scale_2=1.0).video_path)
    low_only = decoded(studio.run(guidance_scale=1.0, guidance_scale_2=6.0).video_path)
    assert not np.array_equal(none, low_only)


@pytest.mark.parametrize("failure", ["fail", "skip"])
def test_loras_in_the_prompts_are_applied_and_never_read_by_the_encoder(
    studio: Studio, failure: str
) -> None:
    studio.settings = studio.settings.model_copy(update={"on_lora_failure": failure})
    studio.models._settings = studio.loras.settings = studio.settings
    prompt = "a shape <lora:combined:0.7>, [small]"
    result = studio.run(prompt=prompt, negative_prompt="dull <lora:kohya_pair_low_noise:0.5>")
    assert result.task.prompt == result.prompt_used == "a shape, [small]"
    assert result.task.negative_prompt == "dull"
    expected = {"combined": 0.7, "kohya_pair": {"high": 0.0, "low": 0.5}}
    assert result.task.selected_loras == expected
    assert {name: report["outcome"] for name, report in result.loras.items()} == dict.fromkeys(
        expected, "applied"
    )
    assert any(text.startswith("[small] goes to the model as written") for text in result.warnings)
    plain = studio.run(prompt=result.task.prompt, negative_prompt="dull", selected_loras=expected)
    assert np.array_equal(decoded(result.video_path), decoded(plain.video_path))
    with pytest.raises(GenerationError, match="strong is not a number"):
        studio.run(prompt="a shape <lora:combined:strong>")


def test_an_unknown_lora_in_the_prompt_is_told_with_those_that_are_close(studio: Studio) -> None:
    with pytest.raises(LoRANotFoundError, match="no LoRA named 'combind'") as caught:
        studio.run(prompt="a shape <lora:combind:0.7>")
    assert "Did you mean 'combined'?" in caught.value.suggestions


def test_a_lora_that_may_be_one_half_says_so_in_the_result(studio: Studio, tmp_path: Path) -> None:
    """Until someone says for which expert it is, it goes to both."""
    own = tmp_path / "loras"
    own.mkdir()
    shutil.copy(studio.settings.loras_dir / "lokr.safetensors", own / "high_motion.safetensors")
    studio.loras = LoRAManager(studio.settings.model_copy(update={"loras_dir": own}))
    why = "“high” in the file name may mean the high-noise expert"
    told: list[Progress] = []
    result = studio.run(selected_loras={"high_motion": 1.0}, on_progress=told.append)
    assert all(why in " ".join(progress.notes) for progress in told)
    report = result.loras["high_motion"]
    assert (report["doubt"], report["strengths"]) == (why, {"high": 1.0, "low": 1.0})
    assert any(why in text and "high_motion" in text for text in result.warnings)
    studio.loras.edit_lora_metadata("high_motion", {"expert": "high"})
    result = studio.run(selected_loras={"high_motion": 1.0})
    report = result.loras["high_motion"]
    assert (report["doubt"], report["strengths"]) == ("", {"high": 1.0, "low": 0.0})
    assert not any(why in text for text in result.warnings)
