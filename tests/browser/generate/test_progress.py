"""What is told of a run while it goes on: bar, time left, experts, strengths."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import (
    PROMPT,
    STEP_MS,
    VIDEO_MS,
    fill,
    generate,
    wait_for_video,
    write_prompt,
)
from tests.browser.generate.steps import TAKE
from tests.browser.queue.steps import clear
from tests.browser.running import App, phone_page

FADE = [[0, 0.9], [0.5, 0.3]]
# The plan of a run with two experts, whose models are too large for a test.
PLAN = """async (job) => {
  const { createStepPlan } = await import("./ui/assets/run/step_plan.js");
  const plan = createStepPlan();
  plan.update(job);
  const text = (selector) => [...plan.element.querySelectorAll(selector)]
    .filter((item) => !item.hidden).map((item) => item.textContent);
  return {
    hidden: plan.element.hidden,
    experts: text(".plan-experts"),
    names: text(".plan-name"),
    values: text(".plan-value"),
    constant: text(".plan-constant"),
    curves: [...plan.element.querySelectorAll("svg")].map((item) => item.ariaLabel),
  };
}"""

# A page in the background, and a stand-in for the notifications of a desktop, which is not here.
NOTED = """() => {
  window.noted = [];
  window.Notification = class extends EventTarget {
    static permission = 'granted';
    static requestPermission = async () => 'granted';
    constructor(title, options) { super(); window.noted.push([title, options.body]); }
    close() {}
  };
  window.inBackground = (hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  };
}"""


@pytest.fixture(autouse=True)
def empty_queue(page: Page, app: App) -> Iterator[None]:
    """No run of another test is in the way, whatever became of it."""
    clear(page, app)
    yield
    clear(page, app)


def test_the_bar_and_the_time_left_cover_the_whole_run(page: Page) -> None:
    write_prompt(page)
    fill(page, width=64, height=64, frames=5, steps=2, seed=1)
    wait_for_video(page, generate(page))
    page.evaluate(TAKE, {"golden_hour": FADE, "motion_trail": 0.4})
    fill(page, steps=100)
    generate(page)
    note = page.locator(".run-note")
    expect(note).to_contain_text(re.compile(r"Step \d+ of 100 · .+ left"), timeout=STEP_MS)
    plan = page.locator(".run-plan")
    expect(plan.locator(".plan-name")).to_have_count(1)
    expect(plan.locator(".plan-value")).to_have_text("0.9")
    expect(plan.locator(".plan-constant")).to_contain_text("0.4")
    page.wait_for_function("document.querySelector('.run-bar')?.value > 0")
    page.locator("#cancel-button").click()
    expect(note).to_have_text("Cancelled", timeout=STEP_MS)
    expect(plan).to_be_hidden()


def test_the_plan_names_the_expert_and_the_strengths_at_a_step(page: Page) -> None:
    task = {
        "model_type": "t2v-A14B",
        "selected_loras": {"fading": {"high": FADE, "low": 0.1}, "flat": 0.7},
    }

    def shown(step: int, high: int | None = 12) -> dict[str, object]:
        progress = {"stage": "sample", "step": step, "steps": 20, "high_steps": high}
        job = {"id": "1", "state": "running", "task": task, "parts": [], "progress": progress}
        found: dict[str, object] = page.evaluate(PLAN, job)
        return found

    first = shown(1)
    assert first["experts"] == ["High-noise expert until step 12, then low-noise"]
    assert first["names"] == ["fading"]
    assert first["values"] == ["0.9"]
    assert first["constant"] == ["flat 0.7"]
    assert first["curves"] == ["fading over the steps: high 0.9 → 0.3, low 0.1"]
    assert shown(11)["values"] == ["0.3"]
    assert shown(12)["values"] == ["0.1"]
    assert shown(12)["experts"] == ["Low-noise expert since step 13 of 20"]
    assert shown(3, high=20)["experts"] == ["High-noise expert for all steps"]
    assert shown(0, high=None)["experts"] == []


def test_the_tab_tells_of_the_run_and_of_its_end(page: Page) -> None:
    page.evaluate(NOTED)
    usual = page.title()
    write_prompt(page)
    fill(page, width=64, height=64, frames=5, steps=30, seed=2)
    generate(page)
    expect(page).to_have_title(re.compile(rf"^\d+% · {usual}$"), timeout=STEP_MS)
    notify = page.get_by_role("button", name="Notify me")
    notify.click()
    expect(notify).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.inBackground(true)")
    expect(page).to_have_title(f"Done · {usual}", timeout=2 * VIDEO_MS)
    assert page.evaluate("window.noted") == [["The video is done", PROMPT]]
    page.evaluate("window.inBackground(false)")
    expect(page).to_have_title(usual)


def test_on_a_phone_progress_takes_the_place_of_generate(browser: Browser, app: App) -> None:
    phone = phone_page(browser, app)
    write_prompt(phone)
    fill(phone, width=64, height=64, frames=5, steps=800)
    strip = phone.locator("#run-strip")
    expect(strip).to_be_hidden()
    generate(phone)
    expect(strip).to_be_in_viewport(ratio=0.99)
    expect(phone.locator("#generate-button")).to_be_hidden()
    expect(strip).to_contain_text("of 800", timeout=STEP_MS)
    strip.get_by_role("button", name="Cancel").click()
    expect(strip).to_be_hidden(timeout=STEP_MS)
    expect(phone.locator("#generate-button")).to_be_in_viewport()
    phone.context.close()
