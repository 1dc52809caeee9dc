"""The app as the Gradio client sees it: the real page, and a queue whose worker runs scripts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.support.jobs.scripted_queue import wait_until
from tests.support.paths import ROOT
from tests.support.result_files import metadata, write_video

DEMO_LORA = ROOT / "loras" / "golden_hour.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    command = [sys.executable, "-m", "tests.support.scripted_app", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
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
        *("/submit", "/job", "/cancel", "/retry", "/generate"),
        *("/status", "/loras", "/results"),
    }
    names = [item["parameter_name"] for item in named["/submit"]["parameters"]]
    assert names == ["task", "parts", "priority"]


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
    with pytest.raises(AppError, match="the prompt is empty"):
        client.predict({"model_type": "demo", "prompt": ""}, api_name="/submit")
    with pytest.raises(AppError, match="no run with this id"):
        client.predict("none", api_name="/job")
    with pytest.raises(AppError, match="priority"):
        client.predict({"model_type": "demo", "prompt": "quick"}, [], 1000, api_name="/submit")
