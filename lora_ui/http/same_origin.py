"""Same origin: whether a request comes from a page of another site, and what such a one may do."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from wan_lora_studio.texts import say

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN_PAGE = say("lora_ui.http.other_site")
OWN_SITE = frozenset({"same-origin", "none"})  # a page of ours, or the address was typed
HTTP_OF = {"ws": "http", "wss": "https"}


def is_foreign_change(scope: Scope) -> bool:
    """Whether to refuse it. What no browser sent says nothing of an origin, and may come in.

    A browser that says how the page is related to this address (`Sec-Fetch-Site`) is believed:
    no script can set that, and it stays true behind a proxy that changes the host.
    """
    if scope["type"] == "http" and scope.get("method", "GET") in SAFE_METHODS:
        return False
    headers = Headers(scope=scope)
    related = headers.get("sec-fetch-site")
    if related is not None:
        return related not in OWN_SITE
    origin = headers.get("origin")
    return origin is not None and not _is_own(origin, scope, headers)


def is_foreign_read(scope: Scope, is_page: Callable[[str], bool]) -> bool:
    """Whether another site's page asks for something, but for a visitor who follows a link to a
    path that `is_page`: by what comes back, and how fast, it would learn what there is."""
    headers = Headers(scope=scope)
    if scope["type"] != "http" or headers.get("sec-fetch-site", "none") in OWN_SITE:
        return False
    followed = headers.get("sec-fetch-mode") == "navigate"
    alone = headers.get("sec-fetch-dest") == "document"
    return not (scope["method"] == "GET" and followed and alone and is_page(scope["path"]))


def _is_own(origin: str, scope: Scope, headers: Headers) -> bool:
    """Whether the origin is this address, as it was asked for or as a proxy was."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    scheme = str(scope.get("scheme", "http"))
    asked_of_proxy = _first(headers, "x-forwarded-host")
    if asked_of_proxy and parts.netloc == asked_of_proxy:
        # Not every proxy says which scheme it was asked by.
        return parts.scheme == (_first(headers, "x-forwarded-proto") or parts.scheme)
    schemes = {HTTP_OF.get(scheme, scheme), _first(headers, "x-forwarded-proto")}
    return parts.scheme in schemes and parts.netloc == headers.get("host")


def _first(headers: Headers, name: str) -> str:
    """Of proxies in a row, the one that the visitor asked."""
    return headers.get(name, "").partition(",")[0].strip()
