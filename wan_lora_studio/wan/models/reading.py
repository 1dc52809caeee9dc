"""Reading: a row's pipeline from its folder and its weight files, onto the host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.models.device_memory import is_out_of_memory, total_memory, weights_on_disk
from wan_lora_studio.wan.models.offload import ACTIVATION_SHARE
from wan_lora_studio.wan.models.weight_file import WeightFile

EXPERTS: dict[str, Expert] = {"transformer": "high", "transformer_2": "low"}


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
    try:
        pipeline = pipeline_class.from_pretrained(
            folder,
            **_own_experts(entry, folder, files, dtype),
            # Wan's VAE loses visible quality below fp32.
            dtype={"default": dtype, "vae": torch.float32},
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise  # the folder is not to blame
        raise ModelLoadError(
            f"The model folder {folder} cannot be loaded: {error}",
            suggestions=["Download the model again; a file may be missing or cut short."],
            context={"folder": str(folder)},
        ) from error
    if getattr(pipeline, "transformer_2", None) is not None:
        pipeline.register_to_config(boundary_ratio=entry.boundary_ratio)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _own_experts(
    entry: ModelEntry, folder: Path, files: Mapping[str, Path], dtype: torch.dtype
) -> dict[str, Any]:
    """The transformers that are not just as the folder has them: from files of their own, or with
    weights in fp8, which compute in `dtype`. Raises ModelLoadError.

    They are read one after the other, so that only one is in memory at its full size.
    """
    found: dict[str, Any] = {}
    if not files and entry.precision == "bf16":
        return found
    experts = {
        name: expert
        for name, expert in EXPERTS.items()
        if (folder / name / "config.json").is_file()
    }
    model = diffusers.WanTransformer3DModel
    configs = {name: model.load_config(folder / name, local_files_only=True) for name in experts}
    # All headers first, so that what is refused costs no reading.
    matched = {
        name: WeightFile.of(files[name], configs[name], expert if len(experts) > 1 else None)
        for name, expert in experts.items()
        if name in files
    }
    for name in experts:
        found[name] = (
            matched[name].load(configs[name], dtype)
            if name in matched
            else model.from_pretrained(
                folder, subfolder=name, torch_dtype=dtype, local_files_only=True
            )
        )
        if entry.precision == "fp8":
            found[name].enable_layerwise_casting(
                storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype
            )
    return found


def weight_type(folder: Path, device: torch.device) -> torch.dtype:
    """bf16 on a GPU; on a CPU fp32, which it computes faster, where that fits."""
    if device.type == "cuda":
        return torch.bfloat16
    # On disk the large models are bf16: as fp32 they take twice the space.
    fits = 2 * weights_on_disk(folder) < ACTIVATION_SHARE * total_memory(device)
    return torch.float32 if fits else torch.bfloat16
