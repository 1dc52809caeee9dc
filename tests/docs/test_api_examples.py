"""Every example of docs/api.md, run as it is written against the real app."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow  # it serves the app and makes videos

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:7860"  # as in the page; the test's app has a port of its own
SECONDS = 240  # for all shell blocks or one Python block, on a busy machine
# A refusal fails the example; without this, curl takes it for an answer like any other.
STRICT = (
    "set -eu -o pipefail\n"
    'curl() { command curl --fail-with-body --silent --show-error --max-time 60 "$@"; }\n'
)


@dataclass(frozen=True)
class Served:
    address: str
    folder: Path  # where the examples run, with the files that they name


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("api")
    shutil.copytree(ROOT / "loras", folder / "loras", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "loras" / "pixel_mosaic.safetensors", folder / "my_style.safetensors")
    shutil.copy(ROOT / "loras" / "motion_trail.safetensors", folder / "my_other_style.safetensors")
    for name in ("pixel_mosaic", "motion_trail"):  # the same file is taken only once
        (folder / "loras" / f"{name}.safetensors").unlink()
    Image.new("RGB", (64, 64), "orange").save(folder / "cover.png")
    folders = [f"--{name}-dir={folder / name}" for name in ("loras", "outputs", "data")]
    command = [sys.executable, "app.py", "--port=0", "--no-browser", *folders]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield Served(found[0].rstrip("/"), folder)
        finally:
            process.terminate()


def run(served: Served, command: list[str], text: str) -> str:
    done = subprocess.run(
        command,
        input=text.replace(ADDRESS, served.address),
        cwd=served.folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout


def test_the_shell_examples_run_one_after_another(served: Served) -> None:
    blocks = [text for language, text in BLOCKS if language == "sh"]
    said = run(served, ["bash"], STRICT + "\n".join(blocks))
    assert (served.folder / "circle.mp4").read_bytes()[4:8] == b"ftyp"
    assert (served.folder / "dusk.webp").read_bytes()[:4] == b"RIFF"
    assert (served.folder / "evening.json").is_file()
    assert (served.folder / "loras" / "light" / "evening" / "dusk.safetensors").is_file()
    assert '"selected_loras":{"golden_hour":{"high":0.8,"low":0.4}}' in said
    assert '"ok":false' not in said.replace(" ", "")


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "python"])
def test_the_python_examples_run(served: Served, text: str) -> None:
    said = run(served, [sys.executable, "-"], text)
    assert "neon_outline ['demo']" in said
    assert ("/save_set" in text) == ("{'dawn': 0.8, 'golden_hour': 0.5}" in said)


def test_no_block_of_the_page_is_left_out() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python"}
    assert len(BLOCKS) * 2 == PAGE.count("```")


def test_every_operation_has_an_example() -> None:
    for action in (
        *("upload", "rename", "edit", "delete", "undo", "pair", "split", "thumbnail", "folders"),
        *("move", "trash", "search", "details", "refresh"),
    ):
        assert f"/api/loras/{action}" in PAGE
    for endpoint in (
        *("generate", "submit", "job", "wait", "cancel", "retry", "status", "loras", "results"),
        *("upload", "rename", "edit", "delete", "undo", "pair", "split", "sets", "save_set"),
        *("delete_set", "thumbnail", "set_thumbnail", "clear_thumbnail"),
    ):
        assert f'api_name="/{endpoint}"' in PAGE
    for address in ("/api/sets", "/api/sets/export", "/api/jobs", "/api/status", "/metrics"):
        assert f"$studio{address}" in PAGE
