"""Provenance: what a video says of how it was made, as JSON in the MP4."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wan_lora_studio.installed_versions import versions
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.components import DECODER, ENCODER, TRANSFORMERS
from wan_lora_studio.wan.models import LoadedModel, free_memory, total_memory
from wan_lora_studio.wan.task import GenerationTask
from wan_lora_studio.wan.weights import precision_of

METADATA_FORMAT = 2
MEASURED = ("lora_memory_usage", "lora_load_time", "lora_metadata")  # fields of a task
MOVING = (
    "offload",
    "offload_reason",
    "vae_tiling",
)  # facts of the environment that change no latents
PARTS = (*TRANSFORMERS, ENCODER, DECODER)


def model_facts(model: LoadedModel) -> dict[str, Any]:
    """Which model: its row's title and hub repository, its revision and fingerprint."""
    return {
        "model_type": model.model_type,
        "title": model.entry.title,
        "repo": model.entry.repo,
        "revision": model.identity.revision,
        "fingerprint": model.identity.fingerprint,
        "boundary_ratio": model.pipeline.config.boundary_ratio,
    }


def environment_facts(model: LoadedModel, settings: Settings) -> dict[str, Any]:
    """What it ran on. Frames are the same where all of this and the versions are."""
    parts = {name: getattr(model.pipeline, name, None) for name in PARTS}
    return {
        "device": str(model.device),
        "device_name": device_name(model.device),
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "dtypes": {
            name: str(part.dtype).removeprefix("torch.")
            for name, part in parts.items()
            if part is not None
        },
        "precision": precision_of(model.entry, settings.weight_files(model.model_type)),
        "attention": model.speed.attention,
        "compiled": model.speed.compiled,
        "first_block_cache": settings.first_block_cache,
        "offload": model.offload,
        "offload_reason": model.placing.reason,
        "vae_tiling": bool(getattr(model.pipeline.vae, "use_tiling", False)),
    }


def machine_facts(device: torch.device) -> dict[str, Any]:
    """The hardware as a report on a failure names it. Sizes in bytes."""
    return {
        "device": str(device),
        "device_name": device_name(device),
        "device_memory": total_memory(device),
        "device_memory_free": free_memory(device),
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
    }


def device_name(device: torch.device) -> str:
    """The accelerator's product name; the kind of device elsewhere."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def made_from(
    task: GenerationTask,
    model: LoadedModel,
    settings: Settings,
    loras: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """All that decides a run's latents, JSON-ready. `loras` are the hashes of those in force, by
    name and role."""
    wanted = task.to_dict()
    environment = environment_facts(model, settings)
    return {
        "task": {name: wanted[name] for name in wanted if name not in MEASURED},
        "loras": {name: dict(hashes) for name, hashes in loras.items()},
        "model": model_facts(model),
        "picture": picture_facts(task),
        "environment": {name: environment[name] for name in environment if name not in MOVING},
        "versions": versions(),
    }


def metadata(
    task: GenerationTask, model: LoadedModel, settings: Settings, outcome: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON in the MP4 and beside it.

    `task` has the seed that was used. `outcome` holds the fields of the result that are not
    paths: frames_shape, loras, warnings, timings, prompt_used, recoveries.
    """
    return {
        "format": METADATA_FORMAT,
        "created": time.time(),
        "task": task.to_dict(),
        "model": model_facts(model),
        **outcome,
        "picture": picture_facts(task),
        "environment": environment_facts(model, settings),
        "versions": versions(),
    }


def picture_facts(task: GenerationTask) -> dict[str, str] | None:
    """Name and SHA256 of the input picture; None for text to video."""
    if not task.image:
        return None
    path = Path(task.image)
    return {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
