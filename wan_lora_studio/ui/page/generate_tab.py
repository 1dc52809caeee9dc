"""Generate tab: what to make, with which LoRAs, and what came of it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from lora_ui.generation_controls import create_generation_controls
from lora_ui.script_panel import script_panel
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.ui.page.form_facts import form_facts
from wan_lora_studio.ui.page.generate_form import (
    Form,
    example_chips,
    guidance_label,
    model_updates,
    restored_updates,
    wished_model_updates,
)
from wan_lora_studio.ui.page.labels import label
from wan_lora_studio.ui.page.opening import opening
from wan_lora_studio.ui.page.prompt_words import prompt_words
from wan_lora_studio.ui.static import ASSETS_URL
from wan_lora_studio.wan.task_limits import limits_of

# For events that only fill in fields: at once, without Gradio's queue and its spinners.
QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}


# What a field's element is called where it is not called as the field.
ELEMENTS = {
    "num_frames": "frames",
    "guidance_scale": "guidance",
    "guidance_scale_2": "guidance-2",
}


def create_generate_tab(settings: Settings, page: gr.Blocks) -> None:
    """Build the tab inside the current Gradio context and wire its events."""
    with gr.Row(elem_id="generate-columns", equal_height=False):
        with gr.Column(elem_id="generate-form", scale=6, min_width=320):
            prompt, chips = _prompt(settings)
            script_panel(
                "prompt-words",
                "inputs/prompt_words.js",
                base=ASSETS_URL,
                options={"models": prompt_words(settings), "model": settings.default_model},
            )
            _picture_panel(settings)
            controls = create_generation_controls(settings)
            form = _settings_group(settings, prompt, chips)
            script_panel("load-settings", "inputs/load_settings.js", base=ASSETS_URL)
        with gr.Column(elem_id="generate-run", scale=5, min_width=320):
            button = gr.Button(label("generate"), variant="primary", elem_id="generate-button")
            script_panel("run-strip", "run/run_strip.js", base=ASSETS_URL)
            script_panel("refusal", "inputs/refusal.js", base=ASSETS_URL)
            script_panel("batch-panel", "inputs/batch_panel.js", base=ASSETS_URL)
            run = script_panel(
                "run-panel",
                "run/run_panel.js",
                base=ASSETS_URL,
                events=("reuse",),
                min_height=320,
                options={"opening": opening(settings)},
            )
    _wire_form(settings, page, form)
    controls.model(
        partial(wished_model_updates, settings),
        form.model_type,
        form.settable(),
        js=_script("inputs/generate", "wishedModel"),
        **QUICK,
    )
    controls.fill(
        None,
        form.values(),
        form.values(),
        js=_script("inputs/generate", "fillForm"),
        trigger_mode="multiple",
        **QUICK,
    )
    _wire_run(settings, form, button, run)


def _prompt(settings: Settings) -> tuple[gr.Textbox, tuple[gr.Button, ...]]:
    prompt = gr.Textbox(
        label=label("prompt"),
        lines=3,
        max_lines=8,
        elem_id="prompt",
        placeholder=label("prompt_hint"),
    )
    with gr.Row(elem_id="prompt-examples"):
        chips = tuple(
            gr.Button(text, size="sm", elem_classes=["chip"], visible=bool(text))
            for text in example_chips(settings.model(settings.default_model))
        )
    return prompt, chips


def _picture_panel(settings: Settings) -> gr.HTML:
    """The input picture; its page hides it while the model takes none."""
    models = {
        name: {"use": row.image, "ratio": row.width / row.height}
        for name, row in settings.models.items()
    }
    return script_panel(
        "picture-panel", "inputs/picture_panel.js", base=ASSETS_URL, options={"models": models}
    )


def _settings_group(settings: Settings, prompt: gr.Textbox, chips: tuple[gr.Button, ...]) -> Form:
    row = settings.model(settings.default_model)
    with gr.Column(elem_id="generate-settings"):
        # Fields that follow one another share one of Gradio's forms, which the css lays out.
        model_type = gr.Dropdown(
            [(entry.title, name) for name, entry in settings.models.items()],
            value=settings.default_model,
            label=label("model"),
            elem_id="model",
        )
        script_panel(
            "size-presets",
            "fields/presets.js",
            base=ASSETS_URL,
            options={"models": form_facts(settings)},
        )
        numbers = _usual_fields(row)
        script_panel("more-toggle", "fields/more_settings.js", base=ASSETS_URL)
        with gr.Column(elem_id="more-settings"):
            numbers |= _seldom_fields(row)
        with gr.Accordion(label("negative"), open=False, elem_id="negative-prompt"):
            negative = gr.Textbox(
                row.negative_prompt,
                show_label=False,
                label=label("negative"),
                lines=2,
                max_lines=6,
                placeholder=label("negative_hint"),
            )
            script_panel("negative-translation", "fields/translation.js", base=ASSETS_URL)
    return Form(
        model_type=model_type,
        prompt=prompt,
        negative_prompt=negative,
        chips=chips,
        **numbers,
    )


def _usual_fields(row: ModelEntry) -> dict[str, Any]:
    return {
        "width": _number(row, "width", label("width")),
        "height": _number(row, "height", label("height")),
        "num_frames": _number(row, "num_frames", label("frames")),
        "steps": _number(row, "steps", label("steps")),
        "guidance_scale": _number(row, "guidance_scale", guidance_label(len(row.experts) == 2)),
        # Text, since an empty number box counts as 0 and empty means random here.
        "seed": gr.Textbox(
            label=label("seed"),
            placeholder=label("seed_hint"),
            max_lines=1,
            min_width=96,
            elem_id="field-seed",
        ),
    }


def _seldom_fields(row: ModelEntry) -> dict[str, Any]:
    two = len(row.experts) == 2
    return {
        "fps": _number(row, "fps", label("fps")),
        "guidance_scale_2": _number(row, "guidance_scale_2", label("guidance_low"), visible=two),
        "flow_shift": _number(row, "flow_shift", label("flow_shift")),
    }


def _number(row: ModelEntry, name: str, title: I18nData, **options: Any) -> gr.Number:
    """A number box within the limits of the field."""
    limit = limits_of(row)[name]
    return gr.Number(
        getattr(row, name),
        label=title,
        elem_id=f"field-{ELEMENTS.get(name, name.replace('_', '-'))}",
        precision=0 if limit.whole else None,
        step=limit.stride if limit.whole else 0.5,
        minimum=limit.low,
        maximum=limit.high,
        min_width=96,
        **options,
    )


def _wire_form(settings: Settings, page: gr.Blocks, form: Form) -> None:
    kept = gr.Textbox(visible=False)
    form.model_type.input(
        partial(model_updates, settings),
        form.model_type,
        form.settable(),
        js=_script("inputs/generate", "otherModel"),
        **QUICK,
    )
    form.model_type.change(None, form.model_type, js=_script("inputs/generate", "chooseModel"))
    for chip in form.chips:
        chip.click(None, chip, form.prompt, js="(text) => text")
    for field in form.values():
        keep = _script("inputs/generate", "keepForm")
        field.change(None, form.values(), js=keep, trigger_mode="always_last")
    restored = page.load(
        partial(restored_updates, settings),
        kept,
        form.settable(),
        js=_script("inputs/generate", "keptForm"),
        **QUICK,
    )
    ready = settings.model(settings.default_model).opens_with
    example = None if ready is None else ready.model_dump()
    opened = _script("inputs/generate", "formOpened", example)
    restored.success(None, form.model_type, js=opened)
    restored.failure(None, js=_script("inputs/generate", "formNotRestored"))


def _wire_run(settings: Settings, form: Form, button: gr.Button, run: gr.HTML) -> None:
    button.click(None, form.values(), js=_script("inputs/generate", "generate"))
    reused = run.reuse(
        partial(restored_updates, settings),
        gr.Textbox(visible=False),
        form.settable(),
        js=_script("inputs/generate", "reusedForm"),
        trigger_mode="multiple",
        **QUICK,
    )
    reused.then(None, form.model_type, js=_script("inputs/generate", "formRestored"))


def _script(module: str, function: str, *given: Any) -> str:
    """A Gradio `js` handler that calls one of our modules; `given` comes before its values."""
    address = f"new URL('.{ASSETS_URL}/{module}.js', document.baseURI).href"
    values = ", ".join([*(json.dumps(each) for each in given), "...values"])
    return f"async (...values) => (await import({address})).{function}({values})"
