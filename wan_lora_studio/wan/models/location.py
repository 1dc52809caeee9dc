"""Location: where a row's folder and weight files are on this machine. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import ModelLoadError, together
from wan_lora_studio.model_store import RowFiles, row_files
from wan_lora_studio.settings import Settings


def locate(settings: Settings, model_type: str) -> Path:
    """The model's folder, with all that it is loaded from.

    Raises ModelLoadError that names what is missing, and says how to get it.
    """
    found = row_files(settings, model_type)
    if found.state != "here":
        raise _not_here(settings, model_type, found)
    return found.folder


def weight_files(settings: Settings, model_type: str) -> dict[str, Path]:
    """Those that the row names, by component. Raises ModelLoadError for one that is not there."""
    files = settings.weight_files(model_type)
    sources = settings.model(model_type).weight_sources
    for part, path in files.items():
        if not path.exists() and sources[part].repo is None:
            raise ModelLoadError(
                f"The weights of {settings.model(model_type).title!r} are not at {path}.",
                suggestions=["Put the file there, or correct the row of the model table."],
                context={"file": str(path)},
            )
    return files


def _not_here(settings: Settings, model_type: str, found: RowFiles) -> ModelLoadError:
    entry, folder = settings.model(model_type), settings.model_folder(model_type)
    context = {"folder": str(folder), "model_type": model_type, "reason": "model_absent"}
    partly = found.state == "partly"
    missing = f" as a whole: {together(found.missing[:3], ', ')} are missing." if partly else "."
    if entry.repo is None:
        return ModelLoadError(
            f"The model {entry.title!r} is not at {folder}{missing}",
            cause=f"There is no {together(found.missing, ', ')}.",
            suggestions=["Put its diffusers folder (with model_index.json) there."],
            context=context,
        )
    return ModelLoadError(
        f"The model {entry.title!r} is not here{missing}",
        cause="Models are downloaded only when you ask for it.",
        suggestions=[
            f"Download it on the Models tab, or with: {COMMAND} models download {model_type}",
            "If you have its files already, name their folder under extra_model_paths, or put"
            f" them at {folder}.",
        ],
        context={**context, "missing": list(found.missing)},
    )
