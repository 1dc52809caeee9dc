"""One visitor may ask for much, but not for everything; nobody waits for somebody else."""

from __future__ import annotations

import time

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.rates import KINDS, Rates

EXAMPLES = {
    "asking": ("POST", "/api/jobs/estimate"),
    "jobs": ("POST", "/api/jobs"),
    "uploads": ("PUT", "/api/loras/upload"),
    "pictures": ("PUT", "/api/pictures"),
    "doors": ("POST", "/api/tokens"),
    "models": ("POST", "/api/models/x/download"),
    "searches": ("GET", "/api/loras/search"),
}


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == {name for name, _, _ in KINDS}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_kind_has_its_limit_and_leaves_the_others_alone(kind: str) -> None:
    rates, (method, path) = Rates(), EXAMPLES[kind]
    most = int(next(limit for name, limit, _ in KINDS if name == kind).partition("/")[0])
    assert not any(rates.wait("ann", method, path) for _ in range(most))
    assert 1 <= rates.wait("ann", method, path) <= 60
    assert rates.wait("bob", method, path) == 0
    assert all(rates.wait("ann", *EXAMPLES[other]) == 0 for other in EXAMPLES if other != kind)


def test_looking_is_free_and_the_wait_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates()
    assert not any(rates.wait("ann", "GET", "/api/status") for _ in range(10_000))
    while not rates.wait("ann", "POST", "/api/models/x/verify"):
        pass
    later = time.time() + 61
    monkeypatch.setattr("time.time", lambda: later)
    assert rates.wait("ann", "POST", "/api/models/x/verify") == 0


def test_the_answer_says_when_to_come_back() -> None:
    client = TestClient(
        Guard(PlainTextResponse("inside"), Access()),
        base_url="http://localhost",
        client=("127.0.0.1", 5000),
    )
    answers = [client.post("/api/models/x/verify") for _ in range(61)]
    assert [each.status_code for each in answers[:60]] == [200] * 60
    assert answers[60].status_code == 429
    assert answers[60].headers["retry-after"] in answers[60].json()["error"]["message"]
