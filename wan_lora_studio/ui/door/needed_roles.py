"""Which role each address needs: looking, making and keeping, or looking after the whole.

What is not named here is read by viewers and changed by admins, so that a new address is closed
to everybody who could do harm with it until somebody says who may use it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wan_lora_studio.accounts import Role

READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PLACES: Mapping[Role, tuple[str, ...]] = {
    # These only ask something, or change what is the visitor's own.
    "viewer": (
        "POST /api/jobs/estimate", "POST /api/grids/plan", "POST /api/selection/.*",
        "(PUT|PATCH) /api/selection", "PUT /api/results/read", "POST /api/sign-out",
        "DELETE /api/sign-ins/.*", "DELETE /api/tokens/.*",
        "POST /gradio_api/(heartbeat|reset|queue|call|run)/?.*",
    ),
    "creator": (
        "POST /api/jobs.*", "(PUT|PATCH|DELETE) /api/jobs/.*",
        "(POST|PUT|DELETE) /api/loras(?!/trash/empty).*", "PUT /api/pictures",
        "(PATCH|DELETE|POST) /api/results/(?!trash).*", "POST /api/sets.*",
        "POST /api/tokens", "POST /gradio_api/upload", "POST /api/queue/clear",
    ),
    "admin": (
        "GET /metrics", "GET /api/jobs/[^/]*/diagnostics", "GET /api/users", "GET /api/audit",
        "GET /audit",
    ),
}  # fmt: skip
_PATTERNS = tuple(
    (role, re.compile("|".join(f"(?:{place})" for place in places)))
    for role, places in _PLACES.items()
)


def needed_role(method: str, path: str) -> Role:
    """The least role that may ask for this; `path` is the one below where the app is mounted."""
    asked = f"{method} {path}"
    for role, pattern in _PATTERNS:
        if pattern.fullmatch(asked):
            return role
    return "viewer" if method in READS else "admin"
