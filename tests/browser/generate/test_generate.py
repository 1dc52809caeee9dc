"""Making a video on the page with the demo model, from choosing LoRAs to playing the result."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.actions import (
    STEP_MS,
    VIDEO_MS,
    eventually,
    fill,
    generate,
    get_json,
    pick,
    stack_row,
    task_in_video,
    type_strength,
    wait_for_video,
    write_prompt,
)
from tests.browser.generate.steps import make_plain
from tests.browser.running import App, held_up, open_page, open_tab
from tests.browser.watch import Watch


def two_names(page: Page) -> list[str]:
    """Two LoRAs that fit the model, the first of which takes a strength for each expert."""
    cards = page.locator("#lora-tab .card[data-name]:not(.card-unfit)")
    cards.first.wait_for()
    badges = cards.evaluate_all(
        "cards => cards.map((card) => [card.dataset.name, card.querySelector('.badge').innerText])"
    )
    first = next(name for name, badge in badges if badge in ("Both", "Pair"))
    return [first, next(name for name, _ in badges if name != first)]


def test_a_video_is_made_with_exactly_the_chosen_strengths(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    first, second = two_names(page)
    pick(page, first)
    pick(page, second)
    open_tab(page, "Generate")
    stack_row(page, first).get_by_role("button", name="Separate").click()
    type_strength(page, first, "0,85", "high")
    type_strength(page, first, "0.3", "low")
    write_prompt(page)
    fill(page, steps=6, seed=41)
    # The last strength is typed and Generate pressed at once: nothing may lag behind.
    type_strength(page, second, "0.65")
    job_id = generate(page)

    video = wait_for_video(page, job_id)
    page.wait_for_function("document.querySelector('.run-video')?.readyState >= 2")
    page.wait_for_function("document.querySelector('.run-video')?.currentTime > 0.1")
    expect(video).to_be_visible()
    expect(page.locator("#result-seed")).to_have_text("41")
    expect(page.locator(".run-lora-name")).to_have_count(2)
    expect(page.locator(".run-loras")).to_contain_text(
        "Merged into the weights: no cost while sampling"
    )
    expect(page.locator(".run-loras .outcome").first).to_have_text("Applied")

    job = get_json(f"{app.address}api/jobs/{job_id}")
    path = Path(job["result"]["video_path"])
    expected = {first: {"high": 0.85, "low": 0.3}, second: 0.65}
    task = task_in_video(path)
    assert task["selected_loras"] == expected
    assert (task["seed"], task["steps"]) == (41, 6)


def test_the_slider_and_the_number_show_the_same(page: Page) -> None:
    open_tab(page, "LoRAs")
    name = two_names(page)[0]
    pick(page, name)
    open_tab(page, "Generate")
    row = stack_row(page, name)
    row.wait_for()
    make_plain(row)
    slider = row.locator('input[type="range"]')
    number = row.locator('input[type="text"]')
    number.fill("1")
    slider.focus()
    slider.press("ArrowLeft")
    expect(number).to_have_value("0.95")
    number.fill("2.5")
    expect(slider).to_have_value("2.5")
    number.fill("much")
    expect(number).to_have_attribute("aria-invalid", "true")
    number.press("Tab")
    expect(number).to_have_value("2.5")
    open_tab(page, "LoRAs")
    expect(page.locator('#lora-tab .stack-row input[type="text"]')).to_have_value("2.5")


def test_the_form_takes_nothing_before_it_holds_what_was_kept(page: Page, app: App) -> None:
    write_prompt(page, "what was kept")
    page.wait_for_function("localStorage.getItem('studio-form')?.includes('what was kept')")
    held: list[Route] = []

    def hold(request: Route) -> None:
        held.append(request)

    page.route("**/gradio_api/run/predict", hold)
    page.goto(app.address)
    page.locator("#generate-button").wait_for()  # after a while the page is shown all the same
    expect(page.locator("#generate-columns")).to_have_attribute("inert", "")
    eventually(page, lambda: bool(held), True)
    for request in held:
        request.continue_()
    page.unroute_all()
    expect(page.locator("#generate-columns")).not_to_have_attribute("inert", "")
    expect(page.locator("#prompt textarea")).to_have_value("what was kept")


def test_a_form_that_cannot_be_filled_is_kept(page: Page, app: App, watch: Watch) -> None:
    watch.expected.append("status of 500")
    write_prompt(page, "written before")
    page.wait_for_function("localStorage.getItem('studio-form')?.includes('written before')")
    page.route("**/gradio_api/run/predict", lambda route: route.fulfill(status=500))
    page.goto(app.address)
    note = page.locator(".toast-error", has_text="could not be filled")
    expect(note).to_be_visible()
    expect(page.locator("#generate-columns")).to_have_attribute("inert", "")
    page.unroute_all()
    note.get_by_role("button", name="Reload").click()
    expect(page.locator("#prompt textarea")).to_have_value("written before")


def test_what_gradio_was_not_told_survives_a_reload(page: Page, app: App) -> None:
    """As without a connection: the page changes, and no event of Gradio's comes through."""
    write_prompt(page, "with a connection")
    page.wait_for_function("localStorage.getItem('studio-form')?.includes('with a connection')")
    page.evaluate("document.querySelector('#prompt textarea').value = 'written without'")
    open_page(page, app)
    expect(page.locator("#prompt textarea")).to_have_value("written without")


