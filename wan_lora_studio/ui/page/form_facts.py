"""Form facts: what the page's own scripts know of each model: limits, usual values, presets."""

from __future__ import annotations

from typing import Any

from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.wan.task_limits import limits_of

SECONDS = (1, 2, 3, 5, 8, 10)  # of the lengths on offer, as far as the model's own goes
RATIOS = ((21, 9), (16, 9), (3, 2), (4, 3), (1, 1), (3, 4), (2, 3), (9, 16), (9, 21))
SAME_RATIO = 0.04  # 1280 x 704 and 832 x 480 are called 16:9 too
USUAL = ("num_frames", "fps", "steps", "guidance_scale", "guidance_scale_2", "flow_shift")


def form_facts(settings: Settings) -> dict[str, Any]:
    """By model, JSON-ready."""
    return {name: _facts(entry) for name, entry in settings.models.items()}


def size_label(width: int, height: int) -> str:
    """As "16:9 · 720p": the nearest usual ratio, and the shorter side."""
    ratio = width / height
    across, down = min(RATIOS, key=lambda each: abs(each[0] / each[1] / ratio - 1))
    near = abs(across / down / ratio - 1) <= SAME_RATIO
    return f"{f'{across}:{down}' if near else f'{width}:{height}'} · {min(width, height)}p"


def _facts(entry: ModelEntry) -> dict[str, Any]:
    own = (entry.width, entry.height)
    return {
        "limits": {name: limit.shown() for name, limit in limits_of(entry).items()},
        "usual": {name: getattr(entry, name) for name in ("width", "height", *USUAL)},
        "sizes": [
            {"width": width, "height": height, "label": size_label(width, height)}
            for width, height in dict.fromkeys((own, *entry.sizes))
        ],
        "seconds": _seconds(entry),
        "negative": {
            "prompt": entry.negative_prompt,
            "translation": entry.negative_prompt_translation,
        },
    }


def _seconds(entry: ModelEntry) -> list[float]:
    """Lengths of videos at the model's frame rate, up to its own."""
    own = (entry.num_frames - 1) / entry.fps
    return sorted({*(each for each in SECONDS if each < own), round(own, 2)})
