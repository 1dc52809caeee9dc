"""The queue over HTTP, with a real queue whose worker runs scripts."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.jobs.scripted_queue import SCRIPTED, wait_until
from tests.support.loras.files import musubi, write_lora
from tests.support.result_files import metadata, write_video
from utils import JobQueue, LoRAManager, LoRAUploadHandler, Settings, load_settings
from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.identity import Identities
from wan_lora_studio.ui.http.api import build_api

TASK = {"model_type": "demo", "prompt": "quick"}
SAMPLE = re.compile(r'^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+$')


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(**folders)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The app as `app.py` serves it, with a login but without the page."""
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue, version="1.2")
    guarded = Guard(app, Access(frozenset({"studio.lan"}), Identities(("ann", "secret"))))
    with TestClient(guarded, base_url="http://studio.lan") as client:
        client.auth = ("ann", "secret")
        yield client


def submit(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/jobs", json={"task": TASK, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def wait_for(client: TestClient, job_id: str, state: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        job = client.get(f"/api/jobs/{job_id}").json()
        return job if job["state"] == state else None

    job: dict[str, Any] = wait_until(found, f"{job_id} {state}")
    return job


def paused(client: TestClient) -> None:
    assert client.post("/api/queue/pause").json() == {"paused": True}


def test_an_open_question_is_told_with_the_answer_to_a_submission(
    client: TestClient, settings: Settings
) -> None:
    write_lora(
        settings.loras_dir / "high_motion.safetensors", musubi(dim_scale=10, only=("self_attn.q",))
    )
    paused(client)
    task = {**TASK, "selected_loras": {"high_motion": 1.0}}
    (doubt,) = submit(client, task=task)["warnings"]
    assert doubt.startswith("high_motion may be for one expert only")
    changes = {"names": ["high_motion"], "changes": {"expert": "low"}}
    assert client.post("/api/loras/edit", json=changes).status_code == 200
    assert submit(client, task=task)["warnings"] == []


def test_a_batch_from_submit_to_its_results(client: TestClient) -> None:
    parts = [{"label": f"seed {seed}", "changes": {"seed": seed}} for seed in (1, 2)]
    job = submit(client, parts=parts, priority=3)
    assert (job["state"], job["priority"]) == ("queued", 3)
    done = wait_for(client, job["id"], "done")
    assert [part["result"]["task"]["seed"] for part in done["parts"]] == [1, 2]
    listed = client.get("/api/jobs", params={"summary": True}).json()
    assert [part["state"] for part in listed[0]["parts"]] == ["done", "done"]
    assert "task" not in listed[0]


def test_the_fields_of_a_task_alone_are_taken_too(client: TestClient) -> None:
    answer = client.post("/api/jobs", json={**TASK, "seed": 5.0, "steps": ""})
    assert answer.status_code == 201
    assert answer.json()["task"]["seed"] == 5


@pytest.mark.parametrize("given", ["5" * 32, "a/b", [1], 7])
def test_a_job_is_never_taken_for_the_result_whose_task_was_sent(
    client: TestClient, given: Any
) -> None:
    job = submit(client, task={**TASK, "id": given})
    assert re.fullmatch("[0-9a-f]{32}", job["id"]) and job["id"] != given
    assert job["task"]["id"] == job["id"]
    assert client.get(f"/api/jobs/{job['id']}").status_code == 200


def test_waiting_jobs_are_edited_moved_copied_and_removed(client: TestClient) -> None:
    paused(client)
    first, second = submit(client)["id"], submit(client)["id"]
    edit = {"task": {"prompt": "steps 2", "negative_prompt": None}, "priority": 0}
    edited = client.patch(f"/api/jobs/{first}", json=edit).json()
    assert (edited["task"]["prompt"], edited["position"]) == ("steps 2", 1)
    assert client.post(f"/api/jobs/{second}/move", json={"position": 1}).json()["position"] == 1
    copy = client.post(f"/api/jobs/{first}/duplicate")
    assert copy.status_code == 201 and copy.json()["task"]["seed"] == edited["task"]["seed"]
    other = client.post(f"/api/jobs/{first}/duplicate", json={"new_seed": True}).json()
    assert other["task"]["seed"] != edited["task"]["seed"]
    assert client.delete(f"/api/jobs/{copy.json()['id']}").status_code == 204
    order = [entry["id"] for entry in client.get("/api/status").json()["queue"]]
    assert order == [second, first, other["id"]]
    cleared = client.post("/api/queue/clear", json={"states": ["queued"]})
    assert cleared.json() == {"count": 3}
    assert client.post("/api/queue/resume").json() == {"paused": False}


def test_cancel_and_retry(client: TestClient) -> None:
    job = submit(client, task={**TASK, "prompt": "slow"})
    wait_for(client, job["id"], "running")
    answer = client.post(f"/api/jobs/{job['id']}/cancel").json()
    assert answer["ok"] and answer["job"]["id"] == job["id"]
    wait_for(client, job["id"], "cancelled")
    assert not client.post(f"/api/jobs/{job['id']}/cancel").json()["ok"]
    assert client.post(f"/api/jobs/{job['id']}/retry").json()["state"] in ("queued", "running")
    client.post(f"/api/jobs/{job['id']}/cancel")
    wait_for(client, job["id"], "cancelled")
    assert client.post("/api/queue/clear").json() == {"count": 1}


def test_waiting_ends_with_a_change_of_the_state(client: TestClient) -> None:
    job = submit(client, task={**TASK, "prompt": "steps 3"})["id"]
    seen = []
    while (seen[-1:] or ["queued"])[0] in ("queued", "running"):
        seen.append(client.get(f"/api/jobs/{job}", params={"wait": 60}).json()["state"])
    # Each answer brought news; it may have begun before the first question.
    assert seen in (["running", "done"], ["done"])
    assert client.get(f"/api/jobs/{job}", params={"wait": 60}).json()["result"]
    assert client.get(f"/api/jobs/{'0' * 32}", params={"wait": 60}).status_code == 404


@pytest.mark.parametrize("wait", ["0", "-1", "nan"])
def test_a_wait_of_no_time_is_none(client: TestClient, wait: str) -> None:
    paused(client)
    job = submit(client)["id"]
    answer = client.get(f"/api/jobs/{job}", params={"wait": wait})
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")


def test_a_job_names_a_set(client: TestClient, settings: Settings) -> None:
    for name in ("dusk", "fog"):
        weights = musubi(dim_scale=10, only=("self_attn.q",))
        write_lora(settings.loras_dir / f"{name}.safetensors", weights, {"name": name})
    paused(client)
    loras = [{"name": "dusk", "strength": 0.8}, {"name": "fog", "strength": 0.3, "on": False}]
    client.post("/api/sets", json={"name": "evening", "loras": loras})
    task = {**TASK, "set": "evening"}
    assert submit(client, task=task)["task"]["selected_loras"] == {"dusk": 0.8}
    own = submit(client, task={**task, "selected_loras": {"dusk": 0.1, "fog": 1.0}})
    assert own["task"]["selected_loras"] == {"dusk": 0.1, "fog": 1.0}
    said = submit(client, task={**task, "prompt": "quick <lora:dusk:0.4>"})
    assert said["task"]["selected_loras"] == {"dusk": 0.4}
    parts = [{"changes": {}}, {"changes": {"set": "evening"}}]
    made = submit(client, task={**TASK, "set": ""}, parts=parts)["parts"]
    held = [part["changes"].get("selected_loras") for part in made]
    assert held == [None, {"dusk": 0.8}]
    refused = client.post("/api/jobs", json={"task": {**TASK, "set": "night"}})
    assert refused.status_code == 404
    assert "no set named 'night'" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/api/jobs", {"task": {**TASK, "prompt": " ", "width": 13}}, (422, "width")),
        ("POST", "/api/jobs", {"task": {**TASK, "colour": 1}}, (422, "colour")),
        ("POST", "/api/jobs", {"task": TASK, "priority": 1000}, (422, "priority")),
        ("POST", "/api/jobs", {"task": TASK, "parts": [{"changes": {"a": 1}}]}, (422, "part 1")),
        ("POST", "/api/jobs", {"task": {**TASK, "selected_loras": {"no": 1}}}, (404, "no")),
        ("POST", "/api/jobs", [], (422, "body")),
        ("GET", "/api/jobs/unknown", None, (404, "no run")),
        ("PATCH", "/api/jobs/unknown", {}, (404, "no run")),
        ("POST", "/api/jobs/unknown/cancel", None, (404, "no run")),
        ("POST", "/api/jobs/unknown/retry", None, (404, "no run")),
        ("POST", "/api/jobs/unknown/move", {"position": 0}, (422, "position")),
        ("DELETE", "/api/jobs/unknown", None, (404, "no run")),
        ("POST", "/api/queue/clear", {"states": ["lost"]}, (422, "states")),
    ],
)
def test_a_refusal_says_what_and_what_next(
    client: TestClient, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    status, said = expected
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert said in error["message"] and error["suggestions"]


def test_a_job_that_is_done_is_neither_edited_nor_retried(client: TestClient) -> None:
    job_id = submit(client)["id"]
    wait_for(client, job_id, "done")
    for method, path in (("PATCH", ""), ("POST", "/retry")):
        answer = client.request(method, f"/api/jobs/{job_id}{path}", json={})
        assert answer.status_code == 409 and "is done" in answer.json()["error"]["message"]


def test_every_route_is_described(client: TestClient) -> None:
    api = client.get("/api/openapi.json").json()
    assert (api["info"]["title"], api["info"]["version"]) == ("Wan2.2 LoRA Studio", "1.2")
    for path in ("/api/jobs", "/api/results", "/api/loras", "/api/status", "/healthz", "/metrics"):
        assert path in api["paths"]
    ours = [path for path in api["paths"] if path.startswith(("/api/jobs", "/api/queue"))]
    assert len(ours) >= 10
    for path in ours:
        for operation in api["paths"][path].values():
            assert operation["description"] and operation["tags"]
    properties = api["components"]["schemas"]["Submission"]["properties"]
    assert {"task", "parts", "grid", "priority"} == set(properties)
    assert all("description" in field for field in properties.values())


def test_the_documentation_asks_no_other_host(client: TestClient) -> None:
    page = client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert client.get(f"/api/{address}").status_code == 200
    assert client.get("/docs").text != page.text


def test_health_needs_no_login_and_tells_nothing(client: TestClient) -> None:
    client.auth = None
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    for path in ("/metrics", "/api/jobs", "/api/docs", "/api/openapi.json", "/healthz/", "/"):
        assert client.get(path).status_code == 401
    assert client.post("/healthz", headers={"Origin": "http://evil.example"}).status_code == 403


def test_the_metrics_are_prometheus_text(client: TestClient) -> None:
    job_id = submit(client)["id"]
    wait_for(client, job_id, "done")
    counted = 'wan_lora_videos_total{outcome="done"} 1'
    wait_until(lambda: counted in client.get("/metrics").text, "its video counted")
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.match(line) for line in samples)
    assert 'wan_lora_jobs{state="done"} 1' in samples
    assert counted in samples
    assert 'wan_lora_stage_seconds_total{stage="sample"} 0.1' in samples
    assert "wan_lora_library_loras 0" in samples
    names = {line.split("{")[0].split(" ")[0] for line in samples}
    assert {line.split(" ")[2] for line in lines if line.startswith("# TYPE")} >= names


