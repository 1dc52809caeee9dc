"""The extension in a host that runs: its component, its routes, its login, its errors."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI, Request
from gradio_client import Client
from gradio_client.exceptions import AppError
from starlette.testclient import TestClient

import lora_ui
from lora_ui.extension import LoRAExtension
from lora_ui.selection_value import SelectionValue
from tests.lora_ui.host_program import page, preset
from tests.lora_ui.hosts import Host, client_of, demo_library, http_of, running_host
from tests.support.paths import ROOT
from wan_lora_studio.errors import SettingsError

FOREIGN = ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"})


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with running_host(demo_library(tmp_path_factory.mktemp("host") / "My LoRAs")) as found:
        yield found


@pytest.fixture(scope="module")
def client(host: Host) -> Iterator[Client]:
    with client_of(host) as found:
        yield found


@pytest.fixture
def http(host: Host) -> Iterator[httpx.Client]:
    with http_of(host) as found:
        yield found


@pytest.fixture
def lora(tmp_path: Path) -> LoRAExtension:
    return LoRAExtension(demo_library(tmp_path / "loras"), model_type="demo")


@pytest.fixture(autouse=True)
def gradios_loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gradio makes an event loop for each page that is built, and closes none."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def kept() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", kept)
    yield
    for loop in made:
        loop.close()


def cards(http: httpx.Client) -> list[str]:
    return [card["name"] for card in http.get("/api/loras/cards").json()["loras"]]


def test_the_value_goes_in_and_comes_out_through_the_client(client: Client) -> None:
    picked = {"golden_hour": 0.5, "pixel_mosaic": {"high": 1, "low": 0}}
    assert client.predict(picked, api_name="/generate_0") == {
        "picked": {"golden_hour": 0.5, "pixel_mosaic": {"high": 1.0, "low": 0.0}}
    }
    assert client.predict(api_name="/preset_0") == preset()
    assert client.predict({}, api_name="/generate_0") == {"picked": {}}


def test_the_api_says_what_the_value_is(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    (picked,) = named["/generate_0"]["parameters"]
    assert picked["parameter_name"] == "picked"
    assert picked["python_type"]["type"] == "dict(str, Any)"
    assert "{name: strength}" in picked["python_type"]["description"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"golden_hour": "lots"}, "golden_hour: 'lots' is not a strength"),
        ({"golden_hour": {"middle": 1}}, "experts are 'high' and 'low', not middle"),
        ([0.5], "it is not an object of names and strengths"),
    ],
)
def test_a_bad_value_is_refused_in_words(value: Any, words: str, client: Client) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(value, api_name="/generate_0")


def test_nothing_is_selected_where_nothing_was_said(lora: LoRAExtension) -> None:
    with gr.Blocks():
        value = lora.controls()
    assert value.preprocess(None) == {}
    assert value.postprocess(None) is None
    assert value.postprocess({"a": 1}) == {"a": 1.0}
    with pytest.raises(gr.Error, match="not a strength"):
        value.postprocess({"a": "b"})


def test_an_update_of_the_component_keeps_what_it_is(lora: LoRAExtension) -> None:
    """As an event does it: Gradio builds the component again from its arguments."""
    with gr.Blocks():
        value = lora.controls()
        again = type(value)(**{**value.constructor_args, "visible": False})
    assert isinstance(again, SelectionValue)
    assert again.get_config()["component_class_name"] == "SelectionValue"
    assert again.get_block_name() == "html"


def test_the_routes_work_below_a_prefix_of_their_own(http: httpx.Client, host: Host) -> None:
    assert host.keys[0].startswith("my-loras-")
    assert cards(http) == ["golden_hour", "pixel_mosaic"]
    body = (ROOT / "loras" / "motion_trail.safetensors").read_bytes()
    made = http.put("/api/loras/upload", params={"filename": "m.safetensors"}, content=body)
    assert made.status_code == 201
    assert cards(http) == ["golden_hour", "m", "pixel_mosaic"]
    gone = http.post("/api/loras/delete", json={"name": "m"}).json()
    assert gone["ok"] and cards(http) == ["golden_hour", "pixel_mosaic"]
    script = http.get("/lora_ui/assets/hosted_panel.js")
    assert script.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert script.headers["x-content-type-options"] == "nosniff"
    assert http.get("/api/nothing").status_code == 404


def test_the_status_is_sent_again_only_when_it_is_other(http: httpx.Client) -> None:
    status = http.get("/api/status").json()
    assert status["loras"] == {}
    assert http.get("/api/status", params={"rev": status["rev"]}).status_code == 204
    http.post("/api/loras/edit", json={"name": "golden_hour", "changes": {"notes": "a"}})
    assert http.get("/api/status", params={"rev": status["rev"]}).status_code == 200


def test_the_session_needs_no_cookie_and_its_cookie_is_its_own(
    http: httpx.Client, host: Host
) -> None:
    change = {"loras": {"golden_hour": {"add": True, "strength": 0.5}}}
    first = http.patch("/api/selection", json=change)
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"lora_session_{host.keys[0]}=") and "Path" not in cookie
    http.cookies.clear()
    told = http.patch("/api/selection", json={"session": first.json()["session"]}).json()
    assert told["selected_loras"] == {"golden_hour": 0.5}


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_sites_page_changes_nothing(headers: dict[str, str], http: httpx.Client) -> None:
    refused = http.post("/api/loras/delete", json={"name": "golden_hour"}, headers=headers)
    assert refused.status_code == 403
    assert "another site" in refused.json()["error"]["message"]
    assert "golden_hour" in cards(http)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://public.example"},
        {"X-Forwarded-Host": "public.example", "Origin": "https://public.example"},
    ],
)
def test_the_page_itself_may_behind_a_proxy(headers: dict[str, str], http: httpx.Client) -> None:
    body = {"name": "golden_hour", "changes": {"notes": "b"}}
    assert http.post("/api/loras/edit", json=body, headers=headers).json()["ok"]


def test_whoever_is_not_logged_in_sees_nothing(tmp_path: Path) -> None:
    with (
        running_host(demo_library(tmp_path / "loras"), auth=("me", "secret")) as host,
        http_of(host) as http,
    ):
        refused = http.get("/api/status")
        assert refused.status_code == 401
        assert "Log in" in refused.json()["error"]["suggestions"][0]
        assert http.get("/lora_ui/assets/lora_tab.js").status_code == 401
        http.post(f"{host.address}login", data={"username": "me", "password": "secret"})
        assert http.get("/api/status").status_code == 200


@pytest.mark.parametrize("order", ["before", "after"])
def test_it_is_mounted_under_a_prefix(order: str, lora: LoRAExtension) -> None:
    app = FastAPI()
    if order == "before":
        lora.attach(app)
    gr.mount_gradio_app(app, page(lora), path="/studio")
    if order == "after":
        lora.attach(app)
    lora.attach(app)  # once more does no harm
    http = TestClient(app)
    for prefix in ("/studio", "", "/behind/a/proxy/studio"):
        found = http.get(f"{prefix}/lora-studio/{lora.key}/api/loras/cards")
        assert len(found.json()["loras"]) == 2
    assert http.get("/studio/config").status_code == 200


def test_the_login_of_a_mounted_page_counts(lora: LoRAExtension, tmp_path: Path) -> None:
    def user(request: Request) -> str | None:
        return request.headers.get("x-user")

    other = LoRAExtension(demo_library(tmp_path / "open"), model_type="demo")
    app = FastAPI()
    for each in (lora, other):
        each.attach(app)
    gr.mount_gradio_app(app, page(lora), path="/closed", auth_dependency=user)
    gr.mount_gradio_app(app, page(other), path="/open")
    http = TestClient(app)
    for prefix in ("/closed", "/open", ""):
        inside = f"{prefix}/lora-studio/{lora.key}/api/status"
        assert http.get(inside).status_code == 401
        assert http.get(inside, headers={"x-user": "me"}).status_code == 200
    assert http.get(f"/open/lora-studio/{other.key}/api/status").status_code == 200


def test_two_libraries_on_one_page_do_not_mix(tmp_path: Path) -> None:
    one = demo_library(tmp_path / "loras", "golden_hour")
    two = demo_library(tmp_path / "more" / "loras", "pixel_mosaic")
    with running_host(one, two) as host:
        assert len(set(host.keys)) == 2
        with httpx.Client(timeout=120) as http:  # one browser, with the cookies of both
            for number, name in enumerate(("golden_hour", "pixel_mosaic")):
                inside = f"{host.inside(number)}/api"
                (card,) = http.get(f"{inside}/loras/cards").json()["loras"]
                assert card["name"] == name
                change = {"loras": {name: {"add": True, "strength": 1}}}
                for body in (change, {}):
                    told = http.patch(f"{inside}/selection", json=body).json()
                    assert list(told["selected_loras"]) == [name]


def test_another_library_is_shown_at_the_same_address(tmp_path: Path) -> None:
    with running_host(demo_library(tmp_path / "loras")) as host, http_of(host) as http:
        before = http.get("/api/status").json()
        host.show(demo_library(tmp_path / "others", "motion_trail"))
        after = http.get("/api/status", params={"rev": before["rev"]}).json()
        assert after["shown"] != before["shown"]
        assert cards(http) == ["motion_trail"]


def test_the_same_folder_has_the_same_address_after_a_restart(tmp_path: Path) -> None:
    folder = demo_library(tmp_path / "loras")
    first = LoRAExtension(folder, model_type="demo")
    assert LoRAExtension(str(folder), model_type="demo").key == first.key
    assert LoRAExtension(folder, model_type="demo", name="mine").key == "mine"


def test_its_data_lie_beside_the_library_and_nothing_else_is_written(tmp_path: Path) -> None:
    here, library = tmp_path / "here", tmp_path / "somewhere" / "loras"
    here.mkdir()
    script = (
        "import gradio as gr; from wan_lora_studio import LoRAExtension\n"
        f"lora = LoRAExtension(loras_dir={str(library)!r}, model_type='demo')\n"
        "with gr.Blocks(analytics_enabled=False):\n    lora.tab()\n    lora.controls()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=here, env=environment, check=True)
    assert list(here.iterdir()) == []
    assert {path.name for path in library.parent.iterdir()} == {"loras", ".loras-studio"}


def test_importing_it_writes_nothing(tmp_path: Path) -> None:
    script = "from wan_lora_studio import LoRAExtension, LoRAManager"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
    assert list(Path(lora_ui.__file__).parent.rglob("*.pyi")) == []


def test_wrong_use_is_told_in_words(lora: LoRAExtension, tmp_path: Path) -> None:
    for build in (lora.tab, lora.controls):
        with pytest.raises(SettingsError, match="outside of a Gradio page"):
            build()
    with gr.Blocks(analytics_enabled=False) as empty:
        gr.Textbox()
    with pytest.raises(SettingsError, match="nothing of this extension"):
        lora.launch(empty)
    with gr.Blocks(), pytest.raises(SettingsError, match="already"):
        lora.tab()
        lora.tab()
    with pytest.raises(SettingsError, match="cannot be attached to Blocks"):
        lora.attach(empty)
    with pytest.raises(SettingsError, match="no model 't2v'"):
        LoRAExtension(tmp_path / "loras", model_type="t2v")
    with pytest.raises(SettingsError, match="cannot be the name"):
        LoRAExtension(tmp_path / "loras", name="My LoRAs")
    with gr.Blocks(), pytest.raises(SettingsError, match="nothing to fill into colour"):
        lora.controls(fill={"colour": gr.Textbox()})


def test_two_extensions_of_one_address_are_refused(lora: LoRAExtension) -> None:
    app, again = FastAPI(), LoRAExtension(lora.loras_dir, model_type="demo")
    lora.attach(app)
    with pytest.raises(SettingsError, match="Another extension is attached"):
        again.attach(app)
    with gr.Blocks() as demo:
        lora.tab()
        with pytest.raises(SettingsError, match="already shows the tab of this library"):
            again.tab()
        again.controls()
    with pytest.raises(SettingsError, match="Another extension is attached"):
        lora.launch(demo)


def test_controls_may_stand_on_a_page_twice(lora: LoRAExtension) -> None:
    with gr.Blocks():
        ids = [lora.controls().elem_id for _ in range(3)]
    key = lora.key
    assert ids == [f"lora-controls-{key}", f"lora-controls-{key}-2", f"lora-controls-{key}-3"]
