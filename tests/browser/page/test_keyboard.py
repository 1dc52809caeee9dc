"""From a file to a finished video with the keyboard alone; the mouse is never touched."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import PROMPT, VIDEO_MS, card, get_json, stack_row
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import App

NAME = "by keyboard"
MOST_TABS = 120
FOCUSED = """() => {
    const item = document.activeElement;
    const label = item.labels?.[0]?.textContent.trim() ?? '';
    return [item.id, label, item.getAttribute('aria-label') ?? '', (item.innerText ?? '').trim()];
}"""
RING = """() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
        || style.boxShadow !== 'none';
}"""


def tab_to(page: Page, wanted: str, key: str = "Tab") -> None:
    """Press Tab until the focus is on what has this id, label or text; it must be seen there."""
    for _ in range(MOST_TABS):
        page.keyboard.press(key)
        if wanted in page.evaluate(FOCUSED):
            page.wait_for_function(RING)  # the focus can be seen
            return
    raise AssertionError(f"{wanted} cannot be reached with {key}")


def test_from_upload_to_video(page: Page, app: App, tmp_path: Path) -> None:
    # Heard from the start: asked for only at the key press, the browser may not know of it yet.
    page.on("filechooser", lambda _: None)
    tab_to(page, "Generate")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="LoRAs")).to_have_attribute("aria-selected", "true")
    page.locator("#lora-tab .cards").wait_for()
    tab_to(page, "Upload LoRAs")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(one_demo_lora(tmp_path, NAME))
    expect(page.locator(".upload-note").filter(has_text="fits Demo")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(NAME)
    expect(page.locator("#lora-tab .card[data-name]")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(card(page, NAME).locator(".card-pick")).to_have_attribute("aria-pressed", "true")

    tab_to(page, "LoRAs", "Shift+Tab")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Generate")).to_have_attribute("aria-selected", "true")
    tab_into_prompt(page)
    page.keyboard.press("Control+a")
    page.keyboard.type(PROMPT)
    expect(stack_row(page, NAME)).to_be_visible()
    tab_to(page, "Strength of Golden Hour")
    page.keyboard.press("Tab")  # from the slider to its number
    page.keyboard.press("Control+a")
    page.keyboard.type("0.6")
    tab_to(page, "Steps")
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    page.wait_for_function("JSON.parse(localStorage.getItem('studio-form')).steps === 3")
    tab_to(page, "generate-button")
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        page.keyboard.press("Enter")
    job = asked.value.json()
    page.locator(f'.run-video[src*="{job["id"]}"]').wait_for(timeout=VIDEO_MS)
    task = get_json(f"{app.address}api/jobs/{job['id']}")["task"]
    assert (task["selected_loras"], task["steps"], task["prompt"]) == ({NAME: 0.6}, 3, PROMPT)


def tab_into_prompt(page: Page) -> None:
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#prompt') !== null"):
            return
    raise AssertionError("the prompt cannot be reached")
