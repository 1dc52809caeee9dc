"""What files of ComfyUI and A1111 say of themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.foreign_files import (
    INFOTEXT,
    drawn,
    gif,
    one_sampler,
    png,
    two_samplers,
    video,
    with_exif,
    with_user_comment,
    wrapper,
)
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.facts import VideoFacts
from wan_lora_studio.results.reading import read_facts

XL = one_sampler(lora_name="ink.safetensors", strength_model=0.8, strength_clip=1.0)


def read(data: bytes | str) -> VideoFacts:
    return read_facts(io.BytesIO(data if isinstance(data, bytes) else data.encode()))


def strengths(facts: VideoFacts) -> dict[str, Any]:
    return {lora.name: lora.strength for lora in facts.loras}


def test_two_experts_are_two_samplers() -> None:
    facts = read(png(prompt=two_samplers(), workflow={"nodes": [], "links": []}))
    assert (facts.source, facts.what) == ("comfyui", "A ComfyUI workflow")
    assert facts.task == {
        "model_type": "t2v-A14B",
        "prompt": "a lighthouse in a storm",
        "negative_prompt": "blurry",
        "seed": 1234,
        "steps": 8,
        "guidance_scale": 3.5,
        "guidance_scale_2": 3.0,
        "flow_shift": 5.0,
        "width": 832,
        "height": 480,
        "num_frames": 81,
        "fps": 16,
    }
    assert strengths(facts) == {
        "style_HIGH": {"high": 0.9, "low": 0.0},
        "both": 0.5,
        "style_LOW": {"high": 0.0, "low": 0.7},
    }
    assert facts.notes == ()


def test_the_wrappers_nodes() -> None:
    facts = read(json.dumps(wrapper()))
    assert facts.task["model_type"] == "i2v-A14B"
    assert (facts.task["prompt"], facts.task["negative_prompt"]) == ("a cat jumps", "static")
    assert [facts.task[n] for n in ("width", "height", "num_frames", "seed", "steps")] == [
        640, 480, 81, 43, 6
    ]  # fmt: skip
    assert (facts.task["flow_shift"], facts.task["fps"]) == (8.0, 16)
    assert strengths(facts) == {
        "ink": {"high": 0.6, "low": 0.0},
        "lightx2v_rank64": {"high": 3.0, "low": 1.0},
    }


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"lora_name": "a.safetensors", "strength_model": 0.8, "strength_clip": 1}, {"a": 0.8}),
        (
            {
                "lora_1": {"on": True, "lora": "x/a.safetensors", "strength": 0.7},
                "lora_2": {"on": False, "lora": "b.safetensors", "strength": 1},
                "PowerLoraLoaderHeaderWidget": {"type": "PowerLoraLoaderHeaderWidget"},
                "➕ Add Lora": "",
            },
            {"a": 0.7},
        ),
        (
            {
                "lora_count": 2, "lora_name_1": "a.safetensors", "lora_wt_1": 0.4,
                "lora_name_2": "None", "lora_wt_2": 1.0, "lora_name_3": "c.safetensors",
            },
            {"a": 0.4},
        ),
        (
            {
                "switch_1": "On", "lora_name_1": "a.safetensors", "model_weight_1": 0.9,
                "switch_2": "Off", "lora_name_2": "b.safetensors", "model_weight_2": 0.5,
            },
            {"a": 0.9},
        ),
        (
            {
                "text": "<lora:a:0.3>",
                "loras": {
                    "__value__": [
                        {"name": "a", "strength": "0.30", "active": True},
                        {"name": "b", "strength": 1.0, "active": False},
                    ]
                },
            },
            {"a": 0.3},
        ),
    ],
    ids=["core", "rgthree", "efficiency", "comfyroll", "lora-manager"],
)  # fmt: skip
def test_lora_nodes_of_several_packages(node: dict[str, Any], expected: dict[str, Any]) -> None:
    facts = read(json.dumps(one_sampler(**node)))
    assert strengths(facts) == expected
    assert facts.task["prompt"] == "a red fox"
    assert facts.task["negative_prompt"] == "ugly"
    assert (facts.task["seed"], facts.task["steps"], facts.task["guidance_scale"]) == (99, 25, 7.5)
    assert (facts.task["width"], facts.task["height"]) == (1024, 768)
    assert "model_type" not in facts.task
    assert facts.notes == ("It was made with sd_xl_base_1.0. The model chosen here stays.",)


def test_a_graph_as_it_is_drawn() -> None:
    facts = read(json.dumps(drawn()))
    assert facts.what == "A ComfyUI workflow"
    assert facts.task == {
        "model_type": "ti2v-5B",
        "prompt": "a boat",
        "negative_prompt": "noise",
        "seed": 77,
        "steps": 20,
        "guidance_scale": 5,
        "width": 1280,
        "height": 704,
        "num_frames": 121,
    }
    assert strengths(facts) == {"ink": 0.8}


def test_a_sampler_of_both_experts() -> None:
    graph = two_samplers()
    del graph["79"]
    graph["78"] = {
        "class_type": "WanMoeKSampler",
        "inputs": {
            "model_high_noise": ["81", 0], "model_low_noise": ["82", 0], "positive": ["89", 0],
            "negative": ["72", 0], "latent_image": ["74", 0], "seed": 5, "steps": 20,
            "cfg_high_noise": 4.0, "cfg_low_noise": 3.0, "boundary": 0.875,
        },
    }  # fmt: skip
    facts = read(json.dumps(graph))
    assert (facts.task["guidance_scale"], facts.task["guidance_scale_2"]) == (4.0, 3.0)
    assert (facts.task["seed"], facts.task["steps"]) == (5, 20)
    assert strengths(facts) == {
        "style_HIGH": {"high": 0.9, "low": 0.0},
        "both": 0.5,
        "style_LOW": {"high": 0.0, "low": 0.7},
    }


def test_what_comfyui_writes_that_is_no_json(tmp_path: Path) -> None:
    text = json.dumps(XL)[:-1] + ', "99": {"class_type": "X", "inputs": {}, "is_changed": [NaN]}}'
    comment = f'{{"prompt": {text}, "workflow": {json.dumps(drawn())}}}'
    for data in (
        text.encode(),
        png(prompt=text),
        with_exif("WEBP", prompt=json.loads(text)),
        video(tmp_path / "v.mp4", {"comment": comment}),
    ):
        assert read(data).task["prompt"] == "a red fox"


def test_what_cannot_be_taken_over_is_noted() -> None:
    graph = one_sampler(lora_name="ink.safetensors", strength_model=1)
    graph["3"]["inputs"]["seed"] = 2**64 - 1
    facts = read(json.dumps(graph))
    assert "seed" not in facts.task
    assert "18446744073709551615, is too large" in facts.notes[0]
    groups = {**drawn(), "definitions": {"subgraphs": [{"id": "x"}]}}
    assert "Subgraphs" in read(json.dumps(groups)).notes[-1]


def test_the_text_counts_where_the_graph_says_nothing() -> None:
    graph = {"1": {"class_type": "X", "inputs": {}}}
    assert read(png(prompt=graph, parameters=INFOTEXT)).what == "A1111 settings"


def test_a_guider_and_noise_of_their_own() -> None:
    graph = one_sampler(lora_name="ink.safetensors", strength_model=1)
    graph["3"] = {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {"noise": ["20", 0], "guider": ["21", 0], "sigmas": ["22", 0],
                   "sampler": ["23", 0], "latent_image": ["5", 0]},
    }  # fmt: skip
    graph["20"] = {"class_type": "RandomNoise", "inputs": {"noise_seed": 5}}
    graph["21"] = {
        "class_type": "CFGGuider",
        "inputs": {"model": ["10", 0], "positive": ["6", 0], "negative": ["24", 0], "cfg": 2.0},
    }
    graph["22"] = {"class_type": "BasicScheduler", "inputs": {"steps": 12, "model": ["10", 0]}}
    graph["24"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
    task = read(json.dumps(graph)).task
    assert (task["seed"], task["steps"], task["guidance_scale"]) == (5, 12, 2.0)
    assert (task["prompt"], task["negative_prompt"]) == ("a red fox", "")
    assert strengths(read(json.dumps(graph))) == {"ink": 1.0}


@pytest.mark.parametrize(
    "made",
    [
        lambda folder: png(prompt=XL, workflow=drawn()),
        lambda folder: with_exif("WEBP", prompt=XL, workflow=drawn()),
        lambda folder: with_exif("JPEG", workflow=drawn(), prompt=XL),
        lambda folder: video(folder / "v.mp4", {"comment": json.dumps({"prompt": XL})}),
        lambda folder: video(
            folder / "v.mp4",
            {"comment": json.dumps({"workflow": drawn(), "prompt": json.dumps(XL)})},
        ),
        lambda folder: video(
            folder / "v.mp4",
            {"prompt": json.dumps(XL), "workflow": json.dumps(drawn())},
            named=True,
        ),
        lambda folder: video(folder / "v.webm", {"prompt": json.dumps(XL)}),
        lambda folder: video(folder / "v.webm", {"comment": json.dumps({"prompt": XL})}),
        lambda folder: json.dumps(XL).encode(),
    ],
    ids=["png", "webp", "jpeg", "vhs", "vhs-old", "mp4", "webm", "vhs-webm", "json"],
)  # fmt: skip
def test_wherever_a_graph_is_kept(tmp_path: Path, made: Callable[[Path], bytes]) -> None:
    facts = read(made(tmp_path))
    assert facts.what == "A ComfyUI workflow"
    assert facts.task["prompt"] == "a red fox"
    assert strengths(facts) == {"ink": 0.8}


@pytest.mark.parametrize(
    "made",
    [
        lambda folder: png(parameters=INFOTEXT),
        lambda folder: with_user_comment("JPEG", INFOTEXT),
        lambda folder: with_user_comment("WEBP", INFOTEXT),
        lambda folder: with_user_comment("AVIF", INFOTEXT),
        lambda folder: with_user_comment("JPEG", INFOTEXT, "utf-16-le"),
        lambda folder: gif(INFOTEXT),
        lambda folder: video(folder / "v.mp4", {"comment": INFOTEXT}),
        lambda folder: INFOTEXT.encode(),
        lambda folder: INFOTEXT.replace("\n", "\r\n").encode("utf-16"),
    ],
    ids=["png", "jpeg", "webp", "avif", "little-endian", "gif", "mp4", "txt", "utf-16"],
)
def test_wherever_a1111_keeps_its_settings(tmp_path: Path, made: Callable[[Path], bytes]) -> None:
    facts = read(made(tmp_path))
    assert (facts.source, facts.what) == ("a1111", "A1111 settings")
    assert facts.task["negative_prompt"] == "blurry, text"
    assert facts.task["prompt"].startswith("ink wash, a boat")
    assert "more of it" in facts.task["prompt"]
    assert "lora" not in facts.task["prompt"]
    rest = {
        name: facts.task[name] for name in ("steps", "guidance_scale", "seed", "width", "height")
    }
    assert rest == {
        "steps": 20, "guidance_scale": 6.5, "seed": 1234567890, "width": 832, "height": 480
    }  # fmt: skip
    assert [(lora.strength, lora.shorts) for lora in facts.loras] == [
        (0.8, ("aaaaaaaaaaaa",)), (0.5, ("bbbbbbbbbbbb",))
    ]  # fmt: skip
    assert "dreamshaper_8" in facts.notes[0]


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        ("Steps: 4, Seed: 1, CFG scale: 1", "", ""),
        ("Negative prompt: x\nSteps: 4, Seed: 1, CFG scale: 1", "", "x"),
        ("a\nb\nNegative prompt: x\ny\nSteps: 4, Seed: 1, CFG scale: 1", "a\nb", "x\ny"),
    ],
)
def test_parts_of_an_infotext(text: str, prompt: str, negative: str) -> None:
    task = read(text).task
    assert (task["prompt"], task["negative_prompt"], task["steps"]) == (prompt, negative, 4)


def test_hashes_of_whole_files_in_an_infotext() -> None:
    text = (
        "a boat <lora:- Ink, old_V3.5:0.8> <lora:grain:1>\nSteps: 20, Seed: 7, CFG scale: 1, "
        'Lora hashes: "grain: bbbbbbbbbbbb", Hashes: {"lora:- Ink, old_V3.5": "458CC11561", '
        '"LORA:grain.safetensors": "a1c6e6cad2", "model": "36fab8f31a", "lora:none": 7}, '
        "Version: v1.10.1"
    )
    facts = read(text)
    assert [(lora.name, lora.shorts) for lora in facts.loras] == [
        ("- Ink, old_V3.5", ("458cc11561",)),
        ("grain", ("a1c6e6cad2", "bbbbbbbbbbbb")),
    ]
    assert (facts.task["seed"], facts.task["steps"]) == (7, 20)


def test_a_saved_picture_has_the_graph_and_the_hashes() -> None:
    graph = one_sampler(lora_name="ink.safetensors", strength_model=0.8, strength_clip=1.0)
    said = 'a fox\nSteps: 4, Seed: 1, CFG scale: 1, Hashes: {"lora:ink": "458cc11561"}'
    facts = read(png(prompt=graph, parameters=said))
    assert (facts.source, facts.task["seed"]) == ("comfyui", 99)
    assert [(lora.name, lora.strength, lora.shorts) for lora in facts.loras] == [
        ("ink", 0.8, ("458cc11561",))
    ]


def test_hashes_in_a_drawn_graph() -> None:
    graph = drawn()
    graph["nodes"][1]["properties"] = {
        "models": [{"name": "ink.safetensors", "hash": "AB" * 32, "hash_type": "SHA256"}]
    }
    assert [lora.shorts for lora in read(json.dumps(graph)).loras] == [("ab" * 32,)]
    run = read(png(prompt=one_sampler(lora_name="ink.safetensors"), workflow=graph))
    assert [lora.shorts for lora in run.loras] == [("ab" * 32,)]


LOOP = {
    "1": {"class_type": "KSampler", "inputs": {"steps": ["2", 0], "positive": ["2", 0],
                                               "model": ["2", 0], "latent_image": ["1", 0]}},
    "2": {"class_type": "X", "inputs": {"text": ["2", 0], "value": ["3", 0], "model": ["1", 0],
                                        "lora": ["2", 0], "conditioning": ["1", 0]}},
    "3": {"class_type": "X", "inputs": {"value": ["2", 0], "string_a": ["2", 0],
                                        "string_b": ["3", 0]}},
}  # fmt: skip


@pytest.mark.parametrize(
    "graph",
    [
        LOOP,
        {"1": {"class_type": "KSampler", "inputs": {"steps": 1, "positive": ["gone", 0]}}},
        {"1": {"class_type": "Y", "inputs": {"lora": [[], {}], "strength": [1, "x"]}}},
        {str(at): {"class_type": "R", "inputs": {"value": [str(at + 1), 0]}} for at in range(9000)},
        {
            "nodes": [None, 1, {"id": [], "inputs": 5, "widgets_values": 7}],
            "links": [[], None, [1]],
        },
    ],
    ids=["loop", "dangling", "odd", "long", "drawn"],
)
def test_no_graph_is_too_strange(graph: dict[str, Any]) -> None:
    facts = read(json.dumps(graph))
    assert facts.what == "A ComfyUI workflow"


@pytest.mark.parametrize(
    "data",
    [
        png(), png(Software="x"), png(parameters="only words"), b"\x89PNG\r\n\x1a\n",
        b"RIFFxxxxWEBP",
        b"\x1a\x45\xdf\xa3" + b"\xff" * 50, b"\x1a\x45\xdf\xa3", b"just some text", b"\0\1\2",
        b"GIF89a", b"\xff\xd8\xff", b"\0\0\0\x20ftypavif" + b"\0" * 20,
    ],
)  # fmt: skip
def test_what_holds_nothing_says_so_and_not_that_it_is_damaged(data: bytes) -> None:
    with pytest.raises(GenerationError, match="settings") as caught:
        read(data)
    assert "damaged" not in caught.value.message
    assert "ComfyUI" in caught.value.suggestions[0]
