"""Ways to a host's page: a login, a proxy that takes off a prefix."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import gradio
import pytest
from playwright.sync_api import Page, expect

from tests.browser.hosts.running import (
    GRADIO,
    HOSTS,
    UVICORN,
    Host,
    running,
    status_of,
    with_demo_loras,
)
from tests.browser.hosts.steps import Visit, open_tab, pick, type_strength, upload
from tests.browser.library.steps import one_demo_lora

COMMAND = [str(HOSTS / "workbench.py")]
PREFIX = "/wan"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with a login."""
    folder = with_demo_loras(tmp_path_factory.mktemp("locked"))
    launch = json.dumps({"auth": [["me", "secret"]]})
    with running(folder, COMMAND, GRADIO, LAUNCH=launch) as host:
        yield host


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host]]:
    """A host that knows its `root_path`, and the proxy before it."""
    folder = with_demo_loras(tmp_path_factory.mktemp("behind"))
    launch = json.dumps({"root_path": PREFIX})
    proxy = [str(HOSTS / "prefix_proxy.py")]
    with running(folder, COMMAND, GRADIO, LAUNCH=launch) as host:
        to_host = {"TARGET": host.address, "PREFIX": PREFIX}
        with running(tmp_path_factory.mktemp("proxy"), proxy, UVICORN, **to_host) as front:
            yield host, front


def use(page: Page, folder: Path) -> set[str]:
    """Upload, pick and generate; gives the addresses of ours that were asked for."""
    asked: set[str] = set()
    page.on("request", lambda request: "lora-studio" in request.url and asked.add(request.url))
    page.reload()
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(folder, "mine"))
    pick(page, "mine")
    open_tab(page, "Generate")
    type_strength(page, "mine", "0.5")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_label("Result")).to_have_value('{"mine": 0.5}')
    return asked


def passed_on(path: str) -> bool:
    """Whether Gradio's proxy, which renders pages with Node, leaves a path to Python."""
    rules = Path(gradio.__file__).parent / "templates" / "node" / "build" / "proxy_routes.js"
    text = rules.read_text(encoding="utf-8")
    prefixes = re.search(r"PYTHON_ROUTE_PREFIXES = \[(.*?)\]", text, re.DOTALL)
    assert prefixes is not None
    return path.startswith(tuple(re.findall(r'"(/.*?)"', prefixes[1])))


def test_a_login_keeps_the_library_from_strangers(
    locked: Host, visit: Visit, tmp_path: Path
) -> None:
    asked = use(visit(locked.address, username="me", password="secret"), tmp_path)
    kinds = {urlsplit(one).path.rpartition("/")[2] for one in asked}
    assert {"hosted_panel.js", "upload", "selection", "status"} <= kinds
    assert {passed_on(urlsplit(one).path) for one in asked} == {True}
    assert {one: status_of(one) for one in asked} == dict.fromkeys(asked, 401)


def test_a_proxy_takes_off_a_prefix(
    proxied: tuple[Host, Host], visit: Visit, tmp_path: Path
) -> None:
    host, proxy = proxied
    asked = use(visit(f"{proxy.address}wan/"), tmp_path)
    assert (host.loras / "mine.safetensors").is_file()
    assert {one.startswith(f"{proxy.address}wan/") for one in asked} == {True}
