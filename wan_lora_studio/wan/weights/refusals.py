"""Refusals: why a weight file is not used, in words. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError, together
from wan_lora_studio.texts import say


def some(names: Sequence[str]) -> str:
    return together(names, ", ")


def unusable(path: Path, why: str, *suggestions: str) -> ModelLoadError:
    return ModelLoadError(
        say("wan.weights.unusable", file=path.name, problem=why),
        suggestions=suggestions
        or (
            say("wan.weights.choose_file"),
            say("wan.weights.right_one"),
        ),
        context={"file": str(path)},
    )
