"""What each role may do, asked over the whole list of the app's addresses."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.jobs.scripted_queue import SCRIPTED
from utils import JobQueue, LoRAManager, LoRAUploadHandler, load_settings
from wan_lora_studio.accounts import ROLES, Role, SignIns, UserFile, may
from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.identity import COOKIE, Identities
from wan_lora_studio.ui.door.needed_roles import READS, needed_role
from wan_lora_studio.ui.door.sign_in_page import account_of, create_sign_in_router
from wan_lora_studio.ui.http.api import build_api

PASSWORD = "correct horse"
OWN = {"POST /sign-in"}  # open to everybody


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Every method and path of ours, read from the application."""
    folder = tmp_path_factory.mktemp("app")
    settings = load_settings(**{f"{n}_dir": folder / n for n in ("loras", "outputs", "data")})
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    app = build_api(
        settings, loras, LoRAUploadHandler(settings, loras), queue,
        more=[create_sign_in_router(Identities())],
    )  # fmt: skip
    found = app.openapi()["paths"]
    return [(method.upper(), path) for path, methods in found.items() for method in methods]


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    made = UserFile(tmp_path / "users.json")
    for role in ROLES:
        made.add(role, PASSWORD, role)
    return made


@pytest.fixture
def identities(users: UserFile, tmp_path: Path) -> Identities:
    return Identities(None, users, SignIns(tmp_path / "sign_ins.sqlite"))


@pytest.fixture
def client(identities: Identities) -> Iterator[TestClient]:
    inside = FastAPI()
    inside.include_router(create_sign_in_router(identities))
    inside.router.routes.append(Route("/{path:path}", _answer, methods=["GET", "POST", "DELETE"]))
    guard = Guard(inside, Access(identities=identities))
    with TestClient(guard, base_url="http://localhost", follow_redirects=False) as made:
        yield made


def _answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse(f"inside as {account_of(request).name}")


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


def test_every_address_says_who_may_use_it(addresses: list[tuple[str, str]]) -> None:
    """A new one that changes something is an admin's until it is put in the table."""
    assert len(addresses) > 70
    changing = [(method, path) for method, path in addresses if method not in READS]
    admins = {f"{m} {p}" for m, p in changing if needed_role(m, p) == "admin"} - OWN
    assert admins == {
        "POST /api/loras/trash/empty",
        "POST /api/models/{name}/cancel",
        "POST /api/models/{name}/download",
        "POST /api/models/{name}/pause",
        "POST /api/models/{name}/remove",
        "POST /api/models/{name}/verify",
        "POST /api/queue/pause",
        "POST /api/queue/resume",
        "POST /api/results/trash/empty",
        "DELETE /api/results/trash/{result_id}",
    }
    viewers = {f"{m} {p}" for m, p in changing if needed_role(m, p) == "viewer"}
    assert viewers == {
        "POST /api/grids/plan",
        "POST /api/jobs/estimate",
        "POST /api/selection/prompt",
        "POST /api/selection/strength",
        "PUT /api/selection",
        "PATCH /api/selection",
        "PUT /api/results/read",
        "POST /api/sign-out",
        "DELETE /api/sign-ins/{key}",
        "DELETE /api/tokens/{key}",
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/api/loras", "viewer"),
        ("POST", "/api/jobs", "creator"),
        ("POST", "/api/loras/delete", "creator"),
        ("POST", "/api/models/x/remove", "admin"),
        ("GET", "/metrics", "admin"),
        ("POST", "/api/something/new", "admin"),
    ],
)
def test_a_role_does_what_it_may(
    client: TestClient, role: Role, method: str, path: str, needed: Role
) -> None:
    answer = client.request(method, path, headers=basic(role))
    assert answer.status_code == (200 if may(role, needed) else 403)
    if not may(role, needed):
        assert needed in answer.json()["error"]["message"]


def test_a_token_does_what_it_may(client: TestClient, users: UserFile) -> None:
    _, token = users.add_token("admin", "a script", "viewer")
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/loras", headers=bearer).text == "inside as admin"
    assert client.post("/api/jobs", headers=bearer).status_code == 403
    assert client.get("/api/loras", headers={"Authorization": "Bearer wls_x"}).status_code == 401


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> Any:
    return client.post("/sign-in", data={"name": name, "password": password})


def test_a_visitor_is_led_to_the_page_and_signs_in(client: TestClient) -> None:
    page = {"Accept": "text/html"}
    led = client.get("/", headers=page)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in")
    assert client.get("/api/loras").status_code == 401
    assert "password" in client.get("/sign-in", headers=page).text
    answer = sign_in(client, "creator")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/"))
    assert "secure" not in cookie
    assert client.get("/").text == "inside as creator"


def test_over_tls_the_cookie_goes_nowhere_else(identities: Identities) -> None:
    inside = FastAPI()
    inside.include_router(create_sign_in_router(identities))
    guard = Guard(inside, Access(identities=identities))
    client = TestClient(guard, base_url="https://localhost", follow_redirects=False)
    assert "secure" in sign_in(client, "viewer").headers["set-cookie"].lower()


def test_a_wrong_password_is_said_without_saying_which(client: TestClient) -> None:
    said = {sign_in(client, name, "wrong password").text for name in ("admin", "nobody")}
    assert len(said) == 1
    assert "name or the password" in said.pop()


def test_a_sign_in_ends_when_it_is_told_to(client: TestClient) -> None:
    sign_in(client, "creator")
    assert client.get("/api/me").json() == {"name": "creator", "role": "creator", "signs_in": True}
    key = client.get("/api/sign-ins").json()[0]["key"]
    assert client.delete(f"/api/sign-ins/{key}").status_code == 200
    assert client.get("/api/me").status_code == 401
    sign_in(client, "creator")
    assert client.post("/api/sign-out").status_code == 200
    assert client.get("/api/me").status_code == 401


def test_a_new_password_or_no_user_ends_the_sign_in(client: TestClient, users: UserFile) -> None:
    sign_in(client, "creator")
    users.set_password("creator", "a new password")
    assert client.get("/api/me").status_code == 401
    sign_in(client, "viewer")
    assert client.get("/api/me").status_code == 200
    users.remove("viewer")
    assert client.get("/api/me").status_code == 401


def test_a_cookie_of_ones_own_making_is_nobodys(client: TestClient) -> None:
    for value in ("", "x", "a" * 5000, "admin", "'; DROP TABLE sign_ins; --"):
        answer = client.get("/api/me", headers={"Cookie": f"{COOKIE}={value}"})
        assert answer.status_code == 401


def test_a_user_file_that_cannot_be_read_lets_nobody_in(
    client: TestClient, users: UserFile
) -> None:
    users.path.write_text("{")
    answer = client.get("/api/loras", headers=basic("admin"))
    assert answer.status_code == 503
    users.path.unlink()
    assert client.get("/api/loras", headers=basic("admin")).status_code == 503
    assert client.get("/healthz").status_code == 200


def test_where_there_are_no_users_nobody_is_asked(tmp_path: Path) -> None:
    identities = Identities(None, UserFile(tmp_path / "users.json"), None)
    guard = Guard(PlainTextResponse("inside"), Access(identities=identities))
    client = TestClient(guard, base_url="http://localhost")
    assert client.post("/api/models/x/remove").text == "inside"
