"""The guard in front of everything."""

from __future__ import annotations

import base64

import pytest
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.testclient import TestClient

from wan_lora_studio.ui.door.guard import Access, Guard
from wan_lora_studio.ui.door.identity import Identities

HERE_ONLY = Access()
HOSTS = frozenset({"example.lan", "127.0.0.1"})
FROM_A_LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


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


def test_an_origin_is_compared_with_its_scheme() -> None:
    answer = client().post("/", headers={"Origin": "https://127.0.0.1:7860"})
    assert answer.status_code == 403


def test_a_proxy_says_which_origin_is_ours() -> None:
    proxied = {"X-Forwarded-Host": "studio.example", "X-Forwarded-Proto": "https"}
    ours, other = "https://studio.example", "http://studio.example"
    assert client().post("/", headers={**proxied, "Origin": ours}).status_code == 200
    assert client().post("/", headers={"Origin": other}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/api/loras/thumbnail?name=x", "/config", "/pwa_icon/192"])
def test_another_sites_page_cannot_ask_for_anything(method: str, path: str, site: str) -> None:
    for mode, destination in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        headers = {
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": mode,
            "Sec-Fetch-Dest": destination,
        }
        assert client().request(method, path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/guide", "/guide/README.md", "/api/docs"])
def test_a_link_of_another_site_leads_to_a_page(path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", **FROM_A_LINK}
    assert client().get(path, headers=headers).status_code == 200
    assert client().post(path, headers=headers).status_code == 403


def test_a_link_of_another_site_leads_to_nothing_else() -> None:
    headers = {"Sec-Fetch-Site": "cross-site", **FROM_A_LINK}
    assert client().get("/api/results/1/video", headers=headers).status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_page_and_an_address_bar_read_everything(site: str) -> None:
    assert client().get("/api/loras", headers={"Sec-Fetch-Site": site}).status_code == 200


def test_nobody_else_may_read_an_answer() -> None:
    inside = PlainTextResponse("inside", headers={"Access-Control-Allow-Origin": "*"})
    answer = TestClient(Guard(inside, HERE_ONLY), base_url="http://localhost").get("/")
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def policy_of(answer: Response) -> dict[str, str]:
    guarded = TestClient(Guard(answer, HERE_ONLY), base_url="http://localhost")
    said = guarded.get("/").headers["content-security-policy"]
    return dict(part.strip().split(" ", 1) for part in said.split(";"))


def test_a_page_loads_what_is_ours_only() -> None:
    policy = policy_of(HTMLResponse("<p>"))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())


@pytest.mark.parametrize("kind", ["application/json", "image/svg+xml", "video/mp4"])
def test_nothing_else_runs_a_script(kind: str) -> None:
    policy = policy_of(Response(b"", media_type=kind))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy and policy["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("host", ["evil.example", "", "[::1"])
def test_a_login_does_not_open_every_host(host: str) -> None:
    access = Access(HOSTS, Identities(("ann", "right")))
    assert client(access).get("/", headers={"Host": host}).status_code == 400


def test_every_answer_forbids_sniffing() -> None:
    assert client().get("/").headers["x-content-type-options"] == "nosniff"


def test_a_login_is_asked_for_everywhere() -> None:
    access = Access(HOSTS, Identities(("ann", "grün:1")))
    guarded = client(access, host="example.lan")
    refused = guarded.get("/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    right = base64.b64encode("ann:grün:1".encode()).decode()
    assert guarded.get("/", headers={"Authorization": f"Basic {right}"}).status_code == 200


@pytest.mark.parametrize("value", ["Basic YW5uOndyb25n", "Basic ???", "Bearer x", ""])
def test_a_wrong_login_is_refused(value: str) -> None:
    access = Access(HOSTS, Identities(("ann", "right")))
    assert client(access).get("/", headers={"Authorization": value}).status_code == 401
