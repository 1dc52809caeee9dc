"""What the demo knows: chosen from a sentence, and said before a video is asked for."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.actions import write_prompt


def test_words_are_chosen_from_a_sentence(page: Page) -> None:
    panel = page.locator("#prompt-words")
    panel.get_by_label("colour").select_option("orange")
    panel.get_by_label("shape").select_option("triangle")
    panel.get_by_label("direction").select_option("up")
    panel.get_by_label("background").select_option("sunset")
    expect(page.locator("#prompt textarea")).to_have_value(
        "an orange triangle moving up on a sunset background"
    )
    expect(panel.get_by_role("status")).to_be_hidden()


def test_the_sentence_follows_what_is_written(page: Page) -> None:
    panel = page.locator("#prompt-words")
    write_prompt(page, "A crimson ball rises slowly in the dark <lora:pixel_mosaic:0.5>")
    expect(panel.get_by_label("colour")).to_have_value("red")
    expect(panel.get_by_label("shape")).to_have_value("circle")
    expect(panel.get_by_label("direction")).to_have_value("up")
    expect(panel.get_by_label("background")).to_have_value("black")


def test_words_that_are_not_known_are_named_before_generate(page: Page) -> None:
    told = page.locator("#prompt-words").get_by_role("status")
    write_prompt(page, "a red dragon moving left on a navy castle")
    expect(told).to_have_text("This small model doesn’t know “dragon”, “castle”.")
    write_prompt(page, "a red circle moving left on a navy background")
    expect(told).to_be_hidden()
