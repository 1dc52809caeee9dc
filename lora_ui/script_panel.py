"""Script panel: a place in a Gradio page where one of our JavaScript modules builds its part."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from lora_ui.static import ASSETS_URL


def script_panel(
    name: str,
    module: str,
    *,
    options: dict[str, Any] | None = None,
    base: str = ASSETS_URL,
    events: tuple[str, ...] = (),
    min_height: int | None = None,
    visible: bool = True,
) -> gr.HTML:
    """An empty element that `module`'s `mount({element, options, trigger})` fills.

    `events` are the custom events that the module may trigger; each becomes a listener method
    of the returned component. The template is constant, so Gradio never builds HTML from a file
    name. The module is imported relative to the page, which keeps an app behind a path prefix
    working.
    """
    address = json.dumps(f".{base}/{module}")
    data = json.dumps({**(options or {}), "events": list(events)})
    return gr.HTML(
        value=None,
        html_template="<div></div>",
        js_on_load=(
            f"import(new URL({address}, document.baseURI).href)"
            f".then((m) => m.mount({{element: element.querySelector('div') ?? element,"
            f" options: {data}, trigger}}))"
        ),
        apply_default_css=False,
        elem_id=name,
        elem_classes=["script-panel"],
        min_height=min_height,
        visible=visible,
    )
