"""The shapes that people give their apps: the extension works in each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.hosts.running import HOSTS, UVICORN, Host, running, with_demo_loras
from tests.browser.hosts.steps import Place, Visit, open_tab, pick, row, strength_box, type_strength

NAME = "golden_hour"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = with_demo_loras(tmp_path_factory.mktemp("shapes"))
    command = ["-m", "uvicorn", "--app-dir", str(HOSTS), "shapes:app", "--port", "0"]
    with running(folder, command, UVICORN) as found:
        yield found


def expect_result(place: Place, strength: float) -> None:
    place.get_by_role("button", name="Generate", exact=True).click()
    expect(place.get_by_label("Result")).to_have_value(json.dumps({NAME: strength}))


def test_an_interface(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}interface/")
    pick(page, NAME)
    type_strength(page, NAME, "0.5")
    expect_result(page, 0.5)


def test_tabs_of_apps(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}tabbed/")
    pick(page, NAME)
    open_tab(page, "Make")
    type_strength(page, NAME, "0.5")
    expect_result(page, 0.5)


def test_a_chat(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}chat/")
    pick(page, NAME)
    page.locator("textarea").last.fill("a red circle")
    page.keyboard.press("Enter")
    expect(page.get_by_text(json.dumps({NAME: 1.0}))).to_be_visible()


def test_two_controls_on_one_page_are_one_selection(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}twice/")
    text, image = page.locator("#text"), page.locator("#image")
    pick(page, NAME)
    type_strength(text, NAME, "0.5")
    expect(strength_box(image, NAME)).to_have_value("0.5")
    expect_result(image, 0.5)
    expect_result(text, 0.5)


def test_what_is_hidden_at_first(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}hidden/")
    page.get_by_role("button", name="Show").click()
    pick(page, NAME)
    expect_result(page, 1.0)


def test_the_tab_and_the_controls_on_two_pages(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}pages/loras")
    pick(page, NAME)
    page.goto(f"{host.address}pages/")
    expect(row(page, NAME)).to_be_visible()
    expect_result(page, 1.0)


def test_what_is_set_when_the_page_loads(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}loaded/")
    expect(strength_box(page, NAME)).to_have_value("0.75")
    expect_result(page, 0.75)
