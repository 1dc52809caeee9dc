"""Same origin: whether a request that changes something comes from a page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from wan_lora_studio.texts import say

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN_PAGE = say("lora_ui.http.other_site")


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
        return related not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc not in _own_names(headers)


def _own_names(headers: Headers) -> set[str]:
    """The hosts that this address has: as it was asked for, and as a proxy was."""
    forwarded = headers.get("x-forwarded-host", "").partition(",")[0].strip()
    return {name for name in (headers.get("host"), forwarded) if name}
