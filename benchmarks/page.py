"""How the LoRA tab behaves with thousands of LoRAs, beside a plain `gr.Gallery` of the same."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from benchmarks.library_sizes import PageSizes
from benchmarks.page_servers import gallery_page, grow_library, our_page
from benchmarks.page_visit import GALLERY, OURS, Selectors, Visit, visit
from benchmarks.report import PartResult, Table, Target, duration

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FIRST_CARDS_SECONDS, KEY_SECONDS, SELECT_SECONDS = 2.0, 0.05, 0.15
HEAP_MIB = 150
OPENED_SECONDS = 1.0
NEAR_WINDOWS = 4.4  # the window, what is built above and below, and what lazy loading adds
Server = Callable[[Path], AbstractContextManager[str]]


def measure(sizes: PageSizes) -> PartResult:
    """Both pages are visited in turn, each time by a fresh profile."""
    with tempfile.TemporaryDirectory(dir=sizes.folder) as name:
        folder = Path(name)
        grow_library(folder, sizes.loras)
        ours = _visits(folder, our_page, OURS, sizes.rounds)
        theirs = _visits(folder, gallery_page, GALLERY, sizes.rounds) if sizes.gallery else []
    return PartResult(
        "page",
        (_table(sizes.loras, ours, theirs),),
        _targets(ours),
        facts={
            "ours": [asdict(found) for found in ours],
            "gallery": [asdict(found) for found in theirs],
        },
    )


def _visits(folder: Path, server: Server, where: Selectors, rounds: int) -> list[Visit]:
    with server(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            _drawn_visit(browser, address, where)  # what the first visitor ever waits for, once
            return [_drawn_visit(browser, address, where) for _ in range(rounds)]
        finally:
            browser.close()


def _drawn_visit(browser: Browser, address: str, where: Selectors) -> Visit:
    """Once more where the browser has stopped to draw, which no visitor does."""
    try:
        return visit(browser, address, where)
    except Error as error:
        print(f"A visit is repeated: {error.message}", file=sys.stderr)
        return visit(browser, address, where)


def _chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _table(loras: int, ours: list[Visit], theirs: list[Visit]) -> Table:
    def row(
        name: str, read: Callable[[Visit], float], unit: Callable[[float], str]
    ) -> tuple[str, ...]:
        return (name, *(unit(_median(visits, read)) for visits in (ours, theirs) if visits))

    rows = (
        row("first cards after navigation", lambda v: v.first_cards, duration),
        row("first cards after the click on the tab", lambda v: v.opened_cards, duration),
        row("processor time until then", lambda v: v.first_work, duration),
        row("first picture", lambda v: v.first_picture, duration),
        row("key to painted result", lambda v: statistics.median(v.keystrokes), duration),
        row("slowest of five keys", lambda v: max(v.keystrokes), duration),
        row("processor time of a key", lambda v: statistics.median(v.key_work), duration),
        row("key, by event timing", lambda v: statistics.median(v.key_events), duration),
        row("slowest, by event timing", lambda v: max(v.key_events), duration),
        row("card to its slider on the other tab", lambda v: v.selecting, duration),
        row("bare points while scrolling", lambda v: v.bare_points, lambda n: f"{n:.1%}"),
        row("JavaScript heap", lambda v: v.heap, lambda n: f"{n:.1f} MiB"),
        row("pictures fetched before scrolling", lambda v: v.pictures, lambda n: f"{n:.0f}"),
        row("elements in the page", lambda v: v.elements, lambda n: f"{n:.0f}"),
    )
    notes = (
        f"Medians of {len(ours)} visits, each with a fresh browser profile, window 1360 x 900.",
        "The library was looked through, hashed and given thumbnails before; one visit of each"
        " page came before those that count.",
        "A key is a search of one digit, from the key's own time stamp to the frame that shows"
        " its result. Event timing is the browser's own figure for the key: until the next frame"
        " after all that handled it, in steps of 8 ms.",
    )
    sides = ("", "ours", "gr.Gallery") if theirs else ("", "ours")
    return Table(f"The page with {loras} LoRAs", sides, rows, notes)


def _targets(ours: list[Visit]) -> tuple[Target, ...]:
    events = _median(ours, lambda found: statistics.median(found.key_events))
    keys = _median(ours, lambda found: statistics.median(found.keystrokes))
    near = _near_cards()
    return (
        Target(
            "first cards",
            _median(ours, lambda v: v.first_cards),
            "at most",
            FIRST_CARDS_SECONDS,
            "s",
        ),
        Target("key to painted result", keys, "at most", KEY_SECONDS, "s"),
        Target("key, by event timing", events, "at most", KEY_SECONDS, "s"),
        Target(
            "cards after the click on the tab",
            _median(ours, lambda v: v.opened_cards),
            "at most",
            OPENED_SECONDS,
            "s",
        ),
        Target(
            "card to slider", _median(ours, lambda v: v.selecting), "at most", SELECT_SECONDS, "s"
        ),
        Target("bare points while scrolling", max(v.bare_points for v in ours), "at most", 0),
        Target("heap", _median(ours, lambda v: v.heap), "at most", HEAP_MIB, "MiB"),
        Target("pictures before scrolling", max(v.pictures for v in ours), "at most", near),
    )


def _near_cards() -> float:
    """How many cards of the usual density lie near a window of 900 pixels."""
    columns, row_height = 4, 276
    return columns * (NEAR_WINDOWS * 900 / row_height + 1)


def _median(visits: list[Visit], read: Callable[[Visit], float]) -> float:
    return statistics.median(read(found) for found in visits)
