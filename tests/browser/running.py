"""Starting the real app, and finding the way around on its page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, ViewportSize

from tests.support.paths import ROOT

# The embedded model and the demo LoRAs; a recipe under work can be tried by naming its folders.
MODELS = Path(os.environ.get("TEST_MODELS_DIR", ROOT / "models"))
LORAS = Path(os.environ.get("TEST_LORAS_DIR", ROOT / "loras"))
READY = re.compile(r"is ready: (http://\S+/)")
# For one thing on the page; a machine that is busy takes ten times as long as usual.
PATIENCE_MS = 60_000
START_SECONDS, STOP_SECONDS = 240.0, 40.0
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class App:
    """A running app: its address, its folders, how long it took to answer (seconds), and the files
    that its library was given."""

    address: str
    loras: Path
    outputs: Path
    started_in: float
    given: frozenset[str]


def start_app(folder: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], App]:
    """Start `app.py` on a free port with folders of its own and the demo LoRAs."""
    shutil.copytree(
        LORAS, folder / "loras", ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True
    )
    return run_app(folder, *arguments)


def run_app(folder: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], App]:
    """Start `app.py` with the folders that are there."""
    places = {name: folder / name for name in ("loras", "outputs", "data")}
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0", "--no-browser"]
    for name, place in places.items():
        command += [f"--{name}-dir", str(place)]
    command += ["--models-dir", str(MODELS), *arguments]
    given = frozenset(
        path.relative_to(places["loras"]).as_posix()
        for path in places["loras"].rglob("*.safetensors")
    )
    began = time.monotonic()
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, env=_environment()
        )
    address = wait_for_address(process, log)
    took = time.monotonic() - began
    return process, App(address, places["loras"], places["outputs"], took, given)


def restart_app(folder: Path, app: App) -> subprocess.Popen[bytes]:
    """Start an app that was stopped once more, at the address that it had."""
    port = app.address.rstrip("/").rpartition(":")[2]
    return run_app(folder, "--port", port)[0]


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAN_LORA_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def wait_for_address(
    process: subprocess.Popen[bytes], log: Path, ready: re.Pattern[str] = READY
) -> str:
    """The address that the process says in its log, once it is ready."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := ready.search(log.read_text(encoding="utf-8", errors="replace")):
            return found.group(1)
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError(f"the app did not start: {log.read_text(encoding='utf-8')}")


def stop_app(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# A form that was opened before, and left as it was then: nothing of the ready example is in it.
OPENED_BEFORE = """
if (location.protocol.startsWith('http')) {  // an empty page has no storage
  localStorage.getItem('studio-form') ?? localStorage.setItem('studio-form', '{}');
  localStorage.setItem('studio-opening', 'over');
}
"""


def open_page(page: Page, app: App, *, first_visit: bool = False) -> None:
    """Go to the page and wait until its controls are there.

    The form is empty unless an earlier visit filled it; on a first visit the app's ready example
    is in it, and the opening is there until there is a video.
    """
    page.set_default_timeout(PATIENCE_MS)
    if not first_visit:
        page.add_init_script(OPENED_BEFORE)
    page.goto(app.address)
    page.locator("html.studio-ready").wait_for()
    page.locator("#lora-controls .section-title").wait_for()
    page.locator("#generate-form").wait_for()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    if name == "LoRAs":
        page.locator("#lora-tab .cards").wait_for()


def worker_of(app: App) -> psutil.Process:
    """The process that makes the videos."""
    for process in psutil.process_iter(["cmdline"]):
        if str(app.loras) in (process.info["cmdline"] or []):
            for child in process.children():
                if "spawn_main" in " ".join(child.cmdline()):
                    return child
    raise AssertionError("there is no worker")


@contextmanager
def held_up(app: App) -> Iterator[None]:
    """The run that is going on stands still, so that it is not over before one has looked."""
    worker = worker_of(app)
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def phone_page(browser: Browser, app: App) -> Page:
    """The page on a small phone; close its context at the end."""
    size: ViewportSize = {"width": 360, "height": 740}
    phone = browser.new_context(viewport=size, has_touch=True, is_mobile=True).new_page()
    open_page(phone, app)
    return phone
