"""Library steps: files to bring in, and the cards that are shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.actions import eventually
from tests.browser.running import LORAS

MARKUP = "<img src=x onerror=alert(5)><script>alert(6)</script>${alert(7)}"
# Read the library again, as when it has changed.
READ = """async () => {
  const { store } = await import("./lora_ui/assets/model/store.js");
  await store.refresh();
}"""
# Once all of them are built; those beyond the window come a frame later.
NAMES = """() => {
    const cards = [...document.querySelectorAll('#lora-tab .card[data-name]')];
    const all = cards.length > 0 && cards.length === Number(cards[0].ariaSetSize);
    return all ? cards.map((card) => card.dataset.name) : null;
}"""


def one_demo_lora(folder: Path, name: str) -> Path:
    """A copy of a demo LoRA that is one file for both experts, under another name.

    Its metadata differs too, since the library refuses a file that it holds already.
    """
    source = next(
        path
        for path in sorted(LORAS.glob("*.safetensors"))
        if "_high" not in path.stem and "_low" not in path.stem
    )
    copy = Path(shutil.copy(source, folder / f"{name}.safetensors"))
    with_metadata(copy, {"copy": name})
    return copy


def with_metadata(path: Path, texts: dict[str, str]) -> None:
    """Rewrite the header of a safetensors file with these texts added."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = {**header.get("__metadata__", {}), **texts}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def names_shown(page: Page) -> list[str]:
    found: list[str] = page.wait_for_function(NAMES).json_value()
    return found


def expect_names(page: Page, *names: str) -> None:
    """Just these are shown, in whatever order."""
    eventually(page, lambda: sorted(names_shown(page)), sorted(names))
