"""Trying a LoRA, and making previews of many, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.jobs.scripted_queue import SCRIPTED, wait_until
from tests.support.loras.files import musubi, write_lora
from tests.support.loras.pictures import GREEN, RED, picture, video
from tests.support.result_files import metadata, write_video
from utils import JobQueue, LoRAManager, LoRAUploadHandler, Settings, load_settings
from wan_lora_studio.ui.http.api import build_api

TASK = {"model_type": "demo", "prompt": "quick", "seed": 7}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(**folders)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    shapes = musubi(dim_scale=10, only=("self_attn.q",))  # as wide as the demo model
    for index, name in enumerate(("ink", "oil", "lightning_4step")):
        write_lora(settings.loras_dir / f"{name}.safetensors", shapes, seed=index)
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        client.post("/api/queue/pause")
        yield client


def asked(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json={"task": TASK, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def beside(settings: Settings, name: str, **values: Any) -> None:
    (settings.loras_dir / name).write_text(json.dumps(values))


def test_a_trial_is_the_same_seed_without_and_with_the_lora(client: TestClient) -> None:
    task = {**TASK, "selected_loras": {"oil": 0.5}}
    job = asked(client, "/api/jobs/trial", name="ink", task=task)
    assert job["task"]["seed"] == 7 and job["task"]["prompt"] == "quick"
    assert job["task"]["selected_loras"] == {}
    without, with_it = job["parts"]
    assert (without["label"], without["changes"]) == ("Without ink", {})
    assert with_it["label"] == "With ink"
    assert with_it["changes"] == {"selected_loras": {"ink": 1.0}}


def test_an_open_seed_is_drawn_once_for_both(client: TestClient) -> None:
    job = asked(client, "/api/jobs/trial", name="ink", task={**TASK, "seed": ""})
    assert isinstance(job["task"]["seed"], int)
    assert all("seed" not in part["changes"] for part in job["parts"])


def test_trigger_words_go_into_the_prompt_of_both(client: TestClient, settings: Settings) -> None:
    beside(settings, "ink.json", **{"activation text": "ink wash, quick"})
    assert asked(client, "/api/jobs/trial", name="ink")["task"]["prompt"] == "quick, ink wash"
    empty = {**TASK, "prompt": ""}
    job = asked(client, "/api/jobs/trial", name="ink", task=empty)
    assert job["task"]["prompt"] == "ink wash, quick"


def test_the_loras_own_example_goes_before_the_forms_prompt(
    client: TestClient, settings: Settings
) -> None:
    images = [{"meta": None}, {"meta": {"prompt": "a fox in ink <lora:ink:0.8>"}}]
    beside(settings, "ink.civitai.info", trainedWords=["ink wash"], images=images)
    assert asked(client, "/api/jobs/trial", name="ink")["task"]["prompt"] == "a fox in ink"
    clip = write_video(settings.loras_dir, "ink.preview", metadata(prompt="a heron in ink"))
    assert clip.name == "ink.preview.mp4"
    client.post("/api/loras/refresh")
    assert asked(client, "/api/jobs/trial", name="ink")["task"]["prompt"] == "a heron in ink"
    said = client.get("/api/loras/example", params={"name": "ink"}).json()
    assert said["prompt"] == "a heron in ink"
    none = client.get("/api/loras/example", params={"name": "oil"}).json()
    assert none == {"prompt": "", "seed": None, "strength": None}


def test_an_accelerator_is_tried_with_its_own_settings(client: TestClient) -> None:
    job = asked(client, "/api/jobs/trial", name="lightning_4step")
    without, with_it = job["parts"]
    assert without["changes"] == dict.fromkeys(
        ("steps", "guidance_scale", "guidance_scale_2", "flow_shift")
    )
    assert (with_it["changes"]["steps"], with_it["changes"]["guidance_scale_2"]) == (4, 1.0)


def test_an_accelerator_of_the_form_stays_in_both(client: TestClient) -> None:
    task = {**TASK, "selected_loras": {"lightning_4step": 1.0, "oil": 1.0}, "steps": 4}
    job = asked(client, "/api/jobs/trial", name="ink", task=task)
    assert job["task"]["selected_loras"] == {"lightning_4step": 1.0}
    selected = job["parts"][1]["changes"]["selected_loras"]
    assert selected == {"lightning_4step": 1.0, "ink": 1.0}


def test_what_cannot_be_tried_is_refused_in_words(client: TestClient) -> None:
    answer = client.post("/api/jobs/trial", json={"name": "gone", "task": TASK})
    assert answer.status_code == 404 and answer.json()["error"]["suggestions"]
    empty = {**TASK, "prompt": ""}
    answer = client.post("/api/jobs/trial", json={"name": "ink", "task": empty})
    assert answer.json()["error"]["message"] == "Write a prompt first."
    assert client.get("/api/jobs").json() == []


def test_previews_of_those_without_one_are_kept_by_the_server(
    client: TestClient, settings: Settings
) -> None:
    settings.outputs_dir.mkdir(exist_ok=True)
    picture(settings.outputs_dir / "v.png", RED)
    video(settings.outputs_dir / "v.mp4", GREEN)
    picture(settings.loras_dir / "oil.png", GREEN)
    missing = client.get("/api/previews/missing", params={"model_type": "demo"}).json()["names"]
    assert missing == ["ink", "lightning_4step"]
    answer = asked(client, "/api/jobs/previews", names=missing)
    assert (answer["left_out"], answer["later"]) == ({}, [])
    assert [part["preview_of"] for part in answer["job"]["parts"]] == missing
    client.post("/api/queue/resume")

    def kept() -> bool:
        found = client.get("/api/loras/search").json()["loras"]
        return {lora["name"] for lora in found if lora["has_video"]} == set(missing)

    assert wait_until(kept, "the previews")
    params = {"model_type": "demo"}
    assert client.get("/api/previews/missing", params=params).json()["names"] == []


def test_what_can_have_no_preview_is_left_out_with_its_reason(
    client: TestClient, settings: Settings
) -> None:
    (settings.loras_dir / "broken.safetensors").write_bytes(b"nothing")
    answer = asked(client, "/api/jobs/previews", names=["ink", "broken", "ink"])
    assert list(answer["left_out"]) == ["broken"] and answer["left_out"]["broken"]
    assert [part["label"] for part in answer["job"]["parts"]] == ["ink"]
    refused = client.post("/api/jobs/previews", json={"names": ["broken"], "task": TASK})
    assert refused.status_code == 422 and refused.json()["error"]["suggestions"]
