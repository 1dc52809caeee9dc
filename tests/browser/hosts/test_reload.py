"""A host that is read again while it runs: `gradio app.py`, as its author has it open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.hosts.running import GRADIO, HOSTS, Host, running, with_demo_loras
from tests.browser.hosts.steps import Visit, open_tab, pick, strength_box, type_strength, upload
from tests.browser.library.steps import one_demo_lora


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = with_demo_loras(tmp_path_factory.mktemp("reload"))
    script = (HOSTS / "workbench.py").read_text(encoding="utf-8")
    (folder / "app.py").write_text(script, encoding="utf-8")
    with running(folder, ["-m", "gradio", "app.py"], GRADIO) as found:
        server = psutil.Process(found.process.pid).children()[0]
        yield found
        server.terminate()  # gradio leaves it alone
        server.wait()
        found.process.wait()  # ends by itself then; a signal on its way out is a traceback of its


def test_the_selection_and_the_library_are_there_after_a_reload(
    host: Host, visit: Visit, tmp_path: Path
) -> None:
    page = visit(host.address)
    open_tab(page, "LoRAs")
    pick(page, "golden_hour")
    open_tab(page, "Generate")
    type_strength(page, "golden_hour", "0.6")
    button = page.get_by_role("button", name="Generate", exact=True)
    button.click()
    expect(page.get_by_label("Result")).to_have_value('{"golden_hour": 0.6}')
    script = host.folder / "app.py"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("As it was", "As it is now"), encoding="utf-8")
    page.get_by_role("heading", name="As it is now").wait_for()  # the page takes it by itself
    open_tab(page, "Generate")
    expect(strength_box(page, "golden_hour")).to_have_value("0.6")
    button.click()
    expect(page.get_by_label("Result")).to_have_value('{"golden_hour": 0.6}')
    open_tab(page, "LoRAs")
    upload(page, one_demo_lora(tmp_path, "new"))
    pick(page, "new")
    open_tab(page, "Generate")
    button.click()
    expect(page.get_by_label("Result")).to_have_value('{"golden_hour": 0.6, "new": 1.0}')
    assert (host.loras / "new.safetensors").is_file()
