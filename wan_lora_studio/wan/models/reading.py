"""Reading: a row's pipeline from its folder and its weight files, onto the host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.models.device_memory import total_memory, weights_on_disk
from wan_lora_studio.wan.models.experts import expert_readers
from wan_lora_studio.wan.models.load_errors import reading
from wan_lora_studio.wan.models.offload import ACTIVATION_SHARE


def read_pipeline(
    entry: ModelEntry, folder: Path, files: Mapping[str, Path], device: torch.device
) -> Any:
    """The pipeline of a row, on the host, of the kind that it computes in on the device.

    `files` are weights in place of the folder's, by component. Raises ModelLoadError for a broken
    folder or file.
    """
    # A run reports its stages itself.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    dtype = weight_type(folder, device)
    pipeline_class = getattr(diffusers, entry.pipeline)
    readers = expert_readers(entry, folder, files, dtype)
    # One after the other, so that only one is in memory at its full size.
    experts = {name: reader.read() for name, reader in readers.items()}
    with reading(folder):
        pipeline = pipeline_class.from_pretrained(
            folder,
            **experts,
            # Wan's VAE loses visible quality below fp32.
            dtype={"default": dtype, "vae": torch.float32},
            local_files_only=True,
        )
    if getattr(pipeline, "transformer_2", None) is not None:
        pipeline.register_to_config(boundary_ratio=entry.boundary_ratio)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def weight_type(folder: Path, device: torch.device) -> torch.dtype:
    """bf16 on a GPU; on a CPU fp32, which it computes faster, where that fits."""
    if device.type == "cuda":
        return torch.bfloat16
    # On disk the large models are bf16: as fp32 they take twice the space.
    fits = 2 * weights_on_disk(folder) < ACTIVATION_SHARE * total_memory(device)
    return torch.float32 if fits else torch.bfloat16
