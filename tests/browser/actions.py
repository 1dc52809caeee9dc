"""What a person does on the page, and what they then see."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import av
from playwright.sync_api import Locator, Page, expect

PROMPT = "a red circle moving left on a navy background"
VIDEO_MS = 90_000


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


def fill(page: Page, **fields: Any) -> None:
    """Fill fields of the form by their ids, such as `steps=6`."""
    for name, value in fields.items():
        box = page.locator(f"#field-{name.replace('_', '-')} input")
        box.fill(str(value))
        box.press("Tab")


def write_prompt(page: Page, text: str = PROMPT) -> None:
    page.locator("#prompt textarea").fill(text)


def generate(page: Page) -> str:
    """Press Generate; gives the job's id, or "" if the task was refused."""
    with page.expect_response(lambda answer: answer.url.endswith("/api/jobs")) as asked:
        page.locator("#generate-button").click()
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
