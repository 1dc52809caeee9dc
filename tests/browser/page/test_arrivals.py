"""What is dropped or pasted anywhere: LoRAs, settings, pictures, addresses of the page."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import card, drag, eventually, get_json, stack_row
from tests.browser.generate.steps import choose_model
from tests.browser.library.steps import one_demo_lora
from tests.browser.page.steps import serious_findings
from tests.browser.running import LORAS, App, open_tab
from tests.support.foreign_files import INFOTEXT, png, two_samplers
from tests.support.result_files import metadata, write_video

GENERATE = "#generate-columns"
# As a browser tells of files on the clipboard; with a text, as when a page is copied.
PASTE = """([target, files, text]) => {
    const transfer = new DataTransfer();
    for (const { name, type, bytes } of files) {
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    }
    if (text) transfer.setData("text/plain", text);
    const event = new ClipboardEvent("paste",
        { clipboardData: transfer, bubbles: true, cancelable: true });
    document.querySelector(target).dispatchEvent(event);
    return event.defaultPrevented;
}"""
DROP_TEXT = """([target, text]) => {
    const transfer = new DataTransfer();
    transfer.setData("text/uri-list", text);
    transfer.setData("text/plain", text);
    const names = ["dragenter", "dragover", "drop"];
    return names.map((name) => !document.querySelector(target).dispatchEvent(new DragEvent(name,
        { dataTransfer: transfer, bubbles: true, cancelable: true })));
}"""


def line(page: Page, name: str) -> Locator:
    return page.locator(".upload").filter(has_text=name)


def names(app: App) -> set[str]:
    return {item["name"] for item in get_json(f"{app.address}api/loras")["loras"]}


def paste_files(page: Page, *files: Path, target: str = "body", text: str = "") -> bool:
    """Whether the page took them."""
    given = [{"name": file.name, "type": "", "bytes": list(file.read_bytes())} for file in files]
    taken: bool = page.evaluate(PASTE, [target, given, text])
    return taken


def paste_text(page: Page, text: str, target: str = "body") -> bool:
    taken: bool = page.evaluate(PASTE, [target, [], text])
    return taken


def seed(page: Page) -> Locator:
    return page.locator("#field-seed input")


def test_a_lora_dropped_on_generate_is_uploaded_and_used(
    page: Page, app: App, tmp_path: Path, axe: str
) -> None:
    drag(page, page.locator(GENERATE), one_demo_lora(tmp_path, "for this video"), drop=False)
    expect(page.locator(".page-drop-note")).to_be_visible()
    expect(page.locator(".page-drop-note")).to_contain_text("Drop LoRAs to use them")
    drag(page, page.locator(GENERATE), tmp_path / "for this video.safetensors")
    expect(page.locator(".page-drop-note")).to_be_hidden()
    expect(stack_row(page, "for this video")).to_be_visible()
    expect(line(page, "for this video").locator(".upload-note")).to_contain_text("fits Demo")
    toast = page.locator(".toast").filter(has_text="to this video")
    expect(toast).to_contain_text("Added ")
    assert serious_findings(page, axe) == []
    toast.get_by_role("button", name="Undo").click()
    expect(stack_row(page, "for this video")).to_have_count(0)
    assert "for this video" in names(app)
    line(page, "for this video").get_by_role("button", name="Add to this video").click()
    expect(stack_row(page, "for this video")).to_be_visible()
    expect(page.locator(".upload-use")).to_be_hidden()


def test_both_halves_of_a_pair_are_used_as_one(page: Page, tmp_path: Path) -> None:
    halves = []
    for half, words in (("high_noise", "a half"), ("low_noise", "the other")):
        halves.append(tmp_path / f"two halves_{half}.safetensors")
        one_demo_lora(tmp_path, words).rename(halves[-1])
    drag(page, page.locator(GENERATE), *halves)
    expect(stack_row(page, "two halves")).to_be_visible()
    expect(page.locator("#lora-controls .stack-row")).to_have_count(1)


def test_of_several_loras_each_is_offered(page: Page, tmp_path: Path) -> None:
    files = [one_demo_lora(tmp_path, name) for name in ("offered one", "offered two")]
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        for words in ("offered three", "offered four"):
            archive.write(one_demo_lora(tmp_path, words), f"{words}.safetensors")
    drag(page, page.locator(GENERATE), *files, tmp_path / "pack.zip")
    expect(page.locator(".upload-done")).to_have_count(3)
    expect(page.locator(".stack-row")).to_have_count(0)
    line(page, "offered two").get_by_role("button", name="Add to this video").click()
    expect(stack_row(page, "offered two")).to_be_visible()
    packed = line(page, "pack.zip").locator('.upload-use[data-name="offered four"]')
    packed.click()
    expect(stack_row(page, "offered four")).to_be_visible()
    expect(packed).to_be_hidden()


def test_a_lora_that_the_library_has_is_used(page: Page, tmp_path: Path) -> None:
    copy = shutil.copy(LORAS / "pixel_mosaic.safetensors", tmp_path / "from my disk.safetensors")
    drag(page, page.locator(GENERATE), Path(copy))
    expect(line(page, "from my disk")).to_contain_text("Already in your library as Pixel Mosaic")
    expect(stack_row(page, "pixel_mosaic")).to_be_visible()
    line(page, "from my disk").get_by_role("button", name="Show Pixel Mosaic").click()
    expect(page.get_by_role("tab", name="LoRAs")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#lora-tab .card[data-name]")).to_have_count(1)


def test_on_every_other_tab_loras_go_to_the_library(page: Page, app: App, tmp_path: Path) -> None:
    for tab in ("Gallery", "Models"):
        name = f"dropped on {tab.lower()}"
        open_tab(page, tab)
        drag(page, page.locator("h1"), one_demo_lora(tmp_path, name))
        expect(line(page, name).locator(".upload-note")).to_contain_text("fits Demo")
        expect(line(page, name)).to_be_visible()
        assert name in names(app)
    open_tab(page, "LoRAs")
    expect(page.locator("#lora-tab .upload")).to_have_count(2)
    expect(card(page, "dropped on models")).to_be_visible()
    open_tab(page, "Generate")
    expect(page.locator(".uploads-corner .upload")).to_have_count(2)
    expect(page.locator(".stack-row")).to_have_count(0)


def test_a_folder_and_pasted_files_are_taken(page: Page, app: App, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    one_demo_lora(folder, "in a folder")
    (folder / "notes.txt").write_text("bought on Monday")
    open_tab(page, "Gallery")
    drag(page, page.locator("h1"), folder)
    expect(line(page, "in a folder").locator(".upload-note")).to_contain_text("fits Demo")
    expect(line(page, "notes.txt")).to_contain_text("no LoRA among these files has its name")
    assert paste_files(page, one_demo_lora(tmp_path, "from the clipboard"))
    expect(line(page, "from the clipboard").locator(".upload-note")).to_contain_text("fits Demo")
    open_tab(page, "Generate")
    assert paste_files(page, one_demo_lora(tmp_path, "into the prompt"), target="#prompt textarea")
    expect(stack_row(page, "into the prompt")).to_be_visible()
    open_tab(page, "LoRAs")
    assert paste_files(page, one_demo_lora(tmp_path, "beside the cards"))
    expect(card(page, "beside the cards")).to_be_visible()


def test_a_dialog_that_takes_no_files_lets_them_through(page: Page, tmp_path: Path) -> None:
    page.locator("#lora-controls").get_by_role("button", name="Add LoRA").click()
    page.locator(".picker-row").first.wait_for()
    drag(page, page.locator(".picker"), one_demo_lora(tmp_path, "onto the picker"))
    expect(page.locator('.picker-row[data-name="onto the picker"]')).to_have_attribute(
        "aria-pressed", "true"
    )


def test_every_file_has_a_line_with_what_became_of_it(page: Page, tmp_path: Path) -> None:
    video = write_video(tmp_path, "mine", metadata(seed=6262))
    notes, other = tmp_path / "notes.txt", tmp_path / "letter.docx"
    for file in (notes, other):
        file.write_text("no settings")
    drag(page, page.locator(GENERATE), notes)
    expect(line(page, "notes.txt")).to_contain_text("Left out. The file holds no generation")
    drag(page, page.locator(GENERATE), video, other)
    expect(line(page, "mine.mp4")).to_contain_text("Its settings are in the form.")
    expect(line(page, "letter.docx")).to_contain_text("no use for a file of this kind")
    expect(seed(page)).to_have_value("6262")
    open_tab(page, "Gallery")
    drag(page, page.locator("h1"), write_video(tmp_path, "again", metadata(seed=7373)))
    expect(line(page, "again.mp4")).to_contain_text("not a LoRA")
    line(page, "again.mp4").get_by_role("button", name="Load its settings").click()
    expect(seed(page)).to_have_value("7373")
    expect(line(page, "again.mp4")).to_contain_text("Its settings are in the form.")


def test_of_a_large_folder_every_file_has_a_line(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(25):
        (folder / f"note {number:02}.md").write_text("no LoRA")
    open_tab(page, "LoRAs")
    drag(page, page.locator("h1"), folder)
    expect(page.locator(".upload-skipped")).to_have_count(21)
    rest = line(page, "5 more files").locator(".upload-lines li")
    expect(rest).to_have_count(5)
    rows = page.locator(".upload-skipped .upload-name").all_inner_texts()[:20]
    assert {*rows, *(text.removeprefix("notes/") for text in rest.all_inner_texts())} == {
        file.name for file in folder.iterdir()
    }


def test_a_picture_fills_the_form_or_becomes_the_first_frame(page: Page, tmp_path: Path) -> None:
    plain, told = tmp_path / "plain.png", tmp_path / "told.png"
    Image.new("RGB", (40, 40), "teal").save(plain)
    told.write_bytes(png(prompt=two_samplers()))
    drag(page, page.locator(GENERATE), plain)
    expect(line(page, "plain.png")).to_contain_text("The chosen model takes no input picture.")
    drag(page, page.locator(GENERATE), told)
    expect(page.locator("#prompt textarea")).to_have_value("a lighthouse in a storm")
    page.keyboard.press("Escape")
    choose_model(page, "Wan2.2 I2V-A14B (image to video)")
    assert paste_files(page, plain)
    expect(page.locator(".picture-image")).to_be_visible()
    expect(line(page, "plain.png").last).to_contain_text("The video starts from this picture.")


def test_text_in_a_field_stays_the_fields(page: Page, tmp_path: Path) -> None:
    file = one_demo_lora(tmp_path, "copied with its text")
    assert not paste_files(page, file, target="#prompt textarea", text="a fox")
    assert not paste_text(page, f"{page.url}#loras", target="#prompt textarea")
    assert not paste_text(page, "a fox in the snow")
    expect(page.get_by_role("tab", name="Generate")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".upload")).to_have_count(0)


def test_pasted_settings_fill_the_form(page: Page, app: App) -> None:
    open_tab(page, "LoRAs")
    assert paste_text(page, INFOTEXT)
    expect(page.locator(".dialog-left-over")).to_contain_text("ink_style")
    page.keyboard.press("Escape")
    expect(seed(page)).to_have_value("1234567890")
    assert paste_text(page, json.dumps(two_samplers()))
    expect(seed(page)).to_have_value("1234")
    page.keyboard.press("Escape")
    box = page.locator("#prompt textarea")
    box.fill(INFOTEXT)
    box.press("ControlOrMeta+a")
    box.press("ControlOrMeta+x")
    box.press("ControlOrMeta+v")
    page.get_by_role("button", name="Fill the form").click()
    expect(seed(page)).to_have_value("1234567890")


def test_loras_are_found_by_hash_and_those_that_come_later_join(
    page: Page, app: App, tmp_path: Path
) -> None:
    later = one_demo_lora(tmp_path, "comes later")
    first = sha256(app.loras / "golden_hour.safetensors")[:10]
    text = (
        "a boat <lora:renamed:0.35> <lora:not_here_yet:0.45> <lora:never:1>\n"
        f'Steps: 7, Seed: 99, CFG scale: 2, Hashes: {{"lora:renamed": "{first}",'
        f' "lora:not_here_yet": "{sha256(later)[:10]}"}}'
    )
    eventually(page, lambda: unhashed(app), 0)
    assert paste_text(page, text)
    dialog = page.locator(".dialog-left-over")
    expect(dialog).to_contain_text(sha256(later)[:10].upper())
    expect(dialog).to_contain_text("Look for a file of this name.")
    expect(dialog).to_contain_text("then drop the file on this tab")
    page.keyboard.press("Escape")
    expect(stack_row(page, "golden_hour").locator('input[type="text"]')).to_have_value("0.35")
    expect(page.locator("#prompt textarea")).to_have_value(re.compile("^a boat"))
    drag(page, page.locator(GENERATE), later, one_demo_lora(tmp_path, "another"))
    expect(stack_row(page, "comes later").locator('input[type="text"]')).to_have_value("0.45")
    expect(page.locator("#lora-controls .stack-row")).to_have_count(2)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unhashed(app: App) -> int:
    records = get_json(f"{app.address}api/loras")["loras"]
    return sum("" in item["sha256s"].values() for item in records)


def test_an_address_of_the_page_leads_there(page: Page, app: App) -> None:
    write_video(app.outputs, "told", metadata(id="told-of", seed=8484))
    assert paste_text(page, f"{app.address}api/results/told-of/video?v=1")
    expect(seed(page)).to_have_value("8484")
    assert paste_text(page, f"{app.address}#loras/golden_hour")
    expect(stack_row(page, "golden_hour")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(stack_row(page, "golden_hour")).to_have_count(0)
    assert paste_text(page, "#loras/never_here")
    expect(page.locator(".toast-error")).to_contain_text(
        "Your library has no LoRA named never_here"
    )
    assert page.evaluate(DROP_TEXT, ["#lora-controls", f"{app.address}#loras?q=golden"])[1:] == [
        True,
        True,
    ]
    expect(page.get_by_role("tab", name="LoRAs")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#lora-tab .card[data-name]")).to_have_count(1)
    assert paste_text(page, f"{app.address}#loras/golden_hour")
    expect(page.get_by_role("dialog")).to_contain_text("Golden Hour")
    page.keyboard.press("Escape")
    assert paste_text(page, f"{app.address}#video/told-of")
    expect(page.get_by_role("dialog").locator("video")).to_be_visible()


def test_a_link_to_another_site_is_not_followed(page: Page) -> None:
    address = page.url
    page.evaluate(DROP_TEXT, [GENERATE, "https://example.org/lora.safetensors"])
    expect(page.locator(".toast-error")).to_contain_text("Download the file, then drop it here.")
    assert page.url == address


def test_on_a_phone_the_list_leaves_the_button_free(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    drag(page, page.locator("#prompt"), one_demo_lora(tmp_path, "on a phone"))
    expect(stack_row(page, "on a phone")).to_be_visible()

    def apart() -> bool:
        listed = page.locator(".uploads-box").bounding_box()
        button = page.locator("#generate-button").bounding_box()
        assert listed and button
        return listed["y"] + listed["height"] <= button["y"]

    eventually(page, apart, True)
