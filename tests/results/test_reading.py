"""What a file says of itself: videos of ours and of WanGP, JSON, and what is neither."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.result_files import WANGP, metadata, task, write_video
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.facts import VideoFacts
from wan_lora_studio.results.reading import facts_of, read_facts

HIGH, LOW = "a" * 64, "b" * 64


def read(data: Any) -> VideoFacts:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return read_facts(io.BytesIO(text))


def test_a_video_and_the_json_beside_it_say_the_same(tmp_path: Path) -> None:
    loras = {"neon": {"sha256": {"high": HIGH, "low": LOW}}, "gold": {"sha256": HIGH}}
    chosen = {"neon": {"high": 1.0, "low": [[0, 0.2], [0.5, 0.9]]}, "gold": 0.5}
    video = write_video(tmp_path, "one", metadata(loras, selected_loras=chosen))
    with video.open("rb") as mp4, video.with_suffix(".json").open("rb") as beside:
        found = read_facts(mp4)
        assert read_facts(beside) == found
    assert found.source == "studio"
    assert found.task == {k: v for k, v in task().items() if k != "selected_loras"}
    assert {lora.name: lora.strength for lora in found.loras} == chosen
    assert [lora.sha256 for lora in found.loras] == [{"high": HIGH, "low": LOW}, {"both": HIGH}]
    assert found.size == (5, 32, 32)


def test_a_task_alone_is_read_too() -> None:
    assert read(task()).task["seed"] == 7


def test_wangp_settings_become_a_task() -> None:
    found = read(WANGP)
    assert found.source == "wangp"
    assert found.task == {
        "model_type": "t2v-A14B",
        "prompt": "a lighthouse in a storm",
        "negative_prompt": "blurry",
        "width": 832,
        "height": 480,
        "num_frames": 81,
        "fps": 16,
        "steps": 30,
        "guidance_scale": 4.5,
        "guidance_scale_2": 3.5,
        "flow_shift": 7,
        "seed": 1234,
    }
    strengths = {lora.name: lora.strength for lora in found.loras}
    assert strengths == {
        "style_HIGH": {"high": 0.9, "low": 0.0},
        "style_LOW": {"high": 0.0, "low": 0.7},
    }
    assert found.notes == ()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("i2v_2_2_Enhanced", "i2v-A14B"), ("ti2v_2_2", "ti2v-5B"), ("flux", None), ("", None)],
)
def test_wangp_models(theirs: str, ours: str | None) -> None:
    found = read({**WANGP, "model_type": theirs})
    assert found.task.get("model_type") == ours
    assert bool(found.notes) is (ours is None)


def test_a_wangp_video_carries_them_in_its_comment(tmp_path: Path) -> None:
    with write_video(tmp_path, "one", WANGP).open("rb") as file:
        assert read_facts(file).task["prompt"] == WANGP["prompt"]


def test_wangp_multipliers_with_a_third_phase_are_two_experts() -> None:
    phases = {
        "guidance_phases": 3, "model_switch_phase": 2, "switch_threshold": 965,
        "switch_threshold2": 800, "guidance_scale": 3.5, "guidance2_scale": 1,
        "guidance3_scale": 1.5, "num_inference_steps": 8, "flow_shift": 5,
    }  # fmt: skip
    found = read({**WANGP, **phases, "loras_multipliers": "0;1;0 0;0;1"})
    assert [lora.strength for lora in found.loras] == [
        {"high": [[0.0, 0.0], [0.25, 1.0]], "low": 0.0},
        {"high": 0.0, "low": 1.0},
    ]
    assert (found.task["guidance_scale"], found.task["guidance_scale_2"]) == (3.5, 1.5)
    assert found.notes[0] == "The guidance of phase 2, 1, is left out: high noise keeps 3.5."
    assert "phases 1 and 2 as high noise" in found.notes[1]


def test_a_profile_of_wangp_has_no_prompt() -> None:
    profile = {
        "num_inference_steps": 8, "guidance_scale": 3.5, "guidance2_scale": 1,
        "guidance3_scale": 1, "switch_threshold": 985, "switch_threshold2": 800,
        "guidance_phases": 3, "model_switch_phase": 2, "flow_shift": 5,
        "activated_loras": ["https://host/x/fast_HIGH.safetensors", "fast_LOW.safetensors"],
        "loras_multipliers": "0;1;0 0;0;1",
    }  # fmt: skip
    found = read(profile)
    assert found.what == "WanGP settings"
    assert found.task == {
        "steps": 8, "guidance_scale": 3.5, "guidance_scale_2": 1, "flow_shift": 5
    }  # fmt: skip
    assert {lora.name: lora.strength for lora in found.loras} == {
        "fast_HIGH": {"high": [[0.0, 0.0], [0.125, 1.0]], "low": 0.0},
        "fast_LOW": {"high": 0.0, "low": 1.0},
    }


def test_wrong_kinds_are_left_out_and_nothing_else() -> None:
    wrong = task(steps="many", seed=-1, width=1.5, prompt=["x"], flow_shift=True, fps=10**40)
    found = facts_of({"task": wrong})
    for name in ("steps", "seed", "width", "prompt", "flow_shift", "fps"):
        assert name not in found.task
    assert found.task["height"] == 32


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"task": 3},
        {"task": {"model_type": 5, "steps": 1}},
        {"prompt": "only words"},
        b'{"prompt": NaN, "steps": 1}',
        b'{"a":' * 20_000,
        b"{" + b"[" * 20_000,
        b'{"task": {"seed": ' + b"9" * 5000 + b"}}",
        b'{"x": "' + b"y" * 5_000_000 + b'"}',
        b"{\xff}",
        b"{",
    ],
    ids=range(12),
)
def test_what_holds_no_settings_is_refused(data: Any) -> None:
    with pytest.raises(GenerationError) as caught:
        read(data)
    assert "settings" in caught.value.message


def test_half_a_character_does_not_lose_the_settings() -> None:
    data = b'{"a": "\\ud800", "prompt": "x\\udc00", "resolution": "1x1"}'
    assert read(data).task["prompt"] == "x\ufffd"