def test_an_estimate_queues_nothing(client: TestClient) -> None:
    wait_until(lambda: client.get("/api/status").json()["worker"]["memory"], "a worker has looked")
    answer = client.post("/api/jobs/estimate", json={"task": {"model_type": "demo"}})
    found = answer.json()
    assert (answer.status_code, found["known"], found["fits"]) == (200, True, True)
    assert 0 < found["needed"] < found["available"]
    task = {"model_type": "demo", "width": 16384, "height": 16384, "num_frames": 81}
    huge = client.post("/api/jobs/estimate", json={"task": task}).json()
    assert not huge["fits"] and "fewer frames" in " ".join(c["words"] for c in huge["changes"])
    assert client.post("/api/jobs/estimate", json={"task": {"model_type": "x"}}).status_code == 400
    assert client.get("/api/jobs").json() == []


def test_half_a_character_is_refused_in_words(client: TestClient) -> None:
    """JSON can hold one half of a pair; neither a file nor the queue's database can."""
    for body in (
        r'{"task": {"model_type": "demo", "prompt": "a \ud83d fox"}}',
        r'{"task": {"model_type": "demo", "prompt": "x", "negative_prompt": "\ud83d"}}',
        r'{"task": {"model_type": "demo"}, "parts": [{"changes": {"prompt": "\udc00"}}]}',
    ):
        answer = client.post(
            "/api/jobs", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422 and "half a character" in answer.text
    assert client.get("/api/jobs").json() == []


def test_health_says_what_cannot_be_listed(client: TestClient, settings: Settings) -> None:
    write_video(settings.outputs_dir, "a", metadata())
    assert client.get("/api/results").json()["total"] == 1
    settings.outputs_dir.rename(settings.outputs_dir.with_name("elsewhere"))

    def failing() -> Any:
        answer = client.get("/healthz")
        return answer if answer.status_code == 503 else None

    answer = wait_until(failing, "the folder missed")
    assert answer.json() == {
        "status": "failing",
        "problems": ["The gallery cannot be listed. The outputs folder is not there."],
    }


def test_the_page_and_a_watchdog_are_told_the_same(client: TestClient, settings: Settings) -> None:
    assert client.get("/api/status").json()["problems"] == []
    assert client.get("/healthz").status_code == 200
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as other, other:
        other.execute("ALTER TABLE jobs RENAME COLUMN priority TO rank")
    wait_until(lambda: client.get("/healthz").status_code == 503, "the watchdog's no")
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as other, other:
        other.execute("ALTER TABLE jobs RENAME COLUMN rank TO priority")
    wait_until(lambda: client.get("/api/status").json()["problems"] == [], "all well again")
    assert client.get("/healthz").status_code == 200


def test_what_was_set_aside_is_told_until_it_is_moved(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "jobs.sqlite").write_bytes(b"no database " * 400)
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    app = build_api(settings, loras, LoRAUploadHandler(settings, loras), queue)
    with TestClient(app, base_url="http://localhost") as plain:
        (notice,) = plain.get("/api/status").json()["notices"]
        assert notice.startswith("The job queue was damaged and has been set aside as jobs.damaged")
        assert plain.get("/healthz").status_code == 200, "a new queue takes jobs"


def test_cpu_use_is_in_the_status_and_the_metrics(client: TestClient) -> None:
    cpu = client.get("/api/status").json()["cpu"]
    assert set(cpu) == {"machine", "page", "workers", "cores"}
    assert all(0 <= cpu[name] <= 100 for name in ("machine", "page", "workers"))
    text = client.get("/metrics").text
    for name in ("machine", "page", "workers"):
        assert f'wan_lora_cpu_percent{{of="{name}"}} ' in text
    assert "# TYPE process_cpu_seconds_total counter" in text
    assert "wan_lora_worker_cpu_seconds " in text


@pytest.mark.parametrize("selected", ["[]", '"a"', '{"a":{"b":[[[]]]}}', '{"\\ud800":1}'])
def test_a_task_whose_loras_are_none_is_refused(selected: str, client: TestClient) -> None:
    body = f'{{"task":{{"model_type":"demo","prompt":"quick","selected_loras":{selected}}}}}'
    answer = client.post("/api/jobs", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["message"]


def test_a_page_may_ask_for_refusals_that_its_console_does_not_show(client: TestClient) -> None:
    asked = {"headers": {"Studio-Refusals": "quiet"}}
    refused = client.post("/api/jobs", json={"task": {**TASK, "prompt": ""}}, **asked)
    assert (refused.status_code, refused.headers["studio-status"]) == (200, "422")
    assert refused.json()["error"]["context"]["fields"] == {"prompt": "Write a prompt first."}
    gone = client.get("/api/jobs/none", **asked)
    assert (gone.status_code, gone.headers["studio-status"]) == (200, "404")
    done = client.get("/api/status", **asked)
    assert done.status_code == 200
    assert "studio-status" not in done.headers
    assert client.get("/api/jobs/none").status_code == 404


SEEDS = {"x": {"of": "seed", "lora": None, "values": [1, 2]}, "y": None}


def test_a_grid_is_planned_then_queued(client: TestClient) -> None:
    plan = client.post("/api/grids/plan", json={"task": TASK, "grid": SEEDS})
    assert plan.status_code == 200
    assert plan.json() == {
        "videos": 2, "columns": ["1", "2"], "rows": [], "seconds": None, "problems": [],
    }  # fmt: skip
    job = submit(client, grid=SEEDS)
    assert [part["cell"] for part in job["parts"]] == [[0, 0], [1, 0]]
    assert job["grid"]["x"]["labels"] == ["1", "2"]
    assert job["grid"]["y"] is None
    assert wait_for(client, job["id"], "done")["grid"] == job["grid"]


def test_problems_of_a_grid_are_told_by_the_plan_and_refused_by_the_queue(
    client: TestClient,
) -> None:
    twice = {"x": SEEDS["x"], "y": SEEDS["x"]}
    plan = client.post("/api/grids/plan", json={"task": TASK, "grid": twice})
    (problem,) = plan.json()["problems"]
    assert (plan.status_code, plan.json()["videos"]) == (200, 4)
    assert problem["text"].startswith("Both axes change the seed.")
    assert problem["axis"] is None
    refused = client.post("/api/jobs", json={"task": TASK, "grid": twice})
    assert refused.status_code == 422
    assert refused.json()["error"]["context"]["problems"] == [problem["text"]]


@pytest.mark.parametrize("address", ["/api/jobs", "/api/grids/plan"])
def test_a_grid_that_cannot_be_read_is_a_bad_request(client: TestClient, address: str) -> None:
    answer = client.post(address, json={"task": TASK, "grid": {"x": {"of": "seed"}}})
    assert answer.status_code == 400
    assert "x has no values" in answer.json()["error"]["message"]


def test_parts_and_a_grid_are_not_one_job(client: TestClient) -> None:
    both = {"task": TASK, "parts": [{"changes": {"seed": 1}}], "grid": SEEDS}
    answer = client.post("/api/jobs", json=both)
    assert answer.status_code == 400
    assert "either parts or a grid" in answer.json()["error"]["message"]
