"""The form's fields: what each is for, presets, checks while typing, and what is folded away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.actions import (
    expect_no_overflow,
    fill,
    generate,
    known,
    settle,
    unfold_settings,
    write_prompt,
)
from tests.browser.running import App, open_page, phone_page
from utils import GenerationTask, load_settings
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.wan.task_limits import limits_of

SETTINGS = load_settings()
FIELDS = {
    "model_type": "#model",
    "prompt": "#prompt",
    "negative_prompt": "#negative-prompt",
    "width": "#field-width",
    "height": "#field-height",
    "num_frames": "#field-frames",
    "fps": "#field-fps",
    "steps": "#field-steps",
    "guidance_scale": "#field-guidance",
    "guidance_scale_2": "#field-guidance-2",
    "flow_shift": "#field-flow-shift",
    "seed": "#field-seed",
    "size": "#size-presets",
    "length": "#size-presets",
    "videos": "#batch-panel",
}
TYPED = ("", "?", "0", "1", "17", "18", "64", "130", "0.005", "2.5", "121", "1001", "99999999")


@dataclass(frozen=True)
class Typed:
    """A text in a field: the advice while it is typed, and what it becomes."""

    field: str
    text: str
    advice: str | None
    value: str
    after: str


def field(page: Page, name: str) -> Locator:
    return page.locator(f"#field-{name}")


def choose_model(page: Page, name: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=name).click()


def advice(model_type: str, name: str, value: Any) -> str | None:
    """What the server says about a value of a field."""
    task = GenerationTask(model_type=model_type, prompt="a fox", **{name: value})
    try:
        task.resolved(SETTINGS)
    except GenerationError as error:
        return dict(error.context["fields"]).get(name)
    return None


def number(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


@pytest.mark.parametrize("name", list(FIELDS))
def test_every_field_says_what_it_is_for(page: Page, name: str) -> None:
    unfold_settings(page)
    mark = page.locator(f'{FIELDS[name]} [data-about="{name}"]')
    sentence = mark.locator("xpath=following-sibling::*").inner_text()
    assert sentence.endswith(".") and len(sentence) < 100
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".info-tip")).to_have_text(sentence)
    expect(mark).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".info-tip")).to_have_count(0)
    expect(mark).to_be_focused()
    mark.hover()
    expect(page.locator(".info-tip")).to_have_text(sentence)
    page.mouse.move(0, 0)
    expect(page.locator(".info-tip")).to_have_count(0)


def test_a_field_is_described_to_a_screen_reader(page: Page) -> None:
    box = page.locator("#field-steps input")
    expect(box).to_have_accessible_description(
        "How often the picture is refined; more takes longer and adds detail."
    )
    box.fill("0")
    expect(box).to_have_accessible_description(
        "Use a whole number from 1 to 1000."
        " How often the picture is refined; more takes longer and adds detail."
    )


def test_a_finger_opens_and_closes_an_info_mark(browser: Browser, app: App) -> None:
    phone = phone_page(browser, app)
    mark = phone.locator('[data-about="steps"]')
    mark.tap()
    expect(phone.locator(".info-tip")).to_be_in_viewport(ratio=1)
    mark.tap()
    expect(phone.locator(".info-tip")).to_have_count(0)
    mark.tap()
    phone.locator("#lora-controls .section-title").tap()
    expect(phone.locator(".info-tip")).to_have_count(0)
    settle(phone)
    expect_no_overflow(phone)
    phone.context.close()


def test_seldom_used_fields_are_folded_away(page: Page) -> None:
    toggle = page.get_by_role("button", name="More settings")
    for name in ("fps", "guidance-2", "flow-shift"):
        expect(field(page, name)).to_be_hidden()
    toggle.press("Enter")
    for name in ("fps", "guidance-2", "flow-shift"):
        expect(field(page, name)).to_be_visible()
    toggle.press("Enter")
    expect(field(page, "fps")).to_be_hidden()


def test_the_fold_opens_for_a_value_that_is_not_the_models_own(page: Page, app: App) -> None:
    fill(page, flow_shift=5)
    known(page, flow_shift=5)
    open_page(page, app)
    expect(page.locator("#field-flow-shift input")).to_have_value("5")
    expect(field(page, "flow-shift")).to_be_visible()


def test_another_model_leaves_the_fold_closed(page: Page) -> None:
    choose_model(page, "TI2V-5B")
    known(page, model_type="ti2v-5B", flow_shift=5)
    expect(field(page, "flow-shift")).to_be_hidden()


def test_a_refusal_opens_the_fold(page: Page) -> None:
    refused = {"fields": {"fps": "Use a whole number from 1 to 120."}}
    page.evaluate(
        """async (context) => {
            const { announce } = await import('/ui/assets/base/run_events.js');
            announce('refused', { error: { category: 'generation', message: 'No.', context } });
        }""",
        refused,
    )
    expect(field(page, "fps").locator(".field-problem")).to_be_visible()
    expect(page.locator("#field-fps input")).to_be_focused()


def test_sizes_and_lengths_are_chosen_by_name(page: Page) -> None:
    choose_model(page, "TI2V-5B")
    known(page, model_type="ti2v-5B", width=1280)
    size, length = page.get_by_label("Size", exact=True), page.get_by_label("Length", exact=True)
    expect(size.locator("option:checked")).to_have_text("16:9 · 704p")
    size.select_option("9:16 · 704p")
    expect(page.locator("#field-width input")).to_have_value("704")
    expect(page.locator("#field-height input")).to_have_value("1280")
    expect(length.locator("option:checked")).to_have_text("5 s")
    length.select_option("2 s")
    expect(page.locator("#field-frames input")).to_have_value("49")
    fill(page, frames=81, width=640)
    expect(size.locator("option:checked")).to_have_text("Custom")
    expect(length.locator("option:checked")).to_have_text("3.3 s")


def test_a_length_counts_the_frames_of_a_second(page: Page) -> None:
    fill(page, fps=16)
    expect(page.get_by_label("Length", exact=True).locator("option:checked")).to_have_text("1 s")
    page.get_by_label("Length", exact=True).select_option("2 s")
    expect(page.locator("#field-frames input")).to_have_value("33")


@pytest.mark.parametrize(
    "case",
    [
        Typed("width", "130", "Use 128 or 144.", "128", "Changed 130 to 128, a multiple of 16."),
        Typed(
            "frames",
            "18",
            "Use 17 or 21.",
            "17",
            "Changed 18 to 17, the nearest that the model takes.",
        ),
        Typed(
            "steps",
            "5000",
            "Use a whole number from 1 to 1000.",
            "1000",
            "Changed 5000 to 1000, the most it can be.",
        ),
        Typed(
            "height",
            "3",
            "Use a whole number from 16 to 16384.",
            "16",
            "Changed 3 to 16, the least it can be.",
        ),
        Typed("guidance", "", None, "4", "Back to 4, this model’s own value."),
    ],
    ids=lambda case: case.field,
)
def test_a_number_is_checked_while_typing_and_snaps_on_leaving(page: Page, case: Typed) -> None:
    place = field(page, case.field)
    box, hint = place.locator("input"), place.locator(".field-hint")
    box.fill(case.text)
    if case.advice:
        expect(hint).to_have_text(case.advice)
        expect(box).to_have_attribute("aria-invalid", "true")
    box.press("Tab")
    expect(box).to_have_value(case.value)
    expect(hint).to_have_text(case.after)
    expect(box).not_to_have_attribute("aria-invalid", "true")
    names = {"frames": "num_frames", "guidance": "guidance_scale"}
    known(page, **{names.get(case.field, case.field): int(case.value)})
    box.fill("64")
    expect(page.get_by_text(case.after)).to_have_count(0)


def test_a_seed_is_checked_but_never_changed(page: Page) -> None:
    box, hint = page.locator("#field-seed input"), page.locator("#field-seed .field-hint")
    box.fill("12x")
    expect(hint).to_have_text("Use a whole number from 0 to 4294967295.")
    box.press("Tab")
    expect(box).to_have_value("12x")
    expect(hint).to_be_visible()
    box.fill("12")
    expect(hint).to_have_count(0)


def test_what_is_typed_last_is_put_right_before_generate(page: Page) -> None:
    write_prompt(page)
    fill(page, steps=2, width=64, height=64)
    page.locator("#field-frames input").fill("6")
    assert generate(page)
    expect(page.locator("#field-frames input")).to_have_value("5")


@pytest.mark.parametrize("model_type", ["demo", "ti2v-5B"])
def test_the_page_and_the_server_give_the_same_advice(page: Page, model_type: str) -> None:
    limits = limits_of(SETTINGS.models[model_type])
    cases = [(name, text) for name in limits for text in TYPED if text]
    said = page.evaluate(
        """async ([limits, cases]) => {
            const address = document.querySelector('link[href$="fields/rules.js"]').href;
            const { adviceOn } = await import(address);
            return cases.map(([name, text]) => adviceOn(text, limits[name]));
        }""",
        [{name: limit.shown() for name, limit in limits.items()}, cases],
    )
    wanted = [advice(model_type, name, number(text)) for name, text in cases]
    assert dict(zip(cases, said, strict=True)) == dict(zip(cases, wanted, strict=True))


def test_the_models_negative_prompt_comes_with_a_translation(page: Page) -> None:
    row = SETTINGS.models["ti2v-5B"]
    choose_model(page, "TI2V-5B")
    known(page, model_type="ti2v-5B", negative_prompt=row.negative_prompt)
    page.locator("#negative-prompt").get_by_role("button", name="Negative prompt").first.click()
    told = page.locator("#negative-prompt .translation")
    expect(told).to_have_text(f"In English: {row.negative_prompt_translation}")
    page.locator("#negative-prompt textarea").fill("blurred")
    expect(told).to_be_hidden()
