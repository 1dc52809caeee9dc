"""What goes on in the background, shown and stopped; estimates with the error seen so far."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import card, choose_action, pick
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import MODELS, App, open_page, open_tab
from utils import LoRAManager, load_settings
from wan_lora_studio.lora.storage.load_history import Measured

ZEROS = 32 << 30  # bytes that lie on no disk; a checksum of them takes a while


@pytest.fixture
def endless(app: App, tmp_path: Path) -> Iterator[Path]:
    """A LoRA whose checksum is not to be had soon, put into the folder by another program."""
    source = one_demo_lora(tmp_path, "endless")
    data = source.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, end = json.loads(data[8 : 8 + length]), len(data) - 8 - length
    header["filler"] = {"dtype": "U8", "shape": [ZEROS], "data_offsets": [end, end + ZEROS]}
    text = json.dumps(header).encode()
    source.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    os.truncate(source, source.stat().st_size + ZEROS)
    path = app.loras / source.name
    source.rename(path)
    yield path
    path.unlink()


def test_the_look_at_the_folder_is_shown_and_can_be_stopped(page: Page, endless: Path) -> None:
    open_tab(page, "LoRAs")
    expect(card(page, endless.stem)).to_be_visible()
    line = page.locator(".refresh-line")
    expect(line).to_contain_text(re.compile("Computing checksums: [0-9]+ of [0-9]+"))
    line.get_by_role("button", name="Stop rescanning").click()
    expect(page.get_by_text("Stopped. What was found so far is kept.")).to_be_visible()
    expect(line).to_be_hidden()
    expect(card(page, endless.stem)).to_be_visible()
    page.get_by_role("button", name="More for the library").click()
    page.get_by_role("menuitem", name="Rescan folder").click()
    expect(line).to_contain_text("Computing checksums")
    endless.write_bytes(b"no LoRA any more")
    expect(line).to_be_hidden()


def test_estimates_tell_how_far_they_were_off(page: Page, app: App) -> None:
    settings = load_settings(loras_dir=app.loras, models_dir=MODELS)
    library = LoRAManager(settings)
    name = "neon_outline"
    open_tab(page, "LoRAs")
    pick(page, name)
    host = int(library.estimate([name], "demo").cost("merge").host)

    def loads_take(seconds: float) -> None:
        for _ in range(60):  # more than are counted, whatever other tests have left
            library.record_load([name], "demo", Measured("merge", "cpu", True, seconds, host, 0))
        open_page(page, app)

    loads_take(0.4)
    total = page.locator("#lora-controls .summary-total")
    expect(total).to_have_text(re.compile("of memory while applied$"))  # a moment is not told
    loads_take(12.0)
    seen = library.estimate_memory_impact([name], "demo")
    share = f"{round(100 * seen['load_error'])}%"
    expect(total).to_contain_text(f"about 12 s to load (typically off by {share})")
    open_tab(page, "LoRAs")
    choose_action(page, name, "Details")
    expect(page.locator(".details-cost")).to_contain_text(
        re.compile(rf"typically off by {share} for the time .* over the last 25 loads")
    )
    assert card(page, name)
