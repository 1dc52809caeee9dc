"""The guard in front of everything."""

from __future__ import annotations

import base64

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from wan_lora_studio.ui.http.guard import Access, Guard

HERE_ONLY = Access()


def client(access: Access = HERE_ONLY, host: str = "127.0.0.1:7860") -> TestClient:
    return TestClient(Guard(PlainTextResponse("inside"), access), base_url=f"http://{host}")


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "[::1]:7860"])
def test_this_computers_names_are_let_in(host: str) -> None:
    assert client(host=host).get("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.2"])
def test_a_foreign_host_is_refused(host: str) -> None:
    answer = client(host=host).get("/")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_another_sites_page_cannot_post() -> None:
    answer = client().post("/", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1:9999"])
def test_neither_can_another_port_or_a_file(origin: str) -> None:
    assert client().put("/", headers={"Origin": origin}).status_code == 403


def test_our_own_page_can_post() -> None:
    answer = client().post("/", headers={"Origin": "http://127.0.0.1:7860"})
    assert answer.status_code == 200


def test_every_answer_forbids_sniffing() -> None:
    assert client().get("/").headers["x-content-type-options"] == "nosniff"


def test_a_login_is_asked_for_everywhere() -> None:
    access = Access(hosts=None, login=("ann", "grün:1"))
    guarded = client(access, host="example.lan")
    refused = guarded.get("/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    right = base64.b64encode("ann:grün:1".encode()).decode()
    assert guarded.get("/", headers={"Authorization": f"Basic {right}"}).status_code == 200


@pytest.mark.parametrize("value", ["Basic YW5uOndyb25n", "Basic ???", "Bearer x", ""])
def test_a_wrong_login_is_refused(value: str) -> None:
    access = Access(hosts=None, login=("ann", "right"))
    assert client(access).get("/", headers={"Authorization": value}).status_code == 401
