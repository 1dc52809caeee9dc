"""What is exchanged while the page is open: the pipeline, the library's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hosts.running import GRADIO, HOSTS, Host, running, with_demo_loras
from tests.browser.hosts.steps import Visit, card, library, pick, row, upload
from tests.browser.library.steps import one_demo_lora


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = with_demo_loras(tmp_path_factory.mktemp("exchange"))
    with running(folder, [str(HOSTS / "exchange.py")], GRADIO) as found:
        yield found


def load(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_label("Said")).to_have_value("loaded")


def test_the_verdicts_follow_the_pipeline(host: Host, visit: Visit) -> None:
    page = visit(host.address)
    shown = card(page, "golden_hour")
    expect(shown).to_be_visible()  # before there is any model
    load(page, "Demo")
    expect(shown).not_to_contain_class("card-unfit")
    load(page, "Narrow")
    expect(shown).to_contain_class("card-unfit")
    load(page, "Demo")
    expect(shown).not_to_contain_class("card-unfit")


def test_they_follow_a_transformer_that_is_exchanged_in_place(host: Host, visit: Visit) -> None:
    """The model is then one of another name."""
    page = visit(host.address)
    load(page, "Demo")
    shown = card(page, "golden_hour")
    expect(shown).not_to_contain_class("card-unfit")
    pick(page, "golden_hour")
    expect(row(page, "golden_hour")).not_to_contain_class("card-unfit")
    page.get_by_role("button", name="Exchange", exact=True).click()
    expect(shown).to_contain_class("card-unfit")
    expect(row(page, "golden_hour")).to_contain_text("Wan 2.2 T2V A14B")
    load(page, "Demo")
    expect(shown).not_to_contain_class("card-unfit")
    expect(row(page, "golden_hour")).not_to_contain_text("A14B")


def test_the_library_s_files_are_exchanged(host: Host, visit: Visit) -> None:
    page = visit(host.address)
    expect(card(page, "golden_hour")).to_be_visible()
    for file in host.loras.glob("*.safetensors"):
        file.unlink()
    one_demo_lora(host.loras, "another")
    library(page).get_by_role("button", name="More for the library").click()
    page.get_by_role("menuitem", name="Rescan folder").click()
    expect(card(page, "another")).to_be_visible()
    expect(card(page, "golden_hour")).to_have_count(0)


def test_another_library_is_shown(host: Host, visit: Visit, tmp_path: Path) -> None:
    page = visit(host.address)
    expect(card(page, "another")).to_be_visible()
    page.get_by_role("button", name="Others", exact=True).click()
    expect(page.get_by_label("Said")).to_have_value("shown")
    expect(card(page, "another")).to_have_count(0)
    upload(page, one_demo_lora(tmp_path, "of the others"))
    assert (host.folder / "others" / "of the others.safetensors").is_file()
    assert not (host.loras / "of the others.safetensors").exists()
