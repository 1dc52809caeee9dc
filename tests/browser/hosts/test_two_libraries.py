"""Two libraries on one page: each keeps to itself."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.hosts.running import HOSTS, UVICORN, Host, running, with_demo_loras
from tests.browser.hosts.steps import Visit, card, cards, pick, row, type_strength, upload
from tests.browser.library.steps import one_demo_lora


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = with_demo_loras(tmp_path_factory.mktemp("two"), "loras/first")
    (folder / "loras" / "second").mkdir()
    one_demo_lora(folder / "loras" / "second", "golden_hour")
    command = ["-m", "uvicorn", "--app-dir", str(HOSTS), "two_libraries:app", "--port", "0"]
    with running(folder, command, UVICORN) as found:
        yield found


def both(page: Page) -> tuple[Locator, Locator]:
    first, second = page.locator("#first"), page.locator("#second")
    for one in (first, second):
        expect(card(one, "golden_hour")).to_be_visible()
    return first, second


def expect_picked(column: Locator, wanted: dict[str, float]) -> None:
    column.get_by_role("button", name="Generate", exact=True).click()
    expect(column.get_by_label("Result")).to_have_value(json.dumps(wanted))


def test_a_pick_and_a_strength_stay_with_their_library(host: Host, visit: Visit) -> None:
    page = visit(host.address)
    first, second = both(page)
    pick(first, "golden_hour")
    type_strength(first, "golden_hour", "0.3")
    expect(row(second, "golden_hour")).to_have_count(0)
    pick(second, "golden_hour")
    type_strength(second, "golden_hour", "0.9")
    expect_picked(first, {"golden_hour": 0.3})
    expect_picked(second, {"golden_hour": 0.9})
    page.reload()
    first, second = both(page)
    expect(row(first, "golden_hour")).to_be_visible()
    expect_picked(first, {"golden_hour": 0.3})
    expect_picked(second, {"golden_hour": 0.9})
    pick(first, "golden_hour", on=False)
    expect_picked(first, {})
    expect_picked(second, {"golden_hour": 0.9})


def test_each_has_its_own_keys_in_the_address_of_the_hosts_page(host: Host, visit: Visit) -> None:
    page = visit(f"{host.address}#place=here")
    first, second = both(page)
    first.locator(".grid-search").fill("motion")
    expect(page).to_have_url(re.compile(r"#place=here&lorasFilter-first-\w+=q%3Dmotion$"))
    card(second, "golden_hour").locator(".card-menu").click()
    page.get_by_role("menuitem", name="Details", exact=True).click()
    ours = r"lorasFilter-first-\w+=q%3Dmotion&lora-second-\w+=golden_hour"
    named = re.compile(rf"#place=here&{ours}$")
    expect(page).to_have_url(named)
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(first.locator(".grid-search")).to_have_value("motion")
    expect(second.locator(".grid-search")).to_have_value("")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(first.locator(".grid-search")).to_have_value("motion")


def test_an_upload_goes_into_its_library_alone(
    host: Host, visit: Visit, tmp_path: os.PathLike[str]
) -> None:
    page = visit(host.address)
    first, second = both(page)
    before = cards(first)
    upload(second, one_demo_lora(tmp_path, "only here"))
    assert (host.loras / "second" / "only here.safetensors").is_file()
    assert not (host.loras / "first" / "only here.safetensors").exists()
    page.reload()
    first, second = both(page)
    expect(card(second, "only here")).to_be_visible()
    assert cards(first) == before
