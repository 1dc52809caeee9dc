"""What the worker holds of each LoRA, on its card and in the panel, while it happens."""

from __future__ import annotations

import re

import pytest
import torch
from playwright.sync_api import Page, Route, expect
from safetensors.torch import load_file, save_file

from tests.browser.actions import PROMPT, STEP_MS, card, pick
from tests.browser.running import LORAS, App, open_tab

NAME, TITLE = "motion_trail", "Motion Trail"
STRENGTH = 0.65


def submit(page: Page, app: App, steps: int, **selected: float) -> str:
    task = {"model_type": "demo", "prompt": PROMPT, "steps": steps, "selected_loras": selected}
    answer = page.request.post(f"{app.address}api/jobs", data=task)
    assert answer.ok, answer.text()
    return str(answer.json()["id"])


def find(page: Page, name: str) -> None:
    """Bring the card into the window, whatever other tests have put into the library."""
    page.locator("#lora-tab").get_by_role("searchbox").first.fill(name)


def test_a_lora_is_not_loaded_then_applied_at_its_strength_then_not_loaded(
    page: Page, app: App
) -> None:
    open_tab(page, "LoRAs")
    find(page, NAME)
    pick(page, NAME)
    held = card(page, NAME).locator(".card-held")
    row = page.locator(".worker-loras li").filter(has_text=TITLE)
    expect(held).to_have_text("Selected")
    expect(row.locator(".worker-what")).to_have_text("not loaded")
    job_id = submit(page, app, 200, **{NAME: STRENGTH})
    expect(page.locator(".worker-state")).to_contain_text("Making a video", timeout=STEP_MS)
    expect(row.locator(".worker-what")).to_have_text(f"applied at {STRENGTH}", timeout=STEP_MS)
    expect(held).to_have_text(f"Applied {STRENGTH}")
    expect(held).to_have_attribute("data-state", "applied")
    expect(page.locator(".worker-memory")).to_contain_text(
        re.compile(r"[\d.]+ [MG]B of [\d.]+ [MG]B available")
    )
    expect(page.locator(".worker-memory")).to_contain_text(
        re.compile(r"CPU\d+% of \d+ cores? · worker \d+%, page \d+%")
    )
    page.request.post(f"{app.address}api/jobs/{job_id}/cancel")
    expect(row.locator(".worker-what")).to_have_text("not loaded", timeout=STEP_MS)
    expect(held).to_have_text("Selected")


@pytest.mark.parametrize(
    ("state", "on_card", "in_panel"),
    [("waiting", "Loading", "loading"), ("taken_off", "Selected", "removed after the last step")],
)
def test_a_lora_before_and_after_sampling(
    page: Page, app: App, state: str, on_card: str, in_panel: str
) -> None:
    """These pass in a moment on the demo model, so the worker's answer is made to stand still."""

    def answer(route: Route) -> None:
        response = route.fetch(url=f"{app.address}api/status")  # whole, not "nothing new"
        status = response.json()
        status["worker"]["loras"] = {NAME: {"state": state, "strength": STRENGTH}}
        route.fulfill(response=response, json=status)

    page.route("**/api/status*", answer)
    open_tab(page, "LoRAs")
    find(page, NAME)
    pick(page, NAME)
    expect(card(page, NAME).locator(".card-held")).to_have_text(on_card)
    row = page.locator(".worker-loras li").filter(has_text=TITLE)
    expect(row.locator(".worker-what")).to_have_text(in_panel)
    page.unroute_all(behavior="wait")


def test_a_lora_that_failed_says_why(page: Page, app: App) -> None:
    """One whose numbers are none; it came into the folder past the check of uploads."""
    tensors = load_file(LORAS / "golden_hour.safetensors")
    next(iter(tensors.values())).view(-1)[3] = torch.nan
    save_file(tensors, app.loras / "holds nan.safetensors")
    assert page.request.post(f"{app.address}api/loras/refresh", data={}).ok
    open_tab(page, "LoRAs")
    find(page, "holds nan")
    pick(page, "holds nan")
    submit(page, app, 4, **{"holds nan": 1.0})
    row = page.locator(".worker-loras li").filter(has_text="holds nan")
    expect(row.locator(".worker-what")).to_have_text("failed", timeout=STEP_MS)
    expect(row.locator(".worker-why")).to_contain_text("NaN")
    held = card(page, "holds nan").locator(".card-held")
    expect(held).to_have_text("Failed")
    expect(held).to_have_attribute("title", re.compile("NaN"))
    page.request.post(f"{app.address}api/loras/delete", data={"name": "holds nan"})


def test_the_memory_is_that_of_this_moment(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    meter = page.locator(".worker-memory meter").first
    expect(meter).to_be_visible(timeout=STEP_MS)
    page.evaluate(
        "window.seen = new Set(); new MutationObserver(() => window.seen.add(document"
        ".querySelector('.worker-memory .memory').textContent)).observe(document.querySelector("
        "'.worker-memory'), { childList: true, subtree: true })"
    )
    job_id = submit(page, app, 200)
    page.wait_for_function("window.seen.size >= 2", timeout=STEP_MS)
    page.request.post(f"{app.address}api/jobs/{job_id}/cancel")
