"""Labels of the page's fields, which are Gradio's: in the reader's language, as Gradio does it."""

from __future__ import annotations

import gradio as gr
from gradio.i18n import I18nData

from wan_lora_studio.texts import TRANSLATIONS, say, texts_of

SECTION = "ui.page.labels"
_ENGLISH = {
    "tab_generate": say("ui.page.labels.tab_generate"),
    "tab_loras": say("ui.page.labels.tab_loras"),
    "tab_gallery": say("ui.page.labels.tab_gallery"),
    "tab_models": say("ui.page.labels.tab_models"),
    "generate": say("ui.page.labels.generate"),
    "prompt": say("ui.page.labels.prompt"),
    "prompt_hint": say("ui.page.labels.prompt_hint"),
    "model": say("ui.page.labels.model"),
    "negative": say("ui.page.labels.negative"),
    "negative_hint": say("ui.page.labels.negative_hint"),
    "width": say("ui.page.labels.width"),
    "height": say("ui.page.labels.height"),
    "frames": say("ui.page.labels.frames"),
    "fps": say("ui.page.labels.fps"),
    "steps": say("ui.page.labels.steps"),
    "guidance": say("ui.page.labels.guidance"),
    "guidance_high": say("ui.page.labels.guidance_high"),
    "guidance_low": say("ui.page.labels.guidance_low"),
    "flow_shift": say("ui.page.labels.flow_shift"),
    "seed": say("ui.page.labels.seed"),
    "seed_hint": say("ui.page.labels.seed_hint"),
}


def _own(language: str) -> dict[str, str]:
    """The labels that a language has, by the names that Gradio's page knows them by."""
    texts = texts_of(TRANSLATIONS[language])
    found = {name: texts.get(f"{SECTION}.{name}") for name in _ENGLISH}
    return {_key(name): text for name, text in found.items() if isinstance(text, str)}


def _key(name: str) -> str:
    """Beside Gradio's own keys, in which a point leads to a group."""
    return f"studio_{name}"


LABELS = gr.I18n(
    en={_key(name): text for name, text in _ENGLISH.items()},
    **{language: _own(language) for language in TRANSLATIONS},
)


def label(name: str) -> I18nData:
    """One of the labels, for a component to show. Raises KeyError for an unknown name."""
    _ = _ENGLISH[name]
    return LABELS(_key(name))
