"""Host fields: components of a host's page that the controls fill, or that a comparison needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from lora_ui.panels import Place
from lora_ui.selection_value import SelectionValue
from lora_ui.static import ASSETS_URL
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.texts import say

if TYPE_CHECKING:
    from gradio.components import Component

FIELDS = (
    "prompt", "negative_prompt", "steps", "guidance_scale", "guidance_scale_2", "flow_shift",
)  # fmt: skip
# For events that only fill in fields: at once, without Gradio's queue and its spinners.
QUICK: Mapping[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}


def known_fields(fields: Mapping[str, Component]) -> dict[str, Component]:
    """The fields by what they are. Raises SettingsError for what the controls cannot fill."""
    unknown = [str(name) for name in fields if name not in FIELDS]
    if unknown:
        raise SettingsError(
            say("lora_ui.extension.unknown_fields", names=", ".join(unknown)),
            cause=say("lora_ui.extension.unknown_fields_cause"),
            suggestions=[say("lora_ui.extension.fields", names=", ".join(FIELDS))],
        )
    return dict(fields)


def wire_fields(controls: SelectionValue, fields: Mapping[str, Component], place: Place) -> None:
    """Have the controls know the fields' values, and change them."""
    names, there = list(fields), list(fields.values())
    controls.fill(
        None,
        there,
        there,
        js=_script("host_form", "fillFields", place, names),
        trigger_mode="multiple",
        **QUICK,
    )
    for field in there:
        field.change(  # type: ignore[attr-defined]
            None,
            there,
            js=_script("host_form", "knowFields", place, names),
            trigger_mode="always_last",
            **QUICK,
        )


def wire_comparison(
    controls: SelectionValue,
    generate: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Component | Sequence[Component] | None,
    place: Place,
) -> None:
    """Have `generate` make the videos that the controls ask for."""
    parts = gr.JSON(visible=False, label="parts")
    controls.compare(
        generate,
        [parts, *inputs],
        outputs,
        js=_script("host_form", "comparedParts", place),
    )


def _script(module: str, function: str, place: Place, *first: Any) -> str:
    """A Gradio `js` handler that calls one of our modules, with these before the values."""
    address = f"new URL('.{place.base}{ASSETS_URL}/{module}.js', document.baseURI).href"
    arguments = ", ".join([*(json.dumps(each) for each in first), "...values"])
    return f"async (...values) => (await import({address})).{function}({arguments})"
