"""The LoRA controls of a generation tab: picker, recent dropdown, strengths, memory line."""

from __future__ import annotations

from lora_ui.panels import OWN_APP, Place, extension_panel
from lora_ui.selection_value import SelectionValue
from wan_lora_studio.settings import Settings


def create_generation_controls(settings: Settings, place: Place = OWN_APP) -> SelectionValue:
    """Build the controls inside the current Gradio context; they share the tab's selection.

    The component's value is that selection, `{name: strength}`, without what is switched off.
    Its `fill` event asks the host to call `form.fill` of `form.js` with its fields' values, and
    to show what that returns: trigger words, and an accelerator's settings. Its `compare` event
    says that several videos are wanted, `model` that the model `form.wishedModel` is.
    """
    made = extension_panel(
        "lora-controls",
        "generation_controls.js",
        settings,
        place,
        events=("fill", "compare", "model"),
        min_height=96,
        kind=SelectionValue,
    )
    assert isinstance(made, SelectionValue)
    return made
