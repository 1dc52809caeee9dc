"""`python -m benchmarks.page_gallery PICTURES`: the page one writes first, with `gr.Gallery`.

A search box filters the gallery, and choosing a picture shows a slider on the other tab.
PICTURES is a JSON file that maps each LoRA's name to its thumbnail.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gradio as gr

Items = list[tuple[str, str]]


def build(pictures: dict[str, str]) -> gr.Blocks:
    items: Items = [(path, name) for name, path in pictures.items()]

    def find(text: str) -> Items:
        words = text.casefold().split()
        return [item for item in items if all(word in item[1].casefold() for word in words)]

    def choose(event: gr.SelectData) -> dict[str, Any]:
        return gr.update(visible=True, label=f"Strength of {event.value['caption']}")

    page = gr.Blocks(title="Gallery", analytics_enabled=False)
    with page, gr.Tabs():
        with gr.Tab("Generate"):
            slider = gr.Slider(-1, 2, 1, label="Strength", visible=False, elem_id="strength")
        with gr.Tab("LoRAs"):
            search = gr.Textbox(label="Search", elem_id="search")
            gallery = gr.Gallery(items, columns=5, height=700, elem_id="gallery", preview=False)
        search.input(find, search, gallery, show_progress="hidden", trigger_mode="always_last")
        gallery.select(choose, None, slider, show_progress="hidden")
    return page


def main() -> None:
    file = Path(sys.argv[1])
    page = build(json.loads(file.read_text(encoding="utf-8")))
    page.launch(
        server_port=None, quiet=True, prevent_thread_lock=True, allowed_paths=[str(file.parent)]
    )
    print(page.local_url, flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
