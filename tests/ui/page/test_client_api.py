"""The app as the Gradio client sees it: the real page, and a queue whose worker runs scripts."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.support.jobs.scripted_queue import wait_until
from tests.support.paths import ROOT
from tests.support.result_files import metadata, write_video

LORAS = ROOT / "loras"
DEMO_LORA = LORAS / "golden_hour.safetensors"
PAIR_HALVES = [LORAS / f"neon_outline_{half}_noise.safetensors" for half in ("high", "low")]
SHOWN, IN_A_SET = LORAS / "pixel_mosaic.safetensors", LORAS / "motion_trail.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    command = [sys.executable, "-m", "tests.support.scripted_app", str(folder)]
    own = {**os.environ, "GRADIO_TEMP_DIR": str(folder / "gradio")}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=own) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            patient = {"timeout": 120}  # seconds, instead of five
            client = Client(address, verbose=False, analytics_enabled=False, httpx_kwargs=patient)
            yield client
            client.close()
        finally:
            process.terminate()


def status(client: Client) -> dict[str, Any]:
    with urllib.request.urlopen(f"{client.src}api/status") as answer:
        return dict(json.load(answer))


def test_only_what_is_meant_for_it_is_named(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {
        *("/submit", "/job", "/wait", "/cancel", "/retry", "/generate"),
        *("/status", "/loras", "/results"),
        *("/upload", "/rename", "/delete", "/undo", "/edit", "/pair", "/split"),
        *("/thumbnail", "/set_thumbnail", "/clear_thumbnail"),
        *("/sets", "/save_set", "/delete_set"),
    }
    names = [item["parameter_name"] for item in named["/submit"]["parameters"]]
    assert names == ["task", "parts", "priority", "grid"]


def test_a_video_is_made_and_waited_for(client: Client) -> None:
    task = {"model_type": "demo", "prompt": "steps 3", "seed": 5}
    job = client.predict(task, api_name="/generate")
    assert (job["state"], job["task"]["seed"]) == ("done", 5)
    assert job["result"]["video_path"] == "v.mp4"


def test_a_batch_is_queued_looked_at_and_cancelled(client: Client) -> None:
    task = {"model_type": "demo", "prompt": "slow"}
    parts = [{"label": "one", "changes": {"seed": 1}}, {"label": "two", "changes": {"seed": 2}}]
    job = client.predict(task, parts, 3, api_name="/submit")
    assert (job["priority"], [part["label"] for part in job["parts"]]) == (3, ["one", "two"])
    look = {"api_name": "/job"}
    wait_until(lambda: client.predict(job["id"], **look)["state"] == "running", "running")
    client.predict(job["id"], api_name="/cancel")
    wait_until(lambda: client.predict(job["id"], **look)["state"] == "cancelled", "cancelled")


def test_a_grid_is_queued(client: Client) -> None:
    grid = {"x": {"of": "seed", "values": [1, 2]}, "y": {"of": "steps", "values": [3]}}
    job = client.predict({"model_type": "demo", "prompt": "quick"}, [], 0, grid, api_name="/submit")
    assert job["grid"]["y"]["labels"] == ["3"]
    assert [part["cell"] for part in job["parts"]] == [[0, 0], [1, 0]]
    done = client.predict(job["id"], 60, api_name="/wait")
    assert done["id"] == job["id"]


def test_a_cancelled_job_is_run_again(client: Client) -> None:
    job = client.predict({"model_type": "demo", "prompt": "slow"}, api_name="/submit")
    look = {"api_name": "/job"}
    for again in (False, True):
        if again:
            assert client.predict(job["id"], api_name="/retry")["state"] == "queued"
        wait_until(lambda: client.predict(job["id"], **look)["state"] == "running", "running")
        assert client.predict(api_name="/status")["running"][0]["id"] == job["id"]
        client.predict(job["id"], api_name="/cancel")
        wait_until(lambda: client.predict(job["id"], **look)["state"] == "cancelled", "cancelled")


def test_loras_and_results_are_found(client: Client, folder: Path) -> None:
    for name in ("neon", "other"):
        shutil.copy(DEMO_LORA, folder / "loras" / f"{name}.safetensors")
        write_video(folder / "outputs", name, metadata({}, id=name, prompt=f"a {name} fox"))
    wait_until(lambda: client.predict(api_name="/loras")["total"] == 2, "both LoRAs")
    found = client.predict("neon", api_name="/loras")
    assert found["names"] == ["neon"]
    assert "demo" in found["loras"][0]["compatible_models"]
    page = client.predict("fox", "", 1, api_name="/results")
    assert page["total"] == 2 and len(page["results"]) == 1
    (rest,) = client.predict("fox", page["next"], 5, api_name="/results")["results"]
    assert {rest["prompt"], page["results"][0]["prompt"]} == {"a neon fox", "a other fox"}


def test_waiting_ends_with_a_change_of_the_state(client: Client) -> None:
    job = client.predict({"model_type": "demo", "prompt": "slow"}, api_name="/submit")
    states = [job["state"]]
    while states[-1] != "running":
        states.append(client.predict(job["id"], 1, api_name="/wait")["state"])
    waiting = client.submit(job["id"], api_name="/wait")
    client.predict(job["id"], api_name="/cancel")
    assert waiting.result(timeout=120)["state"] == "cancelled"
    assert client.predict(job["id"], api_name="/wait")["state"] == "cancelled"


def uploads_of_gradio(folder: Path) -> list[Path]:
    """What calls have sent and still lies about."""
    return [path for path in (folder / "gradio").rglob("*") if path.is_file()]


def test_a_lora_comes_is_changed_goes_and_comes_back(client: Client, folder: Path) -> None:
    sent = handle_file(str(PAIR_HALVES[0]))
    record = client.predict(sent, "styles", "mine.safetensors", api_name="/upload")
    assert (record["name"], "path" in record) == ("mine", False)
    assert (folder / "loras" / "styles" / "mine.safetensors").is_file()
    assert client.predict("mine", "dusk", api_name="/rename")["name"] == "dusk"
    edited = client.predict("dusk", {"title": "Dusk", "tags": ["light"]}, api_name="/edit")
    assert edited["metadata"]["tags"] == ["light"]
    token = client.predict("dusk", api_name="/delete")["undo"]
    assert client.predict("dusk", api_name="/loras")["total"] == 0
    assert client.predict(["dusk"], token, api_name="/undo")[0]["name"] == "dusk"
    other = client.predict(handle_file(str(PAIR_HALVES[1])), api_name="/upload")
    pair = client.predict("dusk", other["name"], api_name="/pair")
    assert set(pair["files"]) == {"high", "low"}
    assert len(client.predict(pair["name"], api_name="/split")) == 2
    assert uploads_of_gradio(folder) == []


def test_a_picture_is_chosen_shown_and_taken_back(client: Client, folder: Path) -> None:
    (folder / "loras").mkdir(exist_ok=True)
    client.predict(handle_file(str(SHOWN)), api_name="/upload")
    drawn = client.predict(SHOWN.stem, api_name="/thumbnail")
    cover = folder / "cover.png"
    Image.new("RGB", (64, 64), "orange").save(cover)
    client.predict(SHOWN.stem, handle_file(str(cover)), api_name="/set_thumbnail")
    chosen = base64.b64decode(client.predict(SHOWN.stem, api_name="/thumbnail"))
    with Image.open(io.BytesIO(chosen)) as picture:
        assert picture.format == "WEBP"
        assert picture.convert("RGB").getpixel((5, 5))[2] < 60  # type: ignore[index]
    client.predict(SHOWN.stem, api_name="/clear_thumbnail")
    assert client.predict(SHOWN.stem, api_name="/thumbnail") == drawn
    assert uploads_of_gradio(folder) == []


def test_a_set_is_kept_used_in_a_job_and_forgotten(client: Client) -> None:
    client.predict(handle_file(str(IN_A_SET)), "", "warm.safetensors", api_name="/upload")
    held = [{"name": "warm", "strength": 0.5}]
    assert client.predict("evening", held, api_name="/save_set") == "evening"
    with pytest.raises(AppError, match="already"):
        client.predict("evening", held, api_name="/save_set")
    assert [each["name"] for each in client.predict(api_name="/sets")] == ["evening"]
    task = {"model_type": "demo", "prompt": "quick", "set": "evening"}
    job = client.predict(task, api_name="/submit")
    assert job["task"]["selected_loras"] == {"warm": 0.5}
    assert client.predict("evening", api_name="/delete_set")[0]["name"] == "warm"
    with pytest.raises(AppError, match="no set named 'evening'"):
        client.predict(task, api_name="/submit")


def test_a_file_that_was_not_sent_is_not_taken(client: Client, folder: Path) -> None:
    own = folder / "own.safetensors"
    shutil.copy(DEMO_LORA, own)
    for endpoint, given in (("/upload", []), ("/set_thumbnail", ["golden_hour"])):
        with pytest.raises(AppError, match="No file came with this call"):
            client.predict(*given, {"path": str(own)}, api_name=endpoint)
    assert own.is_file()


def test_a_waiting_call_holds_up_no_other(client: Client) -> None:
    waiting = client.submit({"model_type": "demo", "prompt": "slow"}, api_name="/generate")
    wait_until(lambda: status(client)["running"], "the first one runs")
    job = client.predict({"model_type": "demo", "prompt": "quick"}, api_name="/submit")
    assert (job["state"], job["position"]) == ("queued", 1) and not waiting.done()
    client.predict(status(client)["running"][0]["id"], api_name="/cancel")
    with pytest.raises(AppError, match="is cancelled"):
        waiting.result(timeout=120)
    wait_until(lambda: client.predict(job["id"], api_name="/job")["state"] == "done", "the other")


def test_refusals_and_failures_come_in_words(client: Client) -> None:
    with pytest.raises(AppError, match="Write a prompt first"):
        client.predict({"model_type": "demo", "prompt": ""}, api_name="/submit")
    with pytest.raises(AppError, match="no run with this id"):
        client.predict("none", api_name="/job")
    with pytest.raises(AppError, match="priority"):
        client.predict({"model_type": "demo", "prompt": "quick"}, [], 1000, api_name="/submit")
