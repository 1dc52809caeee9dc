"""The guide: the documentation as pages, whose links and pictures lead somewhere."""

from __future__ import annotations

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.support.paths import ROOT
from wan_lora_studio.ui.http.guide import FRONT, LISTED, Guide, create_guide_router


class Addresses(HTMLParser):
    """The links, pictures and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if known.get("id"):
            self.anchors.add(str(known["id"]))
        if tag == "a":
            self.links.append(str(known["href"]))
        if tag == "img":
            self.pictures.append(str(known["src"]))


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(create_guide_router(ROOT))
    return TestClient(app)


def test_the_address_alone_leads_to_the_front_page(client: TestClient) -> None:
    for address in ("/guide", "/guide/"):
        page = client.get(address)
        assert page.status_code == 200, address
        assert "<h1" in page.text and "Wan2.2 LoRA Studio" in page.text


def test_every_link_and_picture_of_every_document_leads_somewhere(client: TestClient) -> None:
    documents = sorted(name for name in Guide(ROOT).files if name.endswith(".md"))
    assert set(LISTED) <= set(documents)
    followed = 0
    for name in documents:
        address = f"http://testserver/guide/{name}"
        found = Addresses(client.get(address).text)
        for link in [*found.links, *found.pictures]:
            target, anchor = urldefrag(urljoin(address, link))
            if urlsplit(target).netloc != "testserver":
                continue
            followed += 1
            answer = client.get(target)
            assert answer.status_code == 200, f"{name}: {link}"
            assert not anchor or anchor in Addresses(answer.text).anchors, f"{name}: {link}"
    assert followed > len(documents)


def test_links_to_the_source_keep_their_words(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text("# Other\n\n## A part, of it\n", encoding="utf-8")
    text = "# Front\n\n[Other](docs/other.md#a-part-of-it) and [the code](src/code.py) <b>\n"
    (tmp_path / FRONT).write_text(text, encoding="utf-8")
    app = FastAPI()
    app.include_router(create_guide_router(tmp_path))
    client = TestClient(app)
    page = client.get(f"/guide/{FRONT}").text
    assert '<a href="docs/other.md#a-part-of-it">Other</a> and the code &lt;b&gt;' in page
    assert 'id="a-part-of-it"' in client.get("/guide/docs/other.md").text


def test_a_page_knows_its_title_and_its_place_in_the_list(client: TestClient) -> None:
    page = client.get("/guide/docs/settings.md").text
    assert "<title>Settings · Wan2.2 LoRA Studio</title>" in page
    assert '<a href="settings.md" aria-current="page">Settings</a>' in page
    assert '<a href="../README.md">' in page


def test_styles_and_scripts_come_from_this_server(client: TestClient) -> None:
    for name in LISTED:
        page = client.get(f"/guide/{name}").text
        top = "../" * name.count("/")
        found = re.findall(r'<(?:link|script)[^>]+(?:href|src)="([^"]+)"', page)
        assert found
        for address in found:
            place = posixpath.normpath(posixpath.join("/guide", posixpath.dirname(name), address))
            assert place.startswith(("/ui/assets/", "/lora_ui/assets/")), address
            assert address.startswith(f"{top}../")


@pytest.mark.parametrize(
    "name",
    [
        "docs/none.md",
        "LICENSE",
        "config.json",
        "docs",
        "%2e%2e/secret",
        "docs/%2e%2e/config.json",
        "docs/",
    ],
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/guide/{name}").status_code == 404
