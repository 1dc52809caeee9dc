"""Prompt words: what a small model knows, where its folder says so."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.models import PROMPT_WORDS

MOST_BYTES = 100_000
Word = Annotated[str, Field(min_length=1, max_length=60)]


class PromptWords(BaseModel):
    """`sentence` has a name in braces for each of the `choices`, which are words with all that
    stands for each of them; `known` are all words that the model has learnt."""

    model_config = ConfigDict(extra="forbid")

    sentence: Annotated[str, Field(max_length=400)]
    choices: dict[Word, dict[Word, tuple[Word, ...]]]
    known: tuple[Word, ...]


def prompt_words(settings: Settings) -> dict[str, Any]:
    """By model, JSON-ready; models whose folder says nothing of it are not in."""
    found = {name: _of(settings, name) for name in settings.models}
    return {name: words.model_dump() for name, words in found.items() if words is not None}


def _of(settings: Settings, model_type: str) -> PromptWords | None:
    path = settings.model_folder(model_type) / PROMPT_WORDS
    try:
        with path.open("rb") as file:
            return PromptWords.model_validate_json(file.read(MOST_BYTES))
    except (OSError, ValidationError):
        return None
