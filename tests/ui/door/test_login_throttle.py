"""A password is guessed a few times a minute at most, and nobody locks the owner out."""

from __future__ import annotations

import base64
import time

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.identity import Identities
from wan_lora_studio.ui.door.login_throttle import EACH, TOGETHER, LoginThrottle

HERE, ELSEWHERE = "127.0.0.1", "203.0.113.7"


def authorization(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"ann:{password}".encode()).decode()}


def visitor(guard: Guard, address: str) -> TestClient:
    return TestClient(guard, base_url="http://localhost", client=(address, 5000))


@pytest.fixture
def guard() -> Guard:
    return Guard(PlainTextResponse("inside"), Access(identities=Identities(("ann", "right"))))


@pytest.mark.parametrize("address", [HERE, ELSEWHERE])
def test_after_some_guesses_one_has_to_wait(guard: Guard, address: str) -> None:
    client = visitor(guard, address)
    for _ in range(EACH.amount):
        assert client.get("/", headers=authorization("wrong")).status_code == 401
    for password in ("wrong", "right"):
        refused = client.get("/", headers=authorization(password))
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["retry-after"] in refused.json()["error"]["message"]


def test_asking_without_a_password_is_no_guess(guard: Guard) -> None:
    client = visitor(guard, ELSEWHERE)
    for _ in range(3 * EACH.amount):
        assert client.get("/").status_code == 401
    assert client.get("/", headers=authorization("right")).status_code == 200


def test_who_logs_in_is_not_counted(guard: Guard) -> None:
    client = visitor(guard, ELSEWHERE)
    for _ in range(3 * EACH.amount):
        assert client.get("/", headers=authorization("right")).status_code == 200


def test_many_that_guess_together_wait_and_the_owner_does_not(guard: Guard) -> None:
    for number in range(TOGETHER.amount):
        client = visitor(guard, f"203.0.113.{number}")
        assert client.get("/", headers=authorization("wrong")).status_code == 401
    assert visitor(guard, "198.51.100.1").get("/", headers=authorization("x")).status_code == 429
    assert visitor(guard, HERE).get("/", headers=authorization("right")).status_code == 200


def test_a_failed_login_is_logged_without_its_password(
    guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    visitor(guard, ELSEWHERE).get("/", headers=authorization("hunter2"))
    assert ELSEWHERE in caplog.text
    assert "hunter2" not in caplog.text


def test_the_wait_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle = LoginThrottle()
    for _ in range(EACH.amount):
        throttle.failed(ELSEWHERE)
    wait = throttle.wait(ELSEWHERE)
    later = time.time() + wait + 1
    monkeypatch.setattr("time.time", lambda: later)
    assert throttle.wait(ELSEWHERE) == 0
