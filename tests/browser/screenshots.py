"""Make the pictures of `docs/screenshots/` from the real app.

`python -m tests.browser.screenshots` makes a real video with two of the demo LoRAs
first, so that they show what a user sees.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.actions import (
    PROMPT,
    fill,
    generate,
    pick,
    type_strength,
    wait_for_video,
    write_prompt,
)
from tests.browser.running import (
    CHROMIUM_ARGUMENTS,
    ROOT,
    App,
    open_page,
    open_tab,
    start_app,
    stop_app,
)

FOLDER = ROOT / "docs" / "screenshots"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DESKTOP: ViewportSize = {"width": 1360, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        process, app = start_app(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=chromium, args=list(CHROMIUM_ARGUMENTS)
        )
        try:
            for scheme in SCHEMES:
                take_desktop(browser, app, scheme)
            take_phone(browser, app)
        finally:
            browser.close()
            stop_app(process)


def take_desktop(browser: Browser, app: App, scheme: Scheme) -> None:
    page = new_page(browser, app, DESKTOP, scheme)
    open_tab(page, "LoRAs")
    names = first_names(page, 2)
    for name in names:
        pick(page, name)
    settle(page)
    page.screenshot(path=FOLDER / f"loras-{scheme}.png")
    make_video(page, names)
    page.screenshot(path=FOLDER / f"generate-{scheme}.png")
    page.context.close()


def make_video(page: Page, names: list[str]) -> None:
    """Generate with a strength of its own for each LoRA, and wait until the video plays."""
    open_tab(page, "Generate")
    write_prompt(page, PROMPT)
    fill(page, seed=7)
    for name, strength in zip(names, ("0.9", "0.6"), strict=True):
        type_strength(page, name, strength)
    job_id = generate(page)
    page.locator(".run-preview").wait_for()
    wait_for_video(page, job_id)
    page.wait_for_function("document.querySelector('.run-video').currentTime > 0.8")
    page.locator("body").click(position={"x": 2, "y": 2})


def take_phone(browser: Browser, app: App) -> None:
    page = new_page(browser, app, PHONE, "light")
    open_tab(page, "LoRAs")
    pick(page, first_names(page, 1)[0])
    settle(page)
    page.screenshot(path=FOLDER / "loras-phone.png", full_page=True)
    open_tab(page, "Generate")
    settle(page)
    page.screenshot(path=FOLDER / "generate-phone.png", full_page=True)
    page.context.close()


def new_page(browser: Browser, app: App, size: ViewportSize, scheme: Scheme) -> Page:
    context = browser.new_context(
        viewport=size,
        color_scheme=scheme,
        device_scale_factor=2 if size is PHONE else 1,
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    open_page(page, app)
    return page


def first_names(page: Page, count: int) -> list[str]:
    """The first LoRAs of the library that are neither accelerators nor broken."""
    cards = page.locator("#lora-tab .card:not(.card-unfit)")
    cards.first.wait_for()
    names = [item.get_attribute("data-name") or "" for item in cards.all()]
    plain = [name for name in names if "step" not in name and "light" not in name]
    return plain[:count]


def settle(page: Page) -> None:
    """Let thumbnails arrive and the selection's summary be written."""
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main()