def test_each_tab_keeps_its_own_form(page: Page, app: App) -> None:
    prompt = "#prompt textarea"
    kept = "text => localStorage.getItem('studio-form')?.includes(text)"
    write_prompt(page, "written in the first tab")
    page.wait_for_function(kept, arg="written in the first tab")
    other = page.context.new_page()
    open_page(other, app)
    expect(other.locator(prompt)).to_have_value("written in the first tab")
    write_prompt(other, "written in the second tab")
    other.wait_for_function(kept, arg="written in the second tab")
    open_page(page, app)
    expect(page.locator(prompt)).to_have_value("written in the first tab")
    other.close()


def test_a_run_shows_its_progress_and_can_be_cancelled(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=200)
    job_id = generate(page)
    expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
    page.locator(".run-preview").wait_for(timeout=STEP_MS)
    page.locator("#cancel-button").click()
    expect(page.locator(".run-note")).to_have_text("Cancelled", timeout=STEP_MS)
    assert get_json(f"{app.address}api/jobs/{job_id}")["state"] == "cancelled"


def test_a_reload_finds_the_run_again(page: Page, app: App) -> None:
    write_prompt(page)
    # Small frames and many steps: long enough for a reload, not for one's patience.
    fill(page, width=64, height=64, frames=5, steps=150, seed=5)
    job_id = generate(page)
    expect(page.locator(".run-note")).to_contain_text("Step", timeout=STEP_MS)
    with held_up(app):
        open_page(page, app)
        expect(page.locator(".run-note")).to_contain_text("Step")
        expect(page.locator("#cancel-button")).to_be_visible()
    wait_for_video(page, job_id, 4 * VIDEO_MS)
    expect(page.locator("#result-seed")).to_have_text("5")


def test_the_seed_of_a_result_can_be_reused(page: Page) -> None:
    write_prompt(page)
    fill(page, steps=2, seed="")
    wait_for_video(page, generate(page))
    seed = page.locator("#result-seed").inner_text()
    page.get_by_role("button", name="Reuse seed").click()
    expect(page.locator("#field-seed input")).to_have_value(seed)


def test_a_wrong_task_is_explained(page: Page) -> None:
    write_prompt(page, " ")
    fill(page, seed="seven")
    generate(page)
    expect(page.locator("#prompt .field-problem")).to_have_text("Write a prompt first.")
    expect(page.locator("#field-seed .field-problem")).to_have_text(
        "Use a whole number from 0 to 4294967295."
    )
    expect(page.locator("#prompt textarea")).to_be_focused()
    expect(page.locator("#prompt textarea")).to_have_attribute("aria-invalid", "true")


def test_what_no_field_is_to_blame_for_stands_under_the_button(page: Page, watch: Watch) -> None:
    watch.expected += ["ERR_INTERNET_DISCONNECTED", "net::ERR"]
    write_prompt(page)
    page.context.set_offline(True)
    page.locator("#generate-button").click()
    refusal = page.locator(".refusal")
    expect(refusal).to_contain_text("The server cannot be reached.")
    expect(refusal).to_be_focused()
    page.context.set_offline(False)
    expect(refusal).to_be_hidden()


def test_a_video_is_served_in_ranges(page: Page, app: App) -> None:
    write_prompt(page)
    fill(page, steps=2)
    job_id = generate(page)
    wait_for_video(page, job_id)
    address = f"{app.address}api/results/{job_id}/video"
    answer = page.request.get(address, headers={"Range": "bytes=0-99"})
    assert answer.status == 206
    assert len(answer.body()) == 100
    assert answer.headers["x-content-type-options"] == "nosniff"
