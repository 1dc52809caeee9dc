"""Settings taken over from a file that is dropped, and the input picture, in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.actions import (
    PROMPT,
    eventually,
    fill,
    generate,
    get_json,
    settle,
    stack_row,
    wait_for_video,
    write_prompt,
)
from tests.browser.generate.steps import choose_model
from tests.browser.running import App, open_page, open_tab
from tests.support.foreign_files import INFOTEXT, drawn, png
from tests.support.result_files import WANGP, metadata, video_bytes, write_video

LORA = "golden_hour"
NO_MODELS_KNOWN: dict[str, Any] = {"models": [], "left_out": [], "free": None}


def load(page: Page, file: Path) -> None:
    page.locator("#settings-file").set_input_files(file)


def drop(page: Page, name: str, kind: str, content: bytes) -> None:
    """Drop a file on the tab, as a browser does it."""
    transfer = page.evaluate_handle(
        """([name, kind, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type: kind }));
            return transfer;
        }""",
        [name, kind, list(content)],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#generate-columns", event, {"dataTransfer": transfer})


def field(page: Page, name: str) -> Any:
    return page.locator(f"#field-{name} input")


def test_a_dropped_video_restores_everything(page: Page, tmp_path: Path) -> None:
    chosen = {LORA: {"high": 0.8, "low": 0.3}}
    data = metadata(selected_loras=chosen, seed=4242, steps=11, flow_shift=5.5, width=64)
    video = write_video(tmp_path, "mine", data)
    drop(page, "mine.mp4", "video/mp4", video.read_bytes())
    expect(page.locator(".toast")).to_contain_text("restored, with 1 LoRA")  # goes by itself
    expect(field(page, "seed")).to_have_value("4242")
    expect(field(page, "steps")).to_have_value("11")
    expect(field(page, "flow-shift")).to_have_value("5.5")
    expect(field(page, "width")).to_have_value("64")
    expect(page.locator("#prompt textarea")).to_have_value("a red circle moving left")
    box = stack_row(page, LORA).locator('input[type="text"][data-expert="low"]')
    expect(box).to_have_value("0.3")


def test_the_json_beside_it_does_the_same(page: Page, tmp_path: Path) -> None:
    load(page, write_video(tmp_path, "mine", metadata(seed=77)).with_suffix(".json"))
    expect(field(page, "seed")).to_have_value("77")


def test_what_was_different_in_the_run_is_told(page: Page, tmp_path: Path) -> None:
    report = {"outcome": "fallback", "reason": "it has NaN.", "replacement": "gold", "sha256": {}}
    data = metadata({LORA: report}, selected_loras={LORA: 1.0}, prompt="a lamp")
    data |= {"prompt_used": "a lamp, gold", "environment": {"vae_tiling": True}}
    load(page, write_video(tmp_path, "mine", data))
    dialog = page.get_by_role("dialog", name="Restored, with differences")
    expect(dialog).to_contain_text(f"{LORA} was left out of this video: it has NaN.")
    expect(dialog).to_contain_text("coded in tiles")
    page.keyboard.press("Escape")
    expect(page.locator("#prompt textarea")).to_have_value("a lamp, gold")
    expect(stack_row(page, LORA)).to_have_count(0)


def test_what_is_missing_is_named_with_its_hash(page: Page, tmp_path: Path) -> None:
    reports = {"never_here": {"sha256": "ab" * 32}}
    chosen = {"never_here": 1.0, LORA: 0.5}
    load(page, write_video(tmp_path, "mine", metadata(reports, selected_loras=chosen)))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("never_here")
    expect(dialog).to_contain_text("ABABABABAB")
    expect(dialog).to_contain_text("ab" * 32)
    page.keyboard.press("Escape")
    expect(stack_row(page, LORA)).to_be_visible()


def test_a_wangp_video_restores_what_matches(page: Page, tmp_path: Path) -> None:
    load(page, write_video(tmp_path, "theirs", WANGP))
    expect(page.get_by_role("dialog")).to_contain_text("style_HIGH")
    page.keyboard.press("Escape")
    expect(page.locator("#prompt textarea")).to_have_value(str(WANGP["prompt"]))
    expect(page.locator("#model input")).to_have_value("Wan2.2 T2V-A14B (text to video)")
    expect(field(page, "frames")).to_have_value("81")


def test_other_files_are_refused_in_words(page: Page) -> None:
    drop(page, "half.mp4", "video/mp4", video_bytes()[:-100])
    expect(page.locator(".upload").filter(has_text="half.mp4")).to_contain_text("cut short")
    drop(page, "notes.txt", "text/plain", b"hello")
    notes = page.locator(".upload").filter(has_text="notes.txt")
    expect(notes).to_contain_text("it is not a video, picture or JSON that can be read")


def test_a_run_is_made_again_from_its_own_video(page: Page, app: App) -> None:
    """Generate, change everything, load the result, generate: the same video, byte for byte."""
    write_prompt(page)
    fill(page, steps=3, seed=321)
    first = generate(page)
    wait_for_video(page, first)
    path = Path(get_json(f"{app.address}api/jobs/{first}")["result"]["video_path"])
    write_prompt(page, "something else")
    fill(page, steps=2, seed=1)
    load(page, path)
    expect(field(page, "seed")).to_have_value("321")
    expect(field(page, "steps")).to_have_value("3")
    expect(page.locator("#prompt textarea")).to_have_value(PROMPT)
    second = generate(page)
    wait_for_video(page, second)
    again = Path(get_json(f"{app.address}api/jobs/{second}")["result"]["video_path"])
    assert frames(again) == frames(path)


def frames(path: Path) -> list[bytes]:
    import av

    with av.open(str(path)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def picture_file(folder: Path, size: tuple[int, int]) -> Path:
    path = folder / "input.png"
    Image.new("RGB", size, "teal").save(path)
    return path


def asked_image(page: Page) -> Any:
    """What Generate asks for; without a prompt nothing is made."""
    write_prompt(page, "")
    with page.expect_request(lambda asked: asked.url.endswith("/api/jobs")) as asked:
        assert generate(page) == ""
    return json.loads(asked.value.post_data or "{}")["task"]["image"]


def test_the_picture_is_cut_to_the_videos_shape(page: Page, app: App, tmp_path: Path) -> None:
    # What is known to be not here is not asked for.
    page.route("**/api/models", lambda asked: asked.fulfill(json=NO_MODELS_KNOWN))
    open_page(page, app)
    expect(page.locator("#picture-panel")).to_be_hidden()
    choose_model(page, "Wan2.2 I2V-A14B (image to video)")
    expect(page.locator("#picture-panel")).to_contain_text("needed by this model")
    expect(field(page, "width")).to_have_value("1280")
    expect(field(page, "height")).to_have_value("720")
    page.locator("#picture-file").set_input_files(picture_file(tmp_path, (400, 400)))
    frame = page.locator(".picture-frame")
    frame.wait_for()
    box = asked_image(page)["box"]
    assert (box["x"], box["width"]) == (0, 1)
    assert abs(box["height"] - 9 / 16) < 0.001
    frame.focus()
    for _ in range(30):
        page.keyboard.press("ArrowUp")
    page.get_by_label("Zoom").fill("2")
    zoomed = asked_image(page)["box"]
    assert zoomed["width"] == 0.5
    assert abs(zoomed["height"] - 9 / 32) < 0.001
    page.get_by_role("button", name="Fit all of it").click()
    assert asked_image(page)["fit"] == "pad"
    choose_model(page, "Demo")
    expect(page.locator("#picture-panel")).to_be_hidden()
    assert asked_image(page) is None


def test_each_tab_keeps_its_own_picture(page: Page, app: App, tmp_path: Path) -> None:
    choose_model(page, "Wan2.2 I2V-A14B (image to video)")
    page.locator("#picture-file").set_input_files(picture_file(tmp_path, (40, 40)))
    expect(page.locator(".picture-image")).to_be_visible()
    page.wait_for_function("localStorage.getItem('studio-form')?.includes('i2v-A14B')")
    other = page.context.new_page()
    open_page(other, app)
    expect(other.locator(".picture-image")).to_be_visible()
    other.get_by_role("button", name="Remove", exact=True).click()
    expect(other.locator(".picture-drop")).to_be_visible()
    open_page(page, app)
    expect(page.locator(".picture-image")).to_be_visible()
    other.close()


def test_the_picture_chosen_last_stays(page: Page, tmp_path: Path) -> None:
    choose_model(page, "Wan2.2 I2V-A14B (image to video)")
    held: list[Route] = []

    def hold(request: Route) -> None:
        held.append(request)

    page.route("**/api/pictures*", hold)
    for count, side in enumerate((40, 60), 1):
        folder = tmp_path / str(side)
        folder.mkdir()
        page.locator("#picture-file").set_input_files(picture_file(folder, (side, side)))
        eventually(page, lambda: len(held), count)
    width = "JSON.parse(sessionStorage.getItem('studio-picture') ?? '{}').picture?.width"
    for route in reversed(held):
        with page.expect_response("**/api/pictures*"):
            route.continue_()
        page.wait_for_function(f"{width} === 60")
    page.unroute_all()
    settle(page)
    assert page.evaluate(width) == 60


def test_the_last_frame_becomes_the_input(page: Page, app: App) -> None:
    write_video(app.outputs, "end", metadata(id="end-of-it", prompt="the end of it"))
    choose_model(page, "Wan2.2 I2V-A14B (image to video)")
    open_tab(page, "Gallery")
    page.locator('.result[data-id="end-of-it"] .result-open').click()
    page.get_by_role("button", name="Continue from last frame").click()
    expect(page.locator(".picture-image")).to_be_visible()
    page.wait_for_function("document.querySelector('.picture-image')?.naturalWidth === 32")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".picture-drop")).to_be_visible()


def test_a_last_frame_is_offered_to_a_model_that_takes_one(page: Page, app: App) -> None:
    write_video(app.outputs, "waits", metadata(id="waits", prompt="it waits"))
    open_tab(page, "Gallery")
    page.locator('.result[data-id="waits"] .result-open').click()
    expect(page.get_by_role("button", name="Reuse settings")).to_be_visible()
    expect(page.get_by_role("button", name="Continue from last frame")).to_have_count(0)


def test_a_frame_becomes_the_picture_of_a_lora(page: Page, app: App) -> None:
    data = metadata(id="thumb", prompt="for a thumbnail", selected_loras={LORA: 1.0})
    write_video(app.outputs, "thumb", data)
    open_tab(page, "Gallery")
    page.locator('.result[data-id="thumb"] .result-open').click()
    before = page.request.get(f"{app.address}api/loras/thumbnail?name={LORA}").body()
    page.get_by_role("button", name="Use as LoRA thumbnail").click()
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Golden Hour has a new thumbnail")
    assert page.request.get(f"{app.address}api/loras/thumbnail?name={LORA}").body() != before


def test_a_picture_of_another_program_says_what_it_is(page: Page) -> None:
    drop(page, "x.png", "image/png", png(parameters=INFOTEXT))
    dialog = page.locator(".dialog-left-over")
    expect(dialog).to_contain_text("A1111 settings.")
    expect(dialog).to_contain_text("ink_style")
    expect(field(page, "seed")).to_have_value("1234567890")
    expect(field(page, "steps")).to_have_value("20")
    expect(page.locator("#prompt textarea")).to_have_value(re.compile("^ink wash, a boat"))


def test_an_input_picture_offers_the_settings_that_it_carries(page: Page) -> None:
    choose_model(page, "Wan2.2 I2V-A14B (image to video)")
    drop(page, "x.png", "image/png", png(parameters=INFOTEXT))
    expect(page.locator(".picture-image")).to_be_visible()
    page.get_by_role("button", name="Load its settings: A1111 settings").click()
    expect(field(page, "seed")).to_have_value("1234567890")
    expect(page.locator(".picture-image")).to_be_visible()


def test_a_workflow_is_loaded_with_the_button(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(drawn()))
    load(page, path)
    expect(page.locator(".dialog-left-over")).to_contain_text("A ComfyUI workflow.")
    expect(field(page, "seed")).to_have_value("77")
