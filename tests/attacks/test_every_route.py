"""Every address of the app, read from the app, against everybody who must not use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.jobs.scripted_queue import SCRIPTED
from utils import JobQueue, LoRAManager, LoRAUploadHandler, load_settings
from wan_lora_studio.accounts import ROLES, SignIns, UserFile, may
from wan_lora_studio.ui.door import Access, Guard, Identities, create_sign_in_router
from wan_lora_studio.ui.door.needed_roles import READS, needed_role
from wan_lora_studio.ui.http.api import build_api

PASSWORD = "correct horse"
FOREIGN: dict[str, dict[str, str]] = {
    "a foreign origin": {"Origin": "https://evil.example"},
    "no origin": {"Origin": "null"},
    "another port": {"Origin": "http://localhost:9999"},
    "another scheme": {"Origin": "https://localhost"},
    "a foreign fetch": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a neighbour's fetch": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    "a foreign frame": {
        "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe",
    },
}  # fmt: skip
OPEN = {("GET", "/healthz")}  # to whoever comes from a page of ours, or from none


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[tuple[TestClient, list[tuple[str, str]]]]:
    """The app behind its guard, with a user of each role, and all of its addresses."""
    settings = load_settings(**{f"{n}_dir": folder / n for n in ("loras", "outputs", "data")})
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    users = UserFile(folder / "users.json")
    for role in ROLES:
        users.add(role, PASSWORD, role)
    identities = Identities(None, users, SignIns(folder / "sign_ins.sqlite"))
    app = build_api(
        settings, loras, LoRAUploadHandler(settings, loras), queue,
        more=[create_sign_in_router(identities)],
    )  # fmt: skip
    found = [
        (method.upper(), re.sub(r"\{.*?\}", "x", path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
    guard = Guard(app, Access(identities=identities))
    # Not entered: the queue does not start, and nothing that is let through changes anything.
    yield TestClient(guard, base_url="http://localhost", raise_server_exceptions=False), found


def test_there_are_as_many_as_there_should_be(
    guarded: tuple[TestClient, list[tuple[str, str]]],
) -> None:
    assert len(guarded[1]) > 75


@pytest.mark.parametrize("who", FOREIGN)
def test_another_site_may_ask_nothing(
    guarded: tuple[TestClient, list[tuple[str, str]]], who: str
) -> None:
    client, addresses = guarded
    by_fetch = "Sec-Fetch-Site" in FOREIGN[who]
    for method, path in addresses:
        if method in READS and not by_fetch:
            continue  # what an origin alone says is about changes
        answer = client.request(
            method, path, headers=FOREIGN[who], auth=("admin", PASSWORD), json={}
        )
        assert answer.status_code == 403, (method, path, answer.status_code)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "169.254.169.254"])
def test_a_foreign_host_is_served_nothing(
    guarded: tuple[TestClient, list[tuple[str, str]]], host: str
) -> None:
    client, addresses = guarded
    for method, path in addresses:
        answer = client.request(method, path, headers={"Host": host}, auth=("admin", PASSWORD))
        assert answer.status_code == 400, (method, path, answer.status_code)


def test_a_stranger_may_do_nothing(guarded: tuple[TestClient, list[tuple[str, str]]]) -> None:
    client, addresses = guarded
    for method, path in addresses:
        if (method, path) not in OPEN:
            assert client.request(method, path).status_code == 401, (method, path)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_what_it_may_not(
    guarded: tuple[TestClient, list[tuple[str, str]]], role: Any
) -> None:
    client, addresses = guarded
    forbidden = [each for each in addresses if not may(role, needed_role(*each))]
    assert (len(forbidden) > 5) == (role != "admin")
    for method, path in forbidden:
        answer = client.request(method, path, auth=(role, PASSWORD))
        assert answer.status_code == 403, (method, path, answer.status_code)
        assert needed_role(method, path) in answer.json()["error"]["message"]


def test_nothing_of_it_changed_anything(folder: Path) -> None:
    for name in ("loras", "outputs"):
        assert [path for path in (folder / name).rglob("*") if path.is_file()] == [] or all(
            path.name.startswith(".") for path in (folder / name).iterdir()
        )
