"""Location: where a row's folder and weight files are on this machine. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import ModelLoadError, together
from wan_lora_studio.model_store import RowFiles, row_files
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say


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
                say("wan.models.no_weights", model=settings.model(model_type).title, path=path),
                suggestions=[say("wan.models.put_file")],
                context={"file": str(path)},
            )
    return files


def _not_here(settings: Settings, model_type: str, found: RowFiles) -> ModelLoadError:
    entry, folder = settings.model(model_type), settings.model_folder(model_type)
    context = {"folder": str(folder), "model_type": model_type, "reason": "model_absent"}
    partly = say(
        "wan.models.incomplete",
        count=len(found.missing),
        model=entry.title,
        files=together(found.missing[:3], ", "),
    )
    if entry.repo is None:
        absent = say("wan.models.not_at", model=entry.title, folder=folder)
        return ModelLoadError(
            partly if found.state == "partly" else absent,
            cause=say("wan.models.missing_files", files=together(found.missing, ", ")),
            suggestions=[say("wan.models.put_folder", folder=folder)],
            context=context,
        )
    absent = say("wan.models.not_here", model=entry.title)
    return ModelLoadError(
        partly if found.state == "partly" else absent,
        cause=say("wan.models.only_on_request"),
        suggestions=[
            say("wan.models.download", command=f"{COMMAND} models download {model_type}"),
            say("wan.models.have_files", folder=folder),
        ],
        context={**context, "missing": list(found.missing)},
    )
