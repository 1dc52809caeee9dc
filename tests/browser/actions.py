"""What a person does on the page, and what they then see."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
from playwright.sync_api import Locator, Page, expect

from tests.browser.running import PATIENCE_MS, App

FOLDED = {"fps", "guidance_2", "flow_shift"}  # by their elements
PROMPT = "a red circle moving left on a navy background"
VIDEO_MS = 240_000  # for a video of the demo model
STEP_MS = 180_000  # until a run is at its first step
READ_AGAIN_MS = 100  # between two looks at what is waited for
PASSED = "(moment) => Date.now() > moment"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NOTHING_RUNS = "async () => !(await (await fetch('api/status')).json()).running.length"
# Nothing moves, is still being read or waits for its picture, in three frames one after another.
REST = """async (limit) => {
    const seen = (item) => {
        const { top, bottom, width } = item.getBoundingClientRect();
        return width > 0 && bottom > 0 && top < innerHeight && item.checkVisibility();
    };
    const rests = () => {
        const waiting = document.querySelectorAll('.card-skeleton, [aria-busy="true"]');
        // But for a bar of progress, which moves as long as something is made.
        const times = document.getAnimations().filter((one) => one.playState === 'running'
            && !(one.effect?.target instanceof HTMLProgressElement))
            .map((one) => one.effect?.getComputedTiming().endTime);
        return !times.some(Number.isFinite) && ![...waiting].some(seen)
            && [...document.images].every((image) => image.complete || !seen(image));
    };
    const end = Date.now() + limit;
    let place = '';
    for (let frames = 0; frames < 3;) {
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        const now = [scrollX, scrollY, document.documentElement.scrollHeight].join(' ');
        frames = rests() && now === place ? frames + 1 : 0;
        place = now;
        if (Date.now() > end) throw new Error('the page does not come to rest');
    }
}"""


def eventually(
    page: Page, read: Callable[[], Any], wanted: Any, limit_ms: float = PATIENCE_MS
) -> None:
    """Wait until `read()` gives what is wanted; the page goes on meanwhile."""
    end = time.monotonic() + limit_ms / 1000
    while (found := read()) != wanted and time.monotonic() < end:
        page.wait_for_function(PASSED, arg=time.time() * 1000 + READ_AGAIN_MS)
    assert found == wanted


def until(page: Page, predicate: str, arg: Any = None, limit_ms: float = PATIENCE_MS) -> None:
    """Wait until an async function of the page gives true.

    Playwright's `wait_for_function` does not await one: it takes the promise itself for true.
    """
    eventually(page, lambda: page.evaluate(predicate, arg), True, limit_ms)


def nothing_runs(page: Page) -> None:
    """Wait until no worker has a job."""
    until(page, NOTHING_RUNS, limit_ms=VIDEO_MS)


def heard_twice(page: Page) -> None:
    """Wait until the page has asked twice how things stand, and shows all that came of it.

    What it was about to do by itself is done then.
    """
    for _ in range(2):
        with page.expect_response(lambda answer: "/api/status" in answer.url):
            pass
    settle(page)


def settle(page: Page) -> None:
    """Wait until everything in sight is there and at its place."""
    page.evaluate(REST, PATIENCE_MS)


def expect_no_overflow(page: Page) -> None:
    """Nothing sticks out of the window at the side."""
    eventually(page, lambda: max(0, page.evaluate(OVERFLOW)), 0)


def tidy_library(page: Page, app: App) -> None:
    """Take out of the library what earlier tests have put into it, or taken out behind its back."""

    def added() -> list[str]:
        records = page.request.get(f"{app.address}api/loras").json()["loras"]
        return [
            item["name"] for item in records if not app.given.issuperset(item["files"].values())
        ]

    if names := added():
        page.request.post(f"{app.address}api/loras/delete", data={"names": names})
        page.request.post(f"{app.address}api/loras/refresh")
        eventually(page, added, [])


def saved(page: Page, app: App) -> dict[str, Any]:
    """What the server keeps of the stack for this browser; a change gets there a moment later."""
    answer: dict[str, Any] = page.request.get(f"{app.address}api/selection").json()
    return answer


def known(page: Page, **fields: Any) -> None:
    """Wait until the page's own parts know what stands in Gradio's fields, by a task's names."""
    page.wait_for_function(
        """(fields) => {
            const form = JSON.parse(sessionStorage.getItem('studio-form') ?? '{}');
            return Object.entries(fields).every(([name, value]) => form[name] === value);
        }""",
        arg=fields,
    )


def card(page: Page, name: str) -> Locator:
    return page.locator(f"#lora-tab .card[data-name={json.dumps(name, ensure_ascii=False)}]")


def pick(page: Page, name: str) -> None:
    """Select a card on the LoRA tab."""
    card(page, name).locator(".card-pick").click()
    expect(card(page, name).locator(".card-pick")).to_have_attribute("aria-pressed", "true")


def choose_action(page: Page, name: str, action: str) -> None:
    """Choose from the menu of a card."""
    card(page, name).locator(".card-menu").click()
    page.get_by_role("menu").get_by_role("menuitem", name=action, exact=True).click()


def stack_row(page: Page, name: str) -> Locator:
    """The row of a selected LoRA on the generate tab."""
    return page.locator(f'#lora-controls .stack-row[data-name="{name}"]')


def type_strength(page: Page, name: str, strength: str, expert: str = "both") -> None:
    box = stack_row(page, name).locator(f'input[type="text"][data-expert="{expert}"]')
    box.fill(strength)


def unfold_settings(page: Page) -> None:
    """Open the fields that are seldom used."""
    toggle = page.locator("#more-settings-toggle")
    if toggle.get_attribute("aria-expanded") != "true":
        toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")


def fill(page: Page, **fields: Any) -> None:
    """Fill fields of the form by their ids, such as `steps=6`."""
    if FOLDED.intersection(fields):
        unfold_settings(page)
    for name, value in fields.items():
        box = page.locator(f"#field-{name.replace('_', '-')} input")
        box.fill(str(value))
        box.press("Tab")


def write_prompt(page: Page, text: str = PROMPT) -> None:
    page.locator("#prompt textarea").fill(text)


def generate(page: Page) -> str:
    """Press Generate; gives the job's id, or "" if the task was refused."""
    button = page.locator("#generate-button")
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        button.click()
    expect(button).not_to_have_attribute("aria-busy", "true")  # else another click does nothing
    return str(asked.value.json().get("id", ""))


def wait_for_video(page: Page, job_id: str, limit_ms: int = VIDEO_MS) -> Locator:
    """The player of this run's video, once the run is done."""
    assert job_id, page.locator("#generate-columns").inner_text()
    video = page.locator(f'.run-video[src*="{job_id}"]')
    video.wait_for(timeout=limit_ms)
    return video


def upload(page: Page, *files: Path) -> None:
    page.locator("#lora-file").set_input_files(list(files))


def drag(page: Page, target: Locator, *files: Path, drop: bool = True) -> None:
    """Drag files from outside over an element, and let go of them unless told otherwise.

    The browser itself handles it, so that what nobody takes makes it leave the page.
    """
    target.scroll_into_view_if_needed()
    settle(page)
    box = target.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + min(box["height"] / 2, 300)}
    for kind in ("dragEnter", "dragOver", "drop")[: 3 if drop else 2]:
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    session.detach()


def get_json(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def task_in_video(path: Path) -> dict[str, Any]:
    """The task that the video's own metadata holds."""
    with av.open(str(path)) as container:
        text = next(
            value for value in container.metadata.values() if value.lstrip().startswith("{")
        )
    data = json.loads(text)
    return dict(data.get("task", data))
