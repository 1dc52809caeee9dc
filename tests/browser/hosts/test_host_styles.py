"""Styles of a host and ours: neither changes the other, and the text can be read in every theme."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio import themes
from playwright.sync_api import Page, expect

from tests.browser.actions import settle
from tests.browser.hosts.running import GRADIO, HOSTS, Host, running, with_demo_loras
from tests.browser.hosts.steps import Visit, card, open_tab, pick, row
from tests.browser.looks import DESK_DARK, DESK_LIGHT, PHONE, Look

THEMES = ("Base", "Citrus", "Default", "Glass", "Monochrome", "Ocean", "Origin", "Soft")
# What a host's rules for all buttons and the like would change. Sizes depend on the room there is.
LOOKS_OF_OURS = re.compile(
    "color|background-color|border-.*-(width|color|style)|border-.*-radius|font-.*|letter-spacing|"
    "text-transform|padding-.*|box-sizing|fill|stroke|line-height|text-align"
)
OURS = ".lora-ui, .lora-dialog, .lora-popover, .lora-toasts"
# Every computed style of the elements, by where they are. How far the page reaches is the
# contents', and the ids that Gradio gives are other ones for each page.
STYLES = """([selector, apart]) => {
    const found = {};
    for (const root of document.querySelectorAll(selector)) {
        for (const element of [root, ...root.querySelectorAll('*')]) {
            if (apart && element.closest(apart)) continue;
            const path = [];
            for (let at = element; at !== root.parentElement && at; at = at.parentElement) {
                const place = [...(at.parentElement?.children ?? [])].indexOf(at);
                path.unshift(`${at.localName}${place}`);
            }
            const style = getComputedStyle(element);
            const kept = {};
            for (const name of style) {
                if (!name.startsWith('--')) kept[name] = style.getPropertyValue(name);
            }
            found[`${root.id || root.className} ${path.join(' ')}`] = kept;
        }
    }
    return found;
}"""
BODY = """() => {
    const kept = {};
    for (const element of [document.documentElement, document.body]) {
        const style = getComputedStyle(element);
        for (const name of style) {
            if (!/^--|size$|^height$|origin$/.test(name)) {
                kept[`${element.localName} ${name}`] = style.getPropertyValue(name);
            }
        }
    }
    return kept;
}"""
PUT_ON = """(css) => {
    document.querySelector('#another-theme')?.remove();
    const style = Object.assign(document.createElement('style'), { id: 'another-theme' });
    style.textContent = css;
    document.head.append(style);
}"""
CONTRAST = """async (ours) => {
    const there = ours.split(', ').filter((root) => document.querySelector(root));
    const found = await axe.run({ include: there }, { runOnly: ['color-contrast'] });
    const read = found.passes.flatMap(({ nodes }) => nodes).length;
    const low = found.violations.flatMap(({ nodes }) => nodes);
    return [read, low.map(({ html, any }) => `${any[0].data.contrastRatio}: ${html}`)];
}"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    yield from styled(tmp_path_factory.mktemp("styled"))


def styled(folder: Path, **more: str) -> Iterator[Host]:
    with running(with_demo_loras(folder), [str(HOSTS / "styled.py")], GRADIO, **more) as host:
        yield host


def everything_of_ours(page: Page) -> None:
    """The panels, with a dialog and a toast besides."""
    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    expect(row(page, "golden_hour")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#lora-toasts .toast")).to_be_visible()
    card(page, "golden_hour").locator(".card-menu").click()
    page.get_by_role("menuitem", name="Details", exact=True).click()
    expect(page.get_by_role("dialog").locator(".bars").first).to_be_visible()


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    assert one.keys() == other.keys()
    return [
        f"{place}: {name}: {value} or {other[place][name]}"
        for place, styles in one.items()
        for name, value in styles.items()
        if value != other[place][name]
    ]


@pytest.mark.parametrize("look", (DESK_LIGHT, DESK_DARK, PHONE), ids=lambda look: look.name)
def test_the_page_around_looks_as_without_us(
    look: Look, host: Host, visit: Visit, tmp_path: Path
) -> None:
    found = []
    for other in styled(tmp_path / "without", EXTENSION="no"):
        for address in (other.address, host.address):
            page = visit(address, look)
            open_tab(page, "LoRAs")
            if address == host.address:
                everything_of_ours(page)
                page.keyboard.press("Escape")
            open_tab(page, "Own")
            expect(page.get_by_label("Prompt")).to_be_visible()
            page.mouse.move(0, 0)
            settle(page)
            whole = page.evaluate(STYLES, [".gradio-container", OURS])
            found.append((page.evaluate(BODY), whole))
    (body, page_alone), (body_with_us, page_with_us) = found
    assert body == body_with_us
    assert len(page_alone) > 100
    assert differing(page_alone, {place: page_with_us[place] for place in page_alone}) == []


def test_a_hosts_rules_for_all_buttons_do_not_reach_ours(
    host: Host, visit: Visit, tmp_path: Path
) -> None:
    found: list[dict[str, Any]] = []
    for rude in styled(tmp_path / "rude", RUDE="yes"):
        for address in (host.address, rude.address):
            page = visit(address)
            everything_of_ours(page)
            page.mouse.move(0, 0)
            settle(page)
            found.append(page.evaluate(STYLES, [OURS, None]))
            own = page.locator("#own button").evaluate("(one) => getComputedStyle(one).color")
            assert (own == "rgb(0, 255, 0)") == (address == rude.address)
            page.close()  # before its host ends
    looks = [
        {
            place: {name: value for name, value in styles.items() if LOOKS_OF_OURS.fullmatch(name)}
            for place, styles in styled_ones.items()
        }
        for styled_ones in found
    ]
    assert len(looks[0]) > 300
    assert differing(*looks) == []


@pytest.mark.parametrize("look", (DESK_LIGHT, DESK_DARK), ids=lambda look: look.name)
def test_text_can_be_read_in_every_theme_of_gradio(
    look: Look, host: Host, visit: Visit, axe: str
) -> None:
    page = visit(host.address, look)
    page.evaluate(axe)
    too_low: dict[str, list[str]] = {}
    least = {}

    def measure(state: str) -> None:
        settle(page)
        for name in THEMES:
            page.evaluate(PUT_ON, getattr(themes, name)()._get_theme_css())
            settle(page)
            least[f"{name}, {state}"], too_low[f"{name}, {state}"] = page.evaluate(CONTRAST, OURS)

    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    expect(row(page, "golden_hour")).to_be_visible()
    card(page, "pixel_mosaic").locator(".card-mark").click()
    measure("the tab and the controls")
    card(page, "neon_outline").locator(".card-menu").click()
    measure("a menu")
    page.get_by_role("menuitem", name="Details", exact=True).click()
    expect(page.get_by_role("dialog").locator(".bars").first).to_be_visible()
    measure("a dialog")
    assert too_low == {place: [] for place in too_low}
    assert min(least.values()) > 20


def test_colours_and_font_are_those_of_the_host(host: Host, visit: Visit) -> None:
    page = visit(host.address)
    open_tab(page, "LoRAs")
    expect(card(page, "golden_hour")).to_be_visible()
    theme = "body { --body-text-color: #123456; --font: Own; --block-background-fill: #fedcba; }"
    page.add_style_tag(content=theme)
    looks = """(one) => [
        getComputedStyle(one).color, getComputedStyle(one).fontFamily,
        getComputedStyle(one).backgroundColor,
    ]"""
    box = page.locator(".lora-controls")
    assert box.evaluate(looks) == ["rgb(18, 52, 86)", "Own", "rgb(254, 220, 186)"]
