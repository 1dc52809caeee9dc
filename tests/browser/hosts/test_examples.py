"""The examples, as somebody would start them: from an upload to a video with the LoRA in it."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.hosts.reference import Reference, apart, warmth
from tests.browser.hosts.running import EXAMPLES, GRADIO, UVICORN, Host, free_port, running
from tests.browser.hosts.steps import (
    Place,
    Visit,
    card,
    generate,
    open_tab,
    pick,
    press_generate,
    row,
    type_strength,
    upload,
)
from tests.browser.running import LORAS

NAMES = ("plain_blocks", "fastapi_prefix", "framed_host")
MOST_LINES, MOST_OF_OURS = 60, 10
OURS = re.compile(r"lora|picked", re.IGNORECASE)
NAME = "golden_hour"
SAME = 0.1  # of 255: less than this is no difference; the LoRAs make more than 5


@pytest.fixture(scope="module", params=NAMES)
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp(request.param)
    script = str(EXAMPLES / f"{request.param}.py")
    uvicorn = ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "fastapi_prefix:app", "--port", "0"]
    command, ready = {
        "plain_blocks": ([script], GRADIO),
        "fastapi_prefix": (uvicorn, UVICORN),
        "framed_host": ([script], UVICORN),
    }[request.param]
    with running(folder, command, ready, PORT=free_port()) as found:
        yield found


def test_a_lora_goes_from_the_upload_into_the_video(
    host: Host, visit: Visit, reference: Reference
) -> None:
    page = visit(host.address + ("studio" if "fastapi" in str(host.folder) else ""))
    framed = page.locator("iframe")
    place: Place = page.frame_locator("iframe") if framed.count() else page
    tabs = "plain" in str(host.folder)
    if tabs:
        open_tab(place, "LoRAs")
    upload(place, LORAS / f"{NAME}.safetensors")
    expect(card(place, NAME)).to_be_visible()
    if tabs:
        open_tab(place, "Generate")
    without = generate(place, page.request)
    if tabs:
        open_tab(place, "LoRAs")
    pick(place, NAME)
    if tabs:
        open_tab(place, "Generate")
    expect(row(place, NAME)).to_be_visible()
    full = press_generate(place, page.request)
    type_strength(place, NAME, "0.5")
    half = press_generate(place, page.request)  # what was typed just before counts
    type_strength(place, NAME, "0")
    none = press_generate(place, page.request)
    assert warmth(full) > warmth(half) + 20 > warmth(without) + 40
    assert apart(without, reference.frames({})) < SAME
    assert apart(full, reference.frames({NAME: 1.0})) < SAME
    assert apart(half, reference.frames({NAME: 0.5})) < SAME
    assert apart(none, without) < SAME
    assert (host.loras / f"{NAME}.safetensors").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_a_host_stays_short_and_adds_few_lines_for_loras(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= MOST_LINES
    ours = sorted(line for line in code_lines(text) if OURS.search(lines[line - 1]))
    assert 6 <= len(ours) <= MOST_OF_OURS, [lines[line - 1] for line in ours]


def code_lines(text: str) -> set[int]:
    """The lines that hold code: no comment alone, no text on several lines. Counted from 1."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.start[0] for token in tokens if token.type == tokenize.NAME}


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in Path(EXAMPLES).glob("*.py")} == set(NAMES)
