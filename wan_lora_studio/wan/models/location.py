"""Location: where a row's folder and weight files are, on this machine or on the hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Settings


def locate(settings: Settings, model_type: str) -> Path:
    """The model's folder, downloading it from the hub if it is not there.

    Raises ModelLoadError that says where to put it or how to download it.
    """
    entry = settings.model(model_type)
    folder = settings.model_folder(model_type)
    if (folder / "model_index.json").is_file():
        return folder
    if entry.repo is None:
        raise ModelLoadError(
            f"The model {entry.title!r} is not at {folder}.",
            suggestions=["Put its diffusers folder (with model_index.json) there."],
            context={"folder": str(folder)},
        )
    try:
        return Path(
            snapshot_download(
                entry.repo,
                revision=entry.revision,
                local_files_only=settings.local_files_only,
                ignore_patterns=[f"{part}/*.safetensors" for part in entry.weights] or None,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ModelLoadError(
            f"The model {entry.title!r} is neither at {folder} nor could it be downloaded "
            f"from {entry.repo}.",
            suggestions=[
                f"Download it where there is a network: hf download {entry.repo} "
                f"--local-dir {folder}",
                "Check the network connection and, for gated models, `hf auth login`.",
            ],
            context={"folder": str(folder), "repo": entry.repo, "cause": str(error)},
        ) from error


def weight_files(settings: Settings, model_type: str) -> dict[str, Path]:
    """Those that the row names, by component. Raises ModelLoadError for one that is not there."""
    files = settings.weight_files(model_type)
    for path in files.values():
        if not path.is_file():
            raise ModelLoadError(
                f"The weights of {settings.model(model_type).title!r} are not at {path}.",
                suggestions=["Put the file there, or correct the row of the model table."],
                context={"file": str(path)},
            )
    return files
