from __future__ import annotations

from pathlib import Path

import pytest

from wan_lora_studio.redaction import redacted


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login with hf_AbCdEfGhIjKlMnOp now", "hf_AbCdEfGhIjKlMnOp"),
        ("https://me:hunter2@example.org/x", "hunter2"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("sent bearer abc.def-123== there", "abc.def-123"),
        ('"api_key": "k-123456"', "k-123456"),
        ("password=swordfish", "swordfish"),
        ("HF_TOKEN: or token = sesame1", "sesame1"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    assert secret not in redacted(text) and "***" in redacted(text)


def test_home_is_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert redacted("/home/ada/models/x and /srv/y") == "~/models/x and /srv/y"


def test_everything_else_stays() -> None:
    text = "64 tokens at https://example.org:8000/a?b=c; task_hf and risk-based are words"
    assert redacted(text) == text
