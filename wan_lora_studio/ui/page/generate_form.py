"""Generate form: the tab's fields, and what a model's defaults make of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.i18n import I18nData

from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.page.labels import label
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object

if TYPE_CHECKING:
    from wan_lora_studio.settings import ModelEntry

CHIPS = 4
NUMBERS = ("width", "height", "num_frames", "fps", "steps", "guidance_scale", "flow_shift")


@dataclass(frozen=True)
class Form:
    """The components that hold a task's fields, under the fields' own names."""

    model_type: gr.Dropdown
    prompt: gr.Textbox
    negative_prompt: gr.Textbox
    width: gr.Number
    height: gr.Number
    num_frames: gr.Number
    fps: gr.Number
    steps: gr.Number
    guidance_scale: gr.Number
    guidance_scale_2: gr.Number
    flow_shift: gr.Number
    seed: gr.Textbox
    chips: tuple[gr.Button, ...]

    def values(self) -> list[Any]:
        """The fields whose values make up a task, in the order of `FIELDS`."""
        return [getattr(self, name) for name in FIELDS]

    def settable(self) -> list[Any]:
        """Everything that choosing a model or reusing a run may change."""
        return [*self.values(), *self.chips]


FIELDS = tuple(item.name for item in fields(Form) if item.name != "chips")


def model_updates(settings: Settings, model_type: str | None) -> list[Any]:
    """Updates for `Form.settable` when the user chooses another model: its own defaults.

    None says that it is the same one as before.
    """
    if model_type is None:
        return [gr.skip()] * (len(FIELDS) + CHIPS)
    row = settings.model(model_type)
    changes = {name: gr.update(value=getattr(row, name)) for name in NUMBERS}
    changes["negative_prompt"] = gr.update(value=row.negative_prompt)
    changes["guidance_scale_2"] = gr.update(value=row.guidance_scale_2)
    return _updates(settings, row, model_type, changes)


def wished_model_updates(settings: Settings, model_type: str | None) -> list[Any]:
    """As `model_updates`, where the field does not show the model yet."""
    updates = model_updates(settings, model_type)
    return updates if model_type is None else [gr.update(value=model_type), *updates[1:]]


def restored_updates(settings: Settings, saved: str | None) -> list[Any]:
    """Updates for `Form.settable` from a form that the browser kept, or that a run used.

    `saved` is JSON of some fields; what is unknown or of the wrong kind is left as it is. A form
    that was never written in opens with the ready example of its model.
    """
    given = _saved_fields(saved) if saved else _ready_fields(settings)
    model_type = given.get("model_type")
    if model_type not in settings.models:
        model_type = settings.default_model
        given = {} if "model_type" in given else given
    if given.get("seed") is not None:
        given["seed"] = str(given["seed"])
    changes = {name: gr.update(value=value) for name, value in given.items()}
    return _updates(settings, settings.model(model_type), model_type, changes)


def _updates(
    settings: Settings, row: ModelEntry, model_type: str, changes: dict[str, Any]
) -> list[Any]:
    two_experts = len(row.experts) == 2
    high = changes.setdefault("guidance_scale", gr.update())
    changes["guidance_scale"] = {**high, "label": guidance_label(two_experts)}
    low = changes.setdefault("guidance_scale_2", gr.update())
    changes["guidance_scale_2"] = {**low, "visible": two_experts}
    chips = [gr.update(value=text, visible=bool(text)) for text in example_chips(row)]
    return [
        *(changes.get(name, gr.skip()) for name in FIELDS),
        *chips,
    ]


def example_chips(row: ModelEntry) -> list[str]:
    """The model's example prompts, one for each chip; empty where it has fewer."""
    return [*row.examples, *[""] * CHIPS][:CHIPS]


def guidance_label(two_experts: bool) -> I18nData:
    return label("guidance_high") if two_experts else label("guidance")


def _ready_fields(settings: Settings) -> dict[str, Any]:
    example = settings.model(settings.default_model).opens_with
    return {} if example is None else {"prompt": example.prompt, "seed": example.seed}


def _saved_fields(saved: str) -> dict[str, Any]:
    try:
        given = read_object(saved)
    except UntrustedJSONError:
        return {}
    text = ("model_type", "prompt", "negative_prompt")
    return {
        name: value
        for name, value in given.items()
        if name in FIELDS
        and (isinstance(value, str) if name in text else _is_number_or_none(value, name))
    }


def _is_number_or_none(value: Any, name: str) -> bool:
    if name == "seed" and isinstance(value, str):
        return True
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
