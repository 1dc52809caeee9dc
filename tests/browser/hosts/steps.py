"""What a person does in a host's page. A place is a page, a frame, or a part of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from playwright.sync_api import APIRequestContext, FrameLocator, Locator, Page, expect

from tests.browser.actions import VIDEO_MS
from tests.browser.hosts.reference import WISH, Frames, Wish, decoded

Place: TypeAlias = Page | FrameLocator | Locator
Visit: TypeAlias = Callable[..., Page]  # of an address, as somebody else


def open_tab(place: Place, name: str) -> None:
    place.get_by_role("tab", name=name).click()


def library(place: Place) -> Locator:
    return place.locator(".lora-tab")


def controls(place: Place) -> Locator:
    return place.locator(".lora-controls")


def card(place: Place, name: str) -> Locator:
    return library(place).locator(f".card[data-name={json.dumps(name)}]")


def cards(place: Place) -> list[str]:
    """The names on the cards that are shown."""
    shown = library(place).locator(".card[data-name]").all()
    return sorted(one.get_attribute("data-name") or "" for one in shown)


def upload(place: Place, *files: Path) -> None:
    """Choose files with the tab's button, and wait for their cards."""
    # Of the two fields, one is for folders.
    library(place).locator("input[type=file][accept]").set_input_files(list(files))
    for file in files:
        expect(card(place, file.stem)).to_be_visible()


def pick(place: Place, name: str, on: bool = True) -> None:
    """Click on a card."""
    button = card(place, name).locator(".card-pick")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true" if on else "false")


def row(place: Place, name: str) -> Locator:
    return controls(place).locator(f".stack-row[data-name={json.dumps(name)}]")


def strength_box(place: Place, name: str) -> Locator:
    return row(place, name).locator('input[type="text"][data-expert="both"]')


def type_strength(place: Place, name: str, strength: str) -> None:
    strength_box(place, name).fill(strength)


def write(place: Place, wish: Wish) -> None:
    """Fill the host's own fields."""
    place.get_by_label("Prompt").fill(wish.prompt)
    for label, value in (("Steps", wish.steps), ("Seed", wish.seed)):
        box = place.get_by_role("spinbutton", name=label)
        box.fill(str(value))
        box.press("Tab")


def generate(place: Place, request: APIRequestContext, wish: Wish = WISH) -> Frames:
    """Press Generate, wait for another video than before, and look at its frames."""
    write(place, wish)
    return press_generate(place, request)


def press_generate(place: Place, request: APIRequestContext) -> Frames:
    player = place.locator("video").first
    before = player.get_attribute("src") if player.count() else None
    place.get_by_role("button", name="Generate", exact=True).click()
    other = place.locator(f'video:not([src="{before}"])').first
    other.wait_for(state="attached", timeout=VIDEO_MS)
    address = other.evaluate("(video) => video.src")
    return decoded(request.get(address).body())
