"""Guide: the README and the documentation as pages of the app, with the links between them.

They lie under one address as they lie in the folder, so that links and pictures need no change.
"""

from __future__ import annotations

import mimetypes
import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, RedirectResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lora_ui.http import ErrorRoute
from wan_lora_studio.ui.http.documents import FRESH, document
from wan_lora_studio.ui.http.unknown_addresses import unknown_address

FRONT = "README.md"
# In the order of the list beside each page; what else lies in the folder is reached by links.
LISTED = (
    FRONT,
    "docs/settings.md",
    "docs/files-beside.md",
    "docs/results.md",
    "docs/api.md",
    "docs/embedding.md",
    "docs/security.md",
    "docs/errors.md",
    "docs/platforms.md",
    "docs/performance.md",
)
_NO_SLUG = re.compile(r"[^\w\- ]")


class Guide:
    """The documents below a folder that has README.md and docs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def files(self) -> frozenset[str]:
        """The documents and pictures that are served, by their path in the folder."""
        docs = (self._folder / "docs").rglob("*")
        found = [path for path in docs if path.is_file()]
        front = self._folder / FRONT
        return frozenset(
            path.relative_to(self._folder).as_posix()
            for path in [*found, *([front] if front.is_file() else [])]
        )

    def answer(self, name: str) -> Response | None:
        """The page of a document, or a picture; None for anything else."""
        if name not in self.files:
            return None
        if name.endswith(".md"):
            return self._page(name)
        kind, _ = mimetypes.guess_type(name)
        return FileResponse(self._folder / name, media_type=kind, headers=FRESH)

    def _page(self, name: str) -> Response:
        tokens = self._tokens(name)
        _give_anchors(tokens)
        for token in tokens:
            token.children = list(self._without_dead_links(name, token.children or []))
        words = _parser().renderer.render(tokens, _parser().options, {})
        body = f"{self._list(name)}\n<main>\n{words}</main>"
        root = "../" * (name.count("/") + 1)
        return document(_title(tokens), body, style="guide.css", root=root)

    def _list(self, shown: str) -> str:
        def entry(name: str) -> str:
            to = posixpath.relpath(name, posixpath.dirname(shown) or ".")
            here = ' aria-current="page"' if name == shown else ""
            return f'<li><a href="{to}"{here}>{escape(_title(self._tokens(name)))}</a></li>'

        entries = "\n".join(entry(name) for name in LISTED if name in self.files)
        return f'<nav aria-label="Documents">\n<ul>\n{entries}\n</ul>\n</nav>'

    def _tokens(self, name: str) -> list[Token]:
        return _parser().parse((self._folder / name).read_text(encoding="utf-8"))

    def _without_dead_links(self, name: str, tokens: Sequence[Token]) -> Iterator[Token]:
        """A link to what is not served, such as the source, keeps only its words."""
        dead = False
        for token in tokens:
            if token.type == "link_open":
                dead = not self._leads(name, str(token.attrGet("href")))
            if not (dead and token.type in ("link_open", "link_close")):
                yield token
            if token.type == "link_close":
                dead = False

    def _leads(self, name: str, href: str) -> bool:
        address = urlsplit(href)
        if address.scheme or address.netloc or not address.path:
            return True
        path = posixpath.join(posixpath.dirname(name), unquote(address.path))
        return posixpath.normpath(path) in self.files


def create_guide_router(folder: Path) -> APIRouter:
    guide = Guide(folder)
    router = APIRouter(route_class=ErrorRoute, include_in_schema=False)

    @router.get("/guide")
    def front() -> Response:
        return RedirectResponse(f"guide/{FRONT}")

    @router.get("/guide/")
    def front_of_folder() -> Response:
        return RedirectResponse(FRONT)

    @router.get("/guide/{name:path}")
    def document(name: str) -> Response:
        found = guide.answer(name)
        if found is None:
            raise unknown_address(f"/guide/{name}")
        return found

    return router


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _title(tokens: Sequence[Token]) -> str:
    return next(text for level, text in _headings(tokens) if level.tag == "h1")


def _headings(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Each heading with its words."""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            children = tokens[at + 1].children or []
            yield token, "".join(child.content for child in children)


def _give_anchors(tokens: Sequence[Token]) -> None:
    """As sites that show Markdown name headings; the documents' links rely on it."""
    for token, words in _headings(tokens):
        token.attrSet("id", _NO_SLUG.sub("", words.lower()).replace(" ", "-"))
