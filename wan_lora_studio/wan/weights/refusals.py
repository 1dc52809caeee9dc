"""Refusals: why a weight file is not used, in words. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError, together


def some(names: Sequence[str]) -> str:
    return together(names, ", ")


def unusable(path: Path, why: str, *suggestions: str) -> ModelLoadError:
    return ModelLoadError(
        f"The weights in {path.name} cannot be used: {why}.",
        suggestions=suggestions
        or (
            "Choose the file for this model and this expert in the row of the model table.",
            "If it is the right one, download it again.",
        ),
        context={"file": str(path)},
    )
