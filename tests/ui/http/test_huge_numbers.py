"""Numbers that no float, no SQLite and no message can hold, sent wherever a number is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.crash.full_disk_results import app
from tests.support.loras.files import write_lora
from utils import load_settings

HUGE = ("1" + "0" * 309, "-1" + "0" * 309, "1e400", "9" * 5000, '"' + "9" * 5000 + '"')
TASK = '{"model_type": "demo", "prompt": "quick", "selected_loras": {"style": %s}}'
BODIES = (
    ("PATCH", "/api/selection", '{"loras": {"style": {"add": true, "strength": %s}}}'),
    ("PATCH", "/api/selection", '{"loras": {"style": {"strength": {"high": [[%s, 1]]}}}}'),
    ("PUT", "/api/selection", '{"selected_loras": {"style": %s}}'),
    ("PATCH", "/api/selection", '{"run": {"steps": %s, "flow_shift": 3}}'),
    ("PATCH", "/api/selection", '{"run": {"guidance_scale": %s}}'),
    ("POST", "/api/selection/strength", '{"text": "%s"}'),
    ("POST", "/api/loras/edit", '{"names": ["style"], "changes": {"strength": %s}}'),
    ("POST", "/api/sets", '{"name": "a", "loras": [{"name": "style", "strength": %s}]}'),
    ("POST", "/api/jobs", f'{{"task": {TASK}}}'),
    ("POST", "/api/jobs", '{"priority": %s, "task": {"model_type": "demo", "prompt": "q"}}'),
    ("POST", "/api/jobs", '{"task": {"model_type": "demo", "prompt": "q", "seed": %s}}'),
    ("POST", "/api/jobs", '{"task": {"model_type": "demo", "prompt": "q", "steps": %s}}'),
    ("POST", "/api/jobs/estimate", '{"task": {"model_type": "demo", "width": %s}}'),
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    settings = load_settings(**folders, log_file_mb=0)
    settings.loras_dir.mkdir()
    write_lora(settings.loras_dir / "style.safetensors")
    with app(settings) as client:
        yield client


def test_no_number_in_a_body_is_an_error_of_the_servers_own(client: TestClient) -> None:
    for method, path, template in BODIES:
        for number in HUGE:
            body = template % (number.strip('"')[:1900] if '"%s"' in template else number)
            answer = client.request(
                method, path, content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code < 500, (method, path, number[:12], answer.text)
    for path in ("selection", "status", "jobs", "loras", "sets"):
        assert client.get(f"/api/{path}").status_code == 200


@pytest.mark.parametrize("name", ["since", "until", "limit", "cursor"])
def test_no_number_in_an_address_is_one_either(client: TestClient, name: str) -> None:
    for number in ("1" + "0" * 309, "1e309", "nan", "-inf", "9" * 400, "1e400_1", "1_" + "9" * 30):
        for path in ("results", "jobs", "loras"):
            assert client.get(f"/api/{path}?{name}={number}").status_code < 500
