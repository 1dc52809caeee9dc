"""Fitting: which LoRAs fit the models that a search asks for with `fits:`."""

from __future__ import annotations

from functools import cache

from wan_lora_studio.lora.index.library_index import LibraryIndex
from wan_lora_studio.lora.index.records import Prepared, usable
from wan_lora_studio.lora.index.search import Fits
from wan_lora_studio.lora.index.search_language import models_named


def fits_of(index: LibraryIndex) -> Fits:
    """By a LoRA's name and what is asked for: "yes" and "no" are about the default model, all else
    names models, one of which it has to fit."""
    settings = index.judge.settings
    titles = {model: entry.title for model, entry in settings.models.items()}
    named = cache(lambda value: models_named(value, titles))

    def fits(name: str, value: str) -> bool:
        verdicts = index.each([name], _verdicts)[name]
        if value == "no":
            return verdicts.get(settings.default_model, "no") == "no"
        models = [settings.default_model] if value == "yes" else named(value)
        return any(verdicts.get(model) in ("fits", "partly") for model in models)

    return fits


def names_that_fit(index: LibraryIndex, model_type: str) -> list[str]:
    """The names of all that the model can use."""
    found = index.each(list(index.entries), _verdicts)
    return [name for name, said in found.items() if said.get(model_type) in ("fits", "partly")]


def _verdicts(prepared: Prepared) -> dict[str, str]:
    """By model; nothing for what cannot be used."""
    if not usable(prepared):
        return {}
    return {model: found.verdict for model, found in prepared.verdicts.items()}
