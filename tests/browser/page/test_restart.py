"""The app is killed under an open page and started again: the page finds its way back by itself."""

from __future__ import annotations

import socket
from pathlib import Path

from playwright.sync_api import Browser, expect

from benchmarks.live_app import LiveApp
from tests.browser.actions import PROMPT, STEP_MS, VIDEO_MS
from tests.browser.running import PATIENCE_MS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_killed_app_is_found_again_with_every_job(browser: Browser, tmp_path: Path) -> None:
    app = LiveApp(tmp_path, "--port", str(free_port()))
    page = browser.new_context().new_page()
    try:
        page.set_default_timeout(PATIENCE_MS)
        app.wait_until_ready()
        page.goto(app.address)
        small = {"width": 64, "height": 64, "num_frames": 5}
        task = {"model_type": "demo", "prompt": PROMPT, "steps": 150, "seed": 3, **small}
        running, waiting = app.submit(task), app.submit({**task, "steps": 2})
        expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
        app.post("api/queue/pause")
        app.kill()
        expect(page.locator("#status-line")).to_contain_text("Disconnected", timeout=STEP_MS)
        app.restart()
        expect(page.locator("#status-line")).not_to_contain_text("Disconnected", timeout=STEP_MS)
        page.locator("#queue-button").click()
        rows = {name: page.locator(f'.queue-row[data-id="{name}"]') for name in (running, waiting)}
        expect(rows[running]).to_contain_text("Interrupted")
        expect(rows[running]).to_contain_text("the app ended while it ran")
        expect(rows[waiting]).to_contain_text("Waiting")
        rows[running].get_by_role("button", name="Retry").click()
        page.get_by_role("button", name="Resume the queue").click()
        for each in rows.values():
            expect(each).to_contain_text("Done", timeout=2 * VIDEO_MS)
        videos = {app.get(f"api/jobs/{name}")["result"]["video_path"] for name in rows}
        assert {str(path) for path in app.outputs.glob("*.mp4")} == videos
    finally:
        page.context.close()
        app.close()


def test_the_page_says_which_file_was_damaged_until_it_is_gone(
    browser: Browser, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "sets.sqlite").write_bytes(b"no database" * 800)
    app = LiveApp(tmp_path)
    page = browser.new_context().new_page()
    try:
        page.set_default_timeout(PATIENCE_MS)
        page.goto(app.address)
        notices = page.locator(".notices")
        expect(notices).to_contain_text("The file of LoRA sets was damaged", timeout=STEP_MS)
        (kept,) = data.glob("sets.damaged-*.sqlite")
        expect(notices).to_contain_text(kept.name)
        assert kept.read_bytes() == b"no database" * 800
        kept.unlink()
        app.kill()
        app.restart()
        page.goto(app.address)
        expect(page.locator("#status-line")).to_contain_text("Ready", timeout=STEP_MS)
        expect(notices).to_be_hidden()
    finally:
        page.context.close()
        app.close()
