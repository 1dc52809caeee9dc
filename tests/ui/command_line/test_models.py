"""Models from the shell: what is said, what is done, and the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hub import ENCODER, FIRST, REPO, FakeHub, etag_of, model_files
from tests.support.machine.small_disk import run_on_small_disk
from tests.support.paths import ROOT
from wan_lora_studio.model_store.notes import part_of
from wan_lora_studio.ui.command_line import main

Command = Callable[..., tuple[int, str]]
MODEL = "ti2v-5B"
SECONDS = 60.0


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The arguments that name the folders and the settings."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"models": {MODEL: {"repo": REPO, "path": "cloud"}}}))
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "models", "data", "outputs")]
    return [f"--config={config}", *folders]


@pytest.fixture
def command(words: list[str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `models` with the words; its exit code, and what it printed."""

    def run(*said: str) -> tuple[int, str]:
        code = main(["models", *said, *words])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_the_list_asks_the_hub_for_nothing(command: Command, hub: FakeHub) -> None:
    code, printed = command("list")
    assert code == 0 and hub.listed == 0
    row = next(line for line in printed.splitlines() if line.startswith(f"{MODEL} "))
    assert "not here" in row
    rows = {row["name"]: row for row in json.loads(command("list", "--json")[1])}
    assert rows[MODEL]["state"] == "absent" and rows[MODEL]["missing"] == ["model_index.json"]


def test_a_check_says_what_is_to_be_downloaded_and_downloads_nothing(
    command: Command, hub: FakeHub, tmp_path: Path
) -> None:
    code, printed = command("check", MODEL)
    assert code == 1 and "to download" in printed and f"models download {MODEL}" in printed
    assert "Verdict:" in printed and "Memory:" in printed
    assert max(hub.sent.values()) <= 100_000, "of weights their beginnings are read"
    assert not (tmp_path / "models" / "cloud").exists()
    told = json.loads(command("check", MODEL, "--json")[1])
    assert told["to_fetch"] == told["size_whole"] > 100_000


def test_a_model_is_downloaded_checked_verified_and_removed(
    command: Command, hub: FakeHub, tmp_path: Path
) -> None:
    code, printed = command("download", MODEL)
    assert code == 0, printed
    assert command("check", MODEL)[0] == 0
    assert "is here already" in command("download", MODEL)[1]
    assert command("verify", MODEL)[0] == 0
    encoder = tmp_path / "models" / "cloud" / ENCODER
    encoder.write_bytes(encoder.read_bytes()[:-1] + b"?")
    code, printed = command("verify", MODEL)
    assert code == 1 and ENCODER in printed
    assert command("download", MODEL)[0] == 0
    code, printed = command("remove", MODEL)
    assert code == 1 and "--yes" in printed and encoder.exists()
    assert command("remove", MODEL, "--yes")[0] == 0
    assert not encoder.exists()


def test_an_unknown_model_and_a_refusal_are_errors_in_words(command: Command, hub: FakeHub) -> None:
    code, printed = command("download", "sora")
    assert code == 1 and "no model 'sora'" in printed
    hub.faults.refuse = (403, "GatedRepo")
    code, printed = command("download", MODEL)
    assert code == 1 and "gated" in printed and "hf auth login" in printed


def test_a_killed_download_goes_on_where_it_was(
    hub: FakeHub, words: list[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    line = [sys.executable, "app.py", "models", "download", MODEL, *words]
    folder = tmp_path / "models" / "cloud"
    part = part_of(folder, etag_of(hub.repos[REPO][FIRST]))
    hub.faults.stall[FIRST] = 40_000
    with subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        assert hub.stalled.wait(SECONDS)
        while not (part.exists() and part.stat().st_size):  # it is on its way
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    kept = part.stat().st_size
    assert 0 < kept <= 40_960
    assert not (folder / FIRST).exists() and not (folder / "model_index.json").exists()
    hub.faults.stall.clear()
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert hub.starts_of(FIRST) == [0, kept]
    assert (folder / FIRST).read_bytes() == hub.repos[REPO][FIRST]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal")
def test_an_interrupted_download_keeps_what_came(
    hub: FakeHub, words: list[str], tmp_path: Path
) -> None:
    line = [sys.executable, "app.py", "models", "download", MODEL, *words]
    hub.faults.stall[FIRST] = 40_000
    with subprocess.Popen(
        line,
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": hub.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As from a terminal: a shell's background jobs ignore the signal, and so do their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert hub.stalled.wait(SECONDS)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
    assert process.returncode == 130
    assert "What has arrived is kept" in printed
    assert list((tmp_path / "models" / "cloud").rglob("*.part"))


def test_a_disk_that_fills_up_says_so_and_what_came_is_kept(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """The disk has the room when the download begins, and something else takes it meanwhile."""
    hub.repos[REPO] = model_files(400_000)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    script = "tests.support.machine.filling_disk"
    done = run_on_small_disk(["-m", script, MODEL, words[0]], 1_500_000)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Not enough disk space for the model" in done.stderr
    assert "part files: 1" in done.stdout


def test_a_disk_that_is_too_small_is_refused_before_a_byte(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    hub.repos[REPO] = model_files(400_000)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    line = ["app.py", "models", "download", MODEL, *words, "--models-dir"]
    done = run_on_small_disk(line, 500_000)
    assert done.returncode == 1 and "Not enough disk space" in done.stderr
    assert hub.asked == []
