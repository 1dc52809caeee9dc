"""How the extension looks in a host: in light and dark, on a phone; and what it leaves alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import expect_no_overflow, settle
from tests.browser.hosts.running import Host
from tests.browser.hosts.steps import Visit, card, controls, library, open_tab, pick, row
from tests.browser.looks import DESK_DARK, LOOKS, Look

# What axe finds in the parts that are ours.
FINDINGS = """async () => {
    const found = await axe.run({ include: [['.lora-ui']] }, { resultTypes: ['violations'] });
    return found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}"""
BRIGHTNESS = """(element) => {
    for (let one = element; one; one = one.parentElement) {
        const color = getComputedStyle(one).backgroundColor;
        const [red, green, blue, alpha = 1] = color.match(/[\\d.]+/g).map(Number);
        if (alpha > 0.5) return (red + green + blue) / 3;
    }
    return 255;
}"""


def findings(page: Page, axe: str) -> list[str]:
    settle(page)
    page.evaluate(axe)
    found: list[str] = page.evaluate(FINDINGS)
    return found


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_the_panels_can_be_read_and_fit(
    look: Look, workbench: Host, visit: Visit, axe: str
) -> None:
    page = visit(workbench.address, look)
    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    assert findings(page, axe) == []
    expect_no_overflow(page)
    card(page, "golden_hour").locator(".card-menu").click()
    page.get_by_role("menuitem", name="Details", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect_no_overflow(page)
    page.keyboard.press("Escape")
    open_tab(page, "Generate")
    expect(row(page, "golden_hour")).to_be_visible()
    assert findings(page, axe) == []
    expect_no_overflow(page)


def test_dark_follows_the_host(workbench: Host, visit: Visit) -> None:
    light, dark = visit(workbench.address), visit(workbench.address, DESK_DARK)
    shown = {}
    for page in (light, dark):
        open_tab(page, "LoRAs")
        expect(card(page, "golden_hour")).to_be_visible()
        open_tab(page, "Generate")
        expect(controls(page)).to_be_visible()
        shown[page] = controls(page).evaluate(BRIGHTNESS)
    assert shown[dark] < 80
    assert shown[light] > 200


def test_what_a_host_has_no_part_in_is_absent(workbench: Host, visit: Visit) -> None:
    page = visit(workbench.address)
    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    expect(library(page).locator(".worker")).to_have_count(0)
    open_tab(page, "Generate")
    expect(row(page, "golden_hour")).to_be_visible()
    for name in ("With and without", "Strength sweep"):
        expect(controls(page).get_by_role("button", name=name)).to_have_count(0)
