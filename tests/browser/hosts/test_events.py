"""What the controls give and take as a component of Gradio."""

from __future__ import annotations

import json
from typing import Any

from gradio_client import Client
from playwright.sync_api import Locator, Page, expect

from tests.browser.hosts.running import Host
from tests.browser.hosts.steps import (
    Place,
    Visit,
    open_tab,
    pick,
    row,
    strength_box,
    type_strength,
)
from tests.browser.watch import Watch


def field(place: Place, label: str) -> Locator:
    return place.get_by_label(label, exact=True)


def press(place: Place, name: str) -> None:
    place.get_by_role("button", name=name, exact=True).click()


def expect_json(place: Place, label: str, wanted: Any) -> None:
    expect(field(place, label)).to_have_value(json.dumps(wanted, sort_keys=True))


def with_golden_hour(page: Page) -> Page:
    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    open_tab(page, "Generate")
    expect(row(page, "golden_hour")).to_be_visible()
    return page


def test_what_was_moved_just_before_the_click_goes_along(workbench: Host, visit: Visit) -> None:
    page = with_golden_hour(visit(workbench.address))
    for strength in ("0.3", "0.7", "-0.25"):
        type_strength(page, "golden_hour", strength)
        press(page, "Generate")
        expect_json(page, "Result", {"golden_hour": float(strength)})
    slider = row(page, "golden_hour").locator('input[type="range"]').first
    slider.evaluate("(one) => { one.value = 1.25; one.dispatchEvent(new Event('input')); }")
    slider.evaluate("(one) => one.dispatchEvent(new Event('input', { bubbles: true }))")
    press(page, "Generate")
    expect_json(page, "Result", {"golden_hour": 1.25})


def test_a_change_is_an_event_and_arrives_last(workbench: Host, visit: Visit) -> None:
    page = with_golden_hour(visit(workbench.address))
    expect_json(page, "Changes", {"golden_hour": 1.0})
    for strength in ("0.1", "0.2", "0.4"):
        type_strength(page, "golden_hour", strength)
    expect_json(page, "Changes", {"golden_hour": 0.4})
    row(page, "golden_hour").get_by_role("switch").click()
    expect_json(page, "Changes", {})


def test_an_event_sets_the_selection(workbench: Host, visit: Visit) -> None:
    page = visit(workbench.address)
    open_tab(page, "Generate")
    press(page, "Set")
    expect(strength_box(page, "golden_hour")).to_have_value("0.25")
    expect_json(page, "Changes", {"golden_hour": 0.25})
    press(page, "Double")
    expect(strength_box(page, "golden_hour")).to_have_value("0.5")
    press(page, "Generate")
    expect_json(page, "Result", {"golden_hour": 0.5})
    press(page, "Empty")
    expect(row(page, "golden_hour")).to_have_count(0)
    press(page, "Generate")
    expect_json(page, "Result", {})


def test_a_reload_brings_the_selection_back(workbench: Host, visit: Visit, watch: Watch) -> None:
    watch.expected.append("AbortError: signal is aborted")  # of Gradio's own answers
    page = with_golden_hour(visit(workbench.address))
    type_strength(page, "golden_hour", "0.6")
    press(page, "Generate")
    expect_json(page, "Result", {"golden_hour": 0.6})
    page.reload()
    open_tab(page, "Generate")
    expect(strength_box(page, "golden_hour")).to_have_value("0.6")
    press(page, "Generate")
    expect_json(page, "Result", {"golden_hour": 0.6})


def test_two_visitors_have_a_selection_each(workbench: Host, visit: Visit) -> None:
    with_golden_hour(visit(workbench.address))
    other = visit(workbench.address)
    open_tab(other, "Generate")
    press(other, "Generate")
    expect_json(other, "Result", {})


def test_a_client_gives_its_own_selection(workbench: Host) -> None:
    client = Client(workbench.address, verbose=False)
    picked = {"golden_hour": 0.4, "neon_outline": {"high": 1.0, "low": 0.5}}
    assert json.loads(client.predict(picked, api_name="/generate")) == picked
    assert client.predict(api_name="/set") == {"golden_hour": 0.25}
    assert client.predict({"golden_hour": 0.25}, api_name="/double") == {"golden_hour": 0.5}
    assert json.loads(client.predict({}, api_name="/generate")) == {}
