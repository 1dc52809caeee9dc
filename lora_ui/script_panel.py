"""Script panel: a place in a Gradio page where one of our JavaScript modules builds its part."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from lora_ui.static import ASSETS_URL

TEMPLATE = "<div></div>"


def script_panel(
    name: str,
    module: str,
    *,
    options: dict[str, Any] | None = None,
    base: str = ASSETS_URL,
    events: tuple[str, ...] = (),
    min_height: int | None = None,
    visible: bool = True,
    kind: type[gr.HTML] = gr.HTML,
    if_absent: str = "",
) -> gr.HTML:
    """An empty element that `module`'s `mount({element, options, trigger, props, watch})` fills.

    `events` are the custom events that the module may trigger; each becomes a listener method
    of the returned component. The template is constant, so Gradio never builds HTML from a file
    name. The module is imported relative to the page, which keeps an app behind a path prefix
    working; `if_absent` is what the page says where it is not there.
    """
    return kind(
        value=None,
        html_template=TEMPLATE,
        js_on_load=_mounting(module, {**(options or {}), "events": list(events)}, base, if_absent),
        apply_default_css=False,
        elem_id=name,
        elem_classes=["script-panel"],
        min_height=min_height,
        visible=visible,
    )


def _mounting(module: str, options: dict[str, Any], base: str, if_absent: str) -> str:
    address = json.dumps(f".{base}/{module}")
    script = (
        f"import(new URL({address}, document.baseURI).href)"
        f".then((m) => m.mount({{element: element.querySelector('div') ?? element,"
        f" options: {json.dumps(options)}, trigger, props, watch}}))"
    )
    if not if_absent:
        return script
    said = f"element.textContent = {json.dumps(if_absent)}"
    return f"{script}.catch((error) => {{ console.error(error); {said}; }})"
