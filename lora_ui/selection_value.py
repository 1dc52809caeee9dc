"""Selection value: the Gradio component whose value is what is selected, `{name: strength}`.

A script fills its element; the value itself travels with Gradio's events, as that of a slider does.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Mapping
from typing import Any

import gradio as gr

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.lora.selection import LoRASelection

API_INFO: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": {},
    "additional_description": "Which LoRAs, and how strongly: {name: strength}. A strength is a"
    " number, a list of [share of the steps, strength], or one of both for each expert:"
    ' {"high": ..., "low": ...}.',
}
EXAMPLE = {"style": 0.8}


class _WithoutStub(type(gr.HTML)):  # type: ignore[misc]
    """Gradio writes a file with types beside each module that defines a component. It does not
    read well, and an installed package cannot be written to."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        return ABCMeta.__new__(mcs, name, bases, attributes)


class SelectionValue(gr.HTML, metaclass=_WithoutStub):
    """Made by `script_panel`. Nothing selected is `{}`."""

    def preprocess(self, payload: Any) -> dict[str, Any]:  # type: ignore[override]
        """What the event's function gets. Raises gr.Error in words for what is no selection."""
        return _plain(payload)

    def postprocess(self, value: Any) -> Any:
        """What the page takes over in place of its stack; None leaves that as it is."""
        return None if value is None else _plain(value)

    def api_info(self) -> dict[str, Any]:
        return dict(API_INFO)

    def example_payload(self) -> Any:
        return EXAMPLE

    def example_value(self) -> Any:
        return EXAMPLE


def _plain(value: Any) -> dict[str, Any]:
    """The selection in the contract's form, each strength a number or points, by expert where
    they differ."""
    if value is None:
        return {}
    try:
        return LoRASelection.parse(value).to_plain()
    except GenerationError as error:
        words = " ".join([error.message, *error.suggestions])
        raise gr.Error(words, print_exception=False) from error
