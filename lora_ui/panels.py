"""Panels of the extension: what each is told of the settings, and of the page that it stands in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from lora_ui.script_panel import script_panel
from lora_ui.static import ASSETS_URL, HOST_STYLES, module_names
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import from_mb

ABSENT = say("lora_ui.absent")


@dataclass(frozen=True)
class Features:
    """What the page around a panel has. What it lacks is not shown.

    A `worker` with its state, a way to `compare` videos, also as a `grid` of jobs, `results` to
    look at, and a form whose fields the controls can `fill`.
    """

    worker: bool = True
    compare: bool = True
    grid: bool = True
    results: bool = True
    fill: bool = True


@dataclass(frozen=True)
class Place:
    """Where a panel stands. The default is the app of its own, which serves and styles it.

    In a host, `base` is the prefix of all that is the extension's, and `suffix` sets its
    elements' ids apart from those of another one on the page.
    """

    features: Features = Features()
    base: str = ""
    suffix: str = ""


OWN_APP = Place()


def extension_panel(
    name: str, module: str, settings: Settings, place: Place, **more: Any
) -> gr.HTML:
    """A panel that `module` fills; `more` as `script_panel` takes it."""
    options = {**page_options(settings), "features": asdict(place.features)}
    if not place.base:
        return script_panel(name, module, options=options, **more)
    # The host's page has none of the styles, and nothing that asks how things stand.
    hosted = {"hosted": True, "panel": name, "styles": list(HOST_STYLES), "modules": module_names()}
    return script_panel(
        f"{name}{place.suffix}",
        "hosted_panel.js",
        options=options | hosted,
        base=f"{place.base}{ASSETS_URL}",
        if_absent=ABSENT,
        **more,
    )


def page_options(settings: Settings) -> dict[str, object]:
    """What the page's scripts need to know about the settings."""
    return {
        "strength": {
            "min": settings.strength_min,
            "max": settings.strength_max,
            "default": settings.default_strength,
        },
        "maxUploadBytes": from_mb(settings.max_upload_mb),
        "models": {name: row.shown() for name, row in settings.models.items()},
        "defaultModel": settings.default_model,
    }
