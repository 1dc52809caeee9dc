"""Make the README's pictures in docs/images.

    python -m scripts.readme_pictures            # all of them
    python -m scripts.readme_pictures page       # those of the page alone

`with_and_without.webp` shows one prompt and seed, bare and with the demo LoRAs; every clip is
generated here, by the app's own code. Those of the page show a running app in both themes.
CHROMIUM names another browser than the installed one.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, expect, sync_playwright

from scripts import chromium
from tests.browser.actions import settle
from tests.browser.looks import DESK_DARK, DESK_LIGHT, Look, context_for
from tests.browser.running import (
    CHROMIUM_ARGUMENTS,
    PATIENCE_MS,
    App,
    open_page,
    start_app,
    stop_app,
)
from tests.browser.states import STATES, rest
from utils import GenerationTask, LoRAManager, ModelManager, generate_video, load_settings

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PAGES = ("generate", "loras")  # states of the page, each in both themes
SLANT = 0.12  # of the width, from the middle: where the light part of a picture ends
QUALITY = 84

PROMPT = "a red circle moving right on a navy background"
SEED = 11
CLIPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no LoRA", {}),
    ("neon_outline 1.0", {"neon_outline": 1.0}),
    ("golden_hour 1.0", {"golden_hour": 1.0}),
    ("motion_trail 1.0 + pixel_mosaic 1.0", {"motion_trail": 1.0, "pixel_mosaic": 1.0}),
)
SIDE, LABEL, GAP = 224, 26, 8  # pixels
PAPER, INK = (250, 250, 248), (40, 42, 48)


def clip_frames(video: Path) -> list[Image.Image]:
    with av.open(str(video)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def sheet(frames: list[Image.Image], labels: list[str]) -> Image.Image:
    """One moment of all clips side by side, each with its label below."""
    width = len(frames) * (SIDE + GAP) - GAP
    page = Image.new("RGB", (width, SIDE + LABEL), PAPER)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(12)
    for index, (frame, label) in enumerate(zip(frames, labels, strict=True)):
        left = index * (SIDE + GAP)
        page.paste(frame.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, 0))
        draw.text((left + 2, SIDE + 6), label, fill=INK, font=font)
    return page


def both_themes(light: Image.Image, dark: Image.Image) -> Image.Image:
    """One state of the page, the left part in light and the right part in dark colours."""
    width, height = light.size
    top, bottom = width * (0.5 + SLANT), width * (0.5 - SLANT)
    mask = Image.new("L", light.size, 0)
    ImageDraw.Draw(mask).polygon(((0, 0), (top, 0), (bottom, height), (0, height)), fill=255)
    return Image.composite(light, dark, mask)


def screenshot(browser: Browser, app: App, state: str, look: Look) -> Image.Image:
    """The page in this state, as a user gets there."""
    context = context_for(browser, look)
    page = context.new_page()
    open_page(page, app)
    STATES[state](page, app)
    settle(page)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        shown = picture.convert("RGB")
    rest(page, app)
    context.close()
    return shown


def make_pages() -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=list(CHROMIUM_ARGUMENTS)
        )
        process, app = start_app(Path(folder))
        try:
            for state in PAGES:
                light = screenshot(browser, app, state, DESK_LIGHT)
                dark = screenshot(browser, app, state, DESK_DARK)
                target = IMAGES / f"{state}.webp"
                both_themes(light, dark).save(target, quality=QUALITY, method=6)
                tell(target)
        finally:
            stop_app(process)
            browser.close()


def make_animation() -> None:
    target = IMAGES / "with_and_without.webp"
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(outputs_dir=folder)
        models, loras = ModelManager(settings), LoRAManager(settings)
        clips = []
        for _, selection in CLIPS:
            task = GenerationTask(
                model_type="demo", prompt=PROMPT, seed=SEED, selected_loras=selection
            )
            result = generate_video(task, models=models, loras=loras)
            clips.append(clip_frames(Path(result.video_path)))
            fps = result.task.fps or 8
    labels = [label for label, _ in CLIPS]
    pages = [sheet(list(moment), labels) for moment in zip(*clips, strict=True)]
    pages[0].save(
        target,
        save_all=True,
        append_images=pages[1:],
        duration=round(1000 / fps),
        loop=0,
        quality=80,
    )
    tell(target)


def tell(target: Path) -> None:
    print(f"wrote {target.relative_to(ROOT)}: {target.stat().st_size // 1000} KB")


def main(words: list[str]) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    make_pages()
    if words != ["page"]:
        make_animation()


if __name__ == "__main__":
    main(sys.argv[1:])
