"""The words that the demo model knows, which the page offers and checks a prompt against."""

from __future__ import annotations

import json
import re
from pathlib import Path

from demo.captions import (
    BACKGROUND_PHRASES,
    COLOUR_WORDS,
    DIRECTION_PHRASES,
    ENDINGS,
    OPENINGS,
    SHAPE_WORDS,
    TRIGGERS,
)
from wan_lora_studio.wan.models import PROMPT_WORDS

SENTENCE = "a {colour} {shape} moving {direction} on a {background} background"
CHOICES = {
    "colour": COLOUR_WORDS,
    "shape": SHAPE_WORDS,
    "direction": DIRECTION_PHRASES,
    "background": BACKGROUND_PHRASES,
}
# What stands between the words that count, in the captions of the training.
BETWEEN = "an and is one that the thing object shape a shiny glossy small"


def write_prompt_words(model: Path) -> None:
    """Write them into the model's folder."""
    phrases = [
        phrase
        for table in CHOICES.values()
        for name, found in table.items()
        for phrase in (name, *found)
    ]
    texts = [SENTENCE, BETWEEN, *phrases, *OPENINGS, *ENDINGS, *TRIGGERS.values()]
    known = {word for text in texts for word in re.findall(r"[a-z0-9]+", text.lower())}
    data = {"sentence": SENTENCE, "choices": CHOICES, "known": sorted(known)}
    (model / PROMPT_WORDS).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
