"""Redaction: what nobody else should see is taken out of a text: secrets, the home folder."""

from __future__ import annotations

import re
from pathlib import Path

REMOVED = "***"
SECRETS = (
    re.compile(r"\b(hf|ghp|gho|sk|xox[abp])[_-][A-Za-z0-9_-]{8,}"),  # tokens of well-known kinds
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in an address
    re.compile(r"(?i)(?<=authorization: )\S+( \S+)?"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/-]+=*"),
    re.compile(r"(?i)\b((?:api[_-]?key|token|password|passwd|secret)\b[\"']?\s*[=:]\s*)\S+"),
)


def redacted(text: str) -> str:
    """The text without tokens, passwords and keys, and with `~` for the user's home folder."""
    for pattern in SECRETS:
        text = pattern.sub(lambda found: (found.group(1) if _named(found) else "") + REMOVED, text)
    home = str(Path.home())
    # The home of a service may be "/", which is part of every path.
    return text.replace(home, "~") if len(home) > 1 else text


def _named(found: re.Match[str]) -> bool:
    """Whether the match begins with the name of the secret, which may stay."""
    return found.re is SECRETS[-1]
