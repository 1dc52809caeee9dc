"""Requests that no route answers, and malformed ones: a category of their own, a true cause."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The whole app with its page, as the page's framework would take any address."""
    folder = tmp_path_factory.mktemp("app")
    command = [sys.executable, "-m", "tests.support.scripted_app", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            with httpx.Client(base_url=process.stdout.readline().strip(), timeout=60) as client:
                yield client
        finally:
            process.terminate()


def refusal(
    client: httpx.Client, method: str, path: str, status: int, **more: Any
) -> dict[str, Any]:
    answer = client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) >= {"type", "category", "message", "cause", "suggestions", "context"}
    assert error["suggestions"]
    return error


@pytest.mark.parametrize("path", ["/api/job", "/api", "/api/loras/lost/deep/down", "/api/results/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_told_as_every_refusal(
    client: httpx.Client, method: str, path: str
) -> None:
    error = refusal(client, method, path, 404)
    assert error["category"] == "request"
    assert path in error["message"]


def test_a_text_that_is_too_large_is_413(client: httpx.Client) -> None:
    body = {"filename": "a.json", "text": "x" * 1_000_001}
    error = refusal(client, "POST", "/api/sets/import", 413, json=body)
    assert error["category"] == "request"


def test_of_very_many_problems_the_first_are_named(client: httpx.Client) -> None:
    body = {"name": "a" * 500, "loras": [{"nme": "x"}] * 5000}
    error = refusal(client, "POST", "/api/sets", 422, json=body)
    assert len(error["context"]["problems"]) == 21
    assert "more" in error["message"]


def test_an_address_that_is_nearly_right_is_suggested(client: httpx.Client) -> None:
    suggestions = refusal(client, "GET", "/api/stauts", 404)["suggestions"]
    assert "Did you mean /api/status?" in suggestions


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/jobs/1/cancel", "POST"),
        ("DELETE", "/api/status", "GET"),
        ("DELETE", "/api/selection", "GET, PATCH, PUT"),
        ("POST", "/api/loras", "GET"),
        ("POST", "/api/loras/upload", "PUT"),
        ("POST", "/metrics", "GET"),
        ("PUT", "/healthz", "GET"),
    ],
)
def test_a_wrong_method_comes_with_the_right_ones(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    error = refusal(client, method, path, 405)
    assert client.request(method, path).headers["allow"] == allowed
    assert error["category"] == "request"
    assert all(name in error["suggestions"][0] for name in allowed.split(", "))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"content": b"{bad", "headers": {"Content-Type": "application/json"}}, "not JSON"),
        ({}, "body: field required"),
        ({"json": [1]}, "body: input should be a valid dictionary"),
        ({"json": {"task": {"prompt": "x"}, "priority": 1000}}, "priority: input should be less"),
        ({"json": {"task": {"modeltype": "demo", "prompt": "x"}}}, "no field 'modeltype'"),
        ({"json": {"task": {"prompt": "x"}}}, "names no model"),
        (
            {"json": {"model_type": "demo", "prompt": "x", "parts": [{"changes": {"sed": 1}}]}},
            "no field 'parts'",
        ),
        (
            {"json": {"task": {"model_type": "demo"}, "parts": [{"changes": {"sed": 1}}]}},
            "no field 'sed'",
        ),
    ],
)
def test_a_malformed_request_says_what_is_wrong_with_it(
    client: httpx.Client, body: dict[str, Any], words: str
) -> None:
    error = refusal(client, "POST", "/api/jobs", 422, **body)
    assert (error["type"], error["category"]) == ("RequestError", "request")
    assert words in error["message"]
    assert "model" not in error["cause"]  # no model was asked for anything
