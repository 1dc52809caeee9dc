"""The stack's routes and those of sets, over a real library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lora_ui.http.router import create_lora_router
from tests.support.loras.files import tiny_model, write_lora
from utils import LoRAManager, LoRAUploadHandler, Settings, load_settings
from wan_lora_studio.lora.storage.load_history import Measured


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tiny_model(tmp_path / "models")
    for seed, name in enumerate(("style", "lightning_4steps")):
        write_lora(tmp_path / "loras" / f"{name}.safetensors", seed=seed)
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    return load_settings(**folders)


def serve(settings: Settings) -> TestClient:
    loras = LoRAManager(settings)
    app = FastAPI()
    app.include_router(create_lora_router(settings, loras, LoRAUploadHandler(settings, loras)))
    return TestClient(app)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with serve(settings) as client:
        yield client


def test_two_tabs_change_different_fields(client: TestClient) -> None:
    client.patch("/api/selection", json={"loras": {"style": {"add": True, "strength": 0.8}}})
    client.patch("/api/selection", json={"loras": {"style": {"on": False}}})
    last = client.patch("/api/selection", json={"loras": {"style": {"strength": 0.3}}}).json()
    assert last["stack"] == [
        {"name": "style", "strength": 0.3, "on": False, "words": [], "split": False}
    ]
    assert last["selected_loras"] == {}
    assert last["version"] == 3


def test_a_page_without_a_cookie_names_its_session(client: TestClient) -> None:
    """As in a frame of another site, where the browser sends none."""
    session = None
    for name in ("style", "lightning_4steps"):
        client.cookies.clear()
        body = {"loras": {name: {"add": True, "strength": 1}}, "session": session}
        found = client.patch("/api/selection", json=body).json()
        session = found["session"]
    assert set(found["selected_loras"]) == {"style", "lightning_4steps"}
    client.cookies.clear()
    body = {"loras": {"style": {"add": True, "strength": 1}}, "session": "made up"}
    other = client.patch("/api/selection", json=body).json()
    assert other["session"] not in ("made up", session)


def test_the_form_of_the_tab_decides_the_warnings(client: TestClient) -> None:
    body = {
        "model": "demo",
        "run": {"steps": 2, "flow_shift": 12, "guidance_scale": 4},
        "loras": {"lightning_4steps": {"add": True, "strength": 1}},
    }
    found = client.patch("/api/selection", json=body).json()
    assert {item["kind"] for item in found["warnings"]} == {"guidance", "no-step"}
    assert found["split"] == {"high": 2, "low": 0}
    assert found["accelerators"]["lightning_4steps"]["steps"] == 4


def test_the_costs_tell_how_far_they_were_off(client: TestClient, settings: Settings) -> None:
    body = {"loras": {"style": {"add": True, "strength": 1}}}
    first = client.patch("/api/selection", json=body).json()
    assert first["estimate_error"] == {"loads": 0, "seconds": 0.0, "memory": 0.0}
    loras = LoRAManager(settings)
    for _ in range(3):
        loras.record_load(["style"], "demo", Measured("merge", "cpu", True, 2.0, 10**6, 0))
    found = client.get("/api/selection").json()
    error = loras.estimate_memory_impact(["style"], "demo")
    assert found["estimate_error"]["loads"] == 3
    assert found["estimate_error"]["seconds"] == error["load_error"]
    assert found["estimate_error"]["memory"] == error["memory_error"]
    assert found["estimated_load_time"] == pytest.approx(2.0)


def test_the_stack_survives_a_restart(settings: Settings) -> None:
    with serve(settings) as client:
        change = {
            "loras": {"style": {"add": True, "strength": {"high": 1.0, "low": 0.2}}},
            "accelerated": {"name": "x", "before": {"steps": 20}},
        }
        client.patch("/api/selection", json=change)
        cookies = dict(client.cookies)
    with serve(settings) as again:
        again.cookies.update(cookies)
        found = again.get("/api/selection").json()
    assert found["selected_loras"] == {"style": {"high": 1.0, "low": 0.2}}
    assert found["accelerated"] == {"name": "x", "before": {"steps": 20}}


def test_a_typed_strength_is_read_as_wangp_does(client: TestClient) -> None:
    body = {"text": "1,0.5;0.2", "model": "demo", "run": {"steps": 4, "flow_shift": 3}}
    answer = client.post("/api/selection/strength", json=body)
    assert answer.json() == {"strength": {"high": [[0.0, 1.0], [0.25, 0.5]], "low": 0.2}}
    wrong = client.post("/api/selection/strength", json={"text": "a lot"})
    assert wrong.status_code == 422
    assert wrong.json()["error"]["suggestions"]


def test_a_person_can_say_what_an_accelerator_is(client: TestClient) -> None:
    client.patch("/api/selection", json={"loras": {"style": {"add": True, "strength": 1}}})
    client.post("/api/loras/accelerator", json={"name": "style", "accelerator": True})
    assert "style" in client.get("/api/selection").json()["accelerators"]
    client.post("/api/loras/accelerator", json={"name": "style", "accelerator": False})
    assert client.get("/api/selection").json()["accelerators"] == {}


def test_sets_are_saved_renamed_exported_imported_and_deleted(client: TestClient) -> None:
    loras = [{"name": "style", "strength": 0.5, "on": False}]
    saved = client.post("/api/sets", json={"name": "look", "loras": loras}).json()
    assert saved["sets"][0]["loras"][0]["on"] is False
    taken = client.post("/api/sets", json={"name": "look", "loras": loras})
    assert (taken.status_code, taken.json()["error"]["context"]["taken"]) == (409, "look")
    client.post("/api/sets/rename", json={"name": "look", "new_name": "my löök"})
    file = client.get("/api/sets/export", params={"name": "my löök"})
    assert "attachment" in file.headers["content-disposition"]
    body = {"filename": "my löök.json", "text": file.text}
    assert client.post("/api/sets/import", json=body).json()["name"] == "my löök 2"
    gone = client.post("/api/sets/delete", json={"name": "my löök"}).json()
    assert [item["name"] for item in gone["deleted"]] == ["style"]
    assert [item["name"] for item in client.get("/api/sets").json()["sets"]] == ["my löök 2"]
    missing = client.get("/api/sets/export", params={"name": "never"})
    assert missing.status_code == 404


def test_prompts_are_read_for_the_stack(client: TestClient) -> None:
    body = {
        "prompt": "a fox <lora:style:0.8:0.4> <lora:stile:1> <lora:style:loud>, {a|b}",
        "negative_prompt": "dull <lora:Lightning_4steps:0.5>",
    }
    found = client.post("/api/selection/prompt", json=body).json()
    assert found["prompt"] == "a fox <lora:stile:1> <lora:style:loud>, {a|b}"
    assert found["negative_prompt"] == "dull"
    assert found["selected_loras"] == {
        "style": {"high": 0.8, "low": 0.4},
        "lightning_4steps": 0.5,
    }
    assert found["tags"] == ["<lora:style:0.8:0.4>", "<lora:Lightning_4steps:0.5>"]
    assert "loud is not a number" in found["unread"][0]
    assert found["unread"][1].endswith("Did you mean 'style'?")
    assert len(found["warnings"]) == 1
    assert client.get("/api/selection").json()["stack"] == []
