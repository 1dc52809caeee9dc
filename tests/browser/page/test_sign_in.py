"""Whoever comes to an app with users signs in, does what the role allows, and leaves again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import App, start_app, stop_app
from tests.browser.watch import Watch
from wan_lora_studio.accounts import UserFile

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("guarded")
    users = UserFile(folder / "data" / "users.json")
    users.add("anna", PASSWORD, "creator")
    users.add("vic", PASSWORD, "viewer")
    process, running = start_app(folder)
    yield running
    stop_app(process)


@pytest.fixture
def door(guarded: App, browser: Browser, watch: Watch) -> Iterator[Page]:
    """The page as a stranger finds it."""
    context = browser.new_context()
    page = context.new_page()
    watch.listen(page, guarded.address)
    page.goto(guarded.address)
    yield page
    context.close()
    assert watch.complaints == []


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_one_signs_in_and_out(door: Page, guarded: App, watch: Watch) -> None:
    watch.expected.append("401")  # what the page asks for once nobody is signed in
    expect(door).to_have_url(f"{guarded.address}sign-in")
    sign_in(door, "anna")
    expect(door.locator("#generate-button")).to_be_visible()
    door.locator("#help-button").click()
    expect(door.get_by_role("menuitem", name="anna (Creator)")).to_be_visible()
    door.get_by_role("menuitem", name="Sign out").click()
    expect(door).to_have_url(f"{guarded.address}sign-in")
    door.goto(guarded.address)
    expect(door).to_have_url(f"{guarded.address}sign-in")


def test_a_wrong_password_is_said(door: Page, watch: Watch) -> None:
    watch.expected.append("403")
    sign_in(door, "anna", "wrong horse")
    expect(door.get_by_role("alert")).to_have_text("The name or the password is wrong.")


def test_a_viewer_is_told_what_is_missing(door: Page, watch: Watch) -> None:
    watch.expected.append("403")
    sign_in(door, "vic")
    door.locator("#prompt textarea").fill("a red circle moving left on a navy background")
    door.locator("#generate-button").click()
    expect(door.get_by_text("This is for creators only").first).to_be_visible()


def test_whoever_is_signed_out_elsewhere_is_led_to_the_door(
    door: Page, guarded: App, watch: Watch
) -> None:
    watch.expected.append("401")
    sign_in(door, "anna")
    expect(door.locator("#generate-button")).to_be_visible()
    door.context.clear_cookies()
    expect(door).to_have_url(f"{guarded.address}sign-in", timeout=30_000)
