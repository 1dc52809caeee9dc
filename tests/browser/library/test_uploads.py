"""Uploading on the tab: folders, choices where a file or its name is there, several at once."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import card, choose_action, upload
from tests.browser.library.steps import one_demo_lora
from tests.browser.running import LORAS, App, open_tab


def row(page: Page, name: str) -> Locator:
    return page.locator(".upload").filter(has_text=f"{name}.safetensors")


def test_a_folder_is_taken_with_what_lies_beside_and_gives_its_verdicts(
    page: Page, app: App, tmp_path: Path
) -> None:
    folder = tmp_path / "dropped" / "deeper"
    folder.mkdir(parents=True)
    one_demo_lora(folder, "from a folder")
    for name in ("from a folder.png", "from a folder.preview.webp"):
        Image.new("RGB", (64, 64), (0, 0, 255)).save(folder / name)
    (folder / "from a folder.json").write_text('{"description": "said beside it"}')
    (folder / "from a folder.civitai.info").write_text("broken")
    (folder / "notes.txt").write_text("left out")
    open_tab(page, "LoRAs")
    page.locator("#lora-folder").set_input_files(tmp_path / "dropped")
    left = page.locator(".upload-skipped")
    expect(left.locator(".upload-name")).to_have_text("notes.txt")
    expect(left).to_contain_text("no LoRA among these files has its name")
    note = row(page, "from a folder").locator(".upload-note")
    expect(note).to_contain_text("fits Demo · both experts · rank 8 · 100/100 layers")
    expect(note).to_contain_text("Left out: from a folder.civitai.info is not a description")
    expect(page.locator(".upload")).to_have_count(2)
    expect(row(page, "from a folder")).to_contain_text("With from a folder.")
    expect(card(page, "from a folder")).to_be_visible()
    taken = {path.name for path in (app.loras / "dropped" / "deeper").iterdir()}
    assert taken == {
        "from a folder.safetensors",
        "from a folder.json",
        "from a folder.png",
        "from a folder.preview.webp",
    }
    choose_action(page, "from a folder", "Details")
    expect(page.get_by_role("dialog")).to_contain_text("said beside it")


def test_the_picture_of_a_pair_goes_with_its_half(page: Page, app: App, tmp_path: Path) -> None:
    for half, words in (("high_noise", "a half"), ("low_noise", "the other")):
        one_demo_lora(tmp_path, words).rename(tmp_path / f"both of_{half}.safetensors")
    Image.new("RGB", (64, 64), (0, 255, 0)).save(tmp_path / "both of.png")
    open_tab(page, "LoRAs")
    upload(page, *sorted(tmp_path.glob("both of*")))
    expect(card(page, "both of")).to_be_visible()
    expect(page.locator(".upload-done")).to_have_count(2)
    for half in ("high", "low"):  # also that of the half that came first
        note = row(page, f"both of_{half}_noise").locator(".upload-note")
        expect(note).to_contain_text("both of: fits Demo · high+low pair")
    assert (app.loras / "both of_high_noise.png").is_file()


def test_a_file_that_is_there_is_shown(page: Page, tmp_path: Path) -> None:
    copy = tmp_path / "another name.safetensors"
    shutil.copy(LORAS / "pixel_mosaic.safetensors", copy)
    open_tab(page, "LoRAs")
    upload(page, copy)
    note = row(page, "another name").locator(".upload-note")
    expect(note).to_contain_text("Already in your library as Pixel Mosaic")
    page.get_by_role("button", name="Show Pixel Mosaic").click()
    expect(page.locator("#lora-tab .card[data-name]")).to_have_count(1)
    row(page, "another name").get_by_role("button", name="Skip").click()
    expect(page.locator(".uploads-box")).to_be_hidden()


def test_a_name_that_is_taken_is_a_choice(page: Page, app: App, tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    for folder, words in ((first, "one"), (second, "two"), (third, "three")):
        folder.mkdir()
        one_demo_lora(folder, words).rename(folder / "clash.safetensors")
    open_tab(page, "LoRAs")
    upload(page, first / "clash.safetensors")
    expect(row(page, "clash").locator(".upload-note")).to_contain_text("fits Demo")
    page.get_by_role("button", name="Clear finished").click()
    upload(page, second / "clash.safetensors")
    expect(row(page, "clash")).to_contain_text("There is a LoRA named clash already")
    page.get_by_role("button", name="Upload as clash_2").click()
    expect(card(page, "clash_2")).to_be_visible()
    page.get_by_role("button", name="Clear finished").click()
    upload(page, third / "clash.safetensors")
    page.get_by_role("button", name="Replace it").click()
    expect(row(page, "clash").locator(".upload-note")).to_contain_text("fits Demo")
    assert (app.loras / "clash.safetensors").read_bytes() == (
        third / "clash.safetensors"
    ).read_bytes()
    assert list((app.loras / ".trash").rglob("clash*"))


def test_several_go_at_once_and_the_other_tabs_stay_usable(page: Page, tmp_path: Path) -> None:
    files = []
    for number in range(4):
        files.append(tmp_path / f"slow {number}.safetensors")
        with files[-1].open("wb") as file:
            file.truncate(60_000_000)
    open_tab(page, "LoRAs")
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 3_000_000},
    )
    upload(page, *files)
    expect(page.locator(".upload-note").filter(has_text="MB of")).to_have_count(3)
    expect(page.locator(".upload-note").filter(has_text="Waiting")).to_have_count(1)
    expect(page.locator(".uploads-total")).to_contain_text("left")
    open_tab(page, "Generate")
    page.locator("#prompt textarea").fill("typed while files are sent")
    expect(page.locator("#status-line")).not_to_contain_text("Disconnected")
    open_tab(page, "LoRAs")
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator(".upload-failed").filter(has_text="Cancelled")).to_have_count(4)
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".uploads-box")).to_be_hidden()


def test_a_zip_is_unpacked_with_a_line_for_each_lora(page: Page, app: App, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        for words in ("packed one", "packed two"):
            archive.write(one_demo_lora(tmp_path, words), f"pack/{words}.safetensors")
        archive.writestr("pack/packed one.json", '{"description": "said in the archive"}')
        archive.writestr("pack/broken.safetensors", b"no LoRA")
    open_tab(page, "LoRAs")
    upload(page, tmp_path / "pack.zip")
    box = page.locator(".upload").filter(has_text="pack.zip")
    expect(box.locator(".upload-note")).to_have_text("2 of 3 LoRAs stored")
    lines = box.locator(".upload-lines li")
    expect(lines).to_have_count(3)
    expect(lines.filter(has_text="packed one: fits Demo")).to_have_count(1)
    expect(lines.filter(has_text="broken.safetensors: ")).to_have_count(1)
    expect(card(page, "packed two")).to_be_visible()
    assert (app.loras / "pack" / "packed one.json").is_file()
