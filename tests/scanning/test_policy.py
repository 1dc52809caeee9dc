"""What follows from a scanner's verdict, at a real upload."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.scanning import policy
from wan_lora_studio.scanning.verdict import Verdict
from wan_lora_studio.settings import Settings, load_settings


class Fixed:
    """Says the same of every file."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict, self.seen = verdict, b""

    def scan(self, file: BinaryIO, size: int) -> Verdict:
        self.seen = file.read()
        assert len(self.seen) == size
        return self.verdict


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tiny_model(tmp_path / "models")
    folders = {name: tmp_path / name for name in ("loras_dir", "models_dir", "data_dir")}
    return load_settings(**{**folders, "models_dir": tmp_path / "models"})


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_lora(tmp_path / "source.safetensors").read_bytes()


Upload = Callable[[str, Verdict], str]


@pytest.fixture
def upload(monkeypatch: pytest.MonkeyPatch, settings: Settings, content: bytes) -> Upload:
    """Upload it under a rule, with a scanner that says this of it; gives what became of it."""

    def run(rule: str, verdict: Verdict) -> str:
        scanner = Fixed(verdict)
        monkeypatch.setattr(policy, "scanner_of", lambda _: None if rule == "off" else scanner)
        handler = LoRAUploadHandler(settings.model_copy(update={"malware_scan": rule}))
        (outcome,) = handler.process_uploads({"a.safetensors": content})
        assert scanner.seen == (b"" if rule == "off" else content)
        return str(outcome["status"])

    return run


@pytest.mark.parametrize(
    ("rule", "verdict", "status"),
    [
        ("off", Verdict("infected", "x"), "stored"),
        ("warn", Verdict("clean"), "stored"),
        ("warn", Verdict("unscanned", "x"), "stored"),
        ("warn", Verdict("infected", "x"), "refused"),
        ("require", Verdict("clean"), "stored"),
        ("require", Verdict("unscanned", "x"), "refused"),
        ("require", Verdict("infected", "x"), "refused"),
    ],
)
def test_the_rule_decides(
    upload: Upload, settings: Settings, rule: str, verdict: Verdict, status: str
) -> None:
    assert upload(rule, verdict) == status
    assert (settings.loras_dir / "a.safetensors").exists() == (status == "stored")


def test_what_is_infected_lies_outside_the_library(
    upload: Upload, settings: Settings, content: bytes
) -> None:
    assert upload("warn", Verdict("infected", "Test.EICAR")) == "refused"
    kept = sorted((settings.data_dir / "quarantine").iterdir())
    assert [path.suffix for path in kept] == [".infected", ".json"]
    assert kept[0].read_bytes() == content
    assert "Test.EICAR" in kept[1].read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(kept[0].stat().st_mode) == 0o400
    staging = settings.loras_dir / ".staging"
    assert not staging.exists() or list(staging.iterdir()) == []
