"""Loading a model of the table: from its folder or the hub, onto the right device."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.wan.adapters import Custody, custody_of
from wan_lora_studio.wan.models.device_memory import (
    choose_device,
    is_out_of_memory,
    release_memory,
    total_memory,
    weights_in_memory,
    weights_on_disk,
)
from wan_lora_studio.wan.models.identity import ModelIdentity
from wan_lora_studio.wan.models.offload import ACTIVATION_SHARE, Offload, offload_for
from wan_lora_studio.wan.models.streaming import stop_streaming, stream
from wan_lora_studio.wan.models.weight_file import WeightFile
from wan_lora_studio.wan.ownership import Check, Ownership, nothing, owning

logger = logging.getLogger(__name__)

EXPERTS: dict[str, Expert] = {"transformer": "high", "transformer_2": "low"}
ORDER: tuple[Offload, ...] = ("none", "model", "group")  # from the fastest to the smallest


@dataclass
class LoadedModel:
    """A pipeline in memory. `device` is where it computes.

    `offload` says whether its parts stay there (none), wait on the host (model), or all but the
    blocks that compute do (group); `makeshift` that they wait only because memory ran out.
    """

    model_type: str
    entry: ModelEntry
    folder: Path
    pipeline: Any
    device: torch.device
    offload: Offload
    identity: ModelIdentity = field(repr=False)
    makeshift: bool = False

    @property
    def offloaded(self) -> bool:
        return self.offload != "none"

    def pipeline_for(self, image: bool) -> Any:
        """The pipeline that makes a video from text, or from a picture and text.

        A model that takes a picture optionally gets diffusers' image pipeline over the same
        components.
        """
        if not image or isinstance(self.pipeline, diffusers.WanImageToVideoPipeline):
            return self.pipeline
        config = self.pipeline.config
        pipeline = diffusers.WanImageToVideoPipeline(
            **self.pipeline.components,
            boundary_ratio=config.boundary_ratio,
            expand_timesteps=config.expand_timesteps,
        )
        if self.offload == "model":
            pipeline.enable_model_cpu_offload(device=self.device)
        return pipeline


class ModelManager:
    """Holds at most one model in memory. It has one owner at a time, who makes a video."""

    def __init__(self, settings: Settings) -> None:
        self._ownership = Ownership()
        self._settings = settings
        self._model: LoadedModel | None = None
        self._refused = False  # the last one did not fit its GPU
        self._makeshift = False  # the next one is not to be put there

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def loaded(self) -> str | None:
        """The `model_type` in memory."""
        return self._model.model_type if self._model else None

    @property
    def current(self) -> LoadedModel | None:
        """The model in memory."""
        return self._model

    @property
    def device(self) -> str:
        """The device in use, or the one that would be."""
        return str(self._model.device if self._model else choose_device(self._settings.device))

    def owned(
        self, what: str, wait: bool | float = True, check: Check = nothing
    ) -> AbstractContextManager[None]:
        """Own this manager and its model, when the present owner is done; `what` says what for.

        Raises as `Claim.take`, also where this thread has LoRAs applied to the model.
        """
        for custody in self._custodies():
            custody.owner.require_not_mine()
        return owning([self._ownership], what, wait, check)

    def load(self, model_type: str) -> LoadedModel:
        """The model, loading it if it is not the one in memory.

        Waits for who makes a video with another model. Raises ModelLoadError when it is missing
        or broken; another model that was in memory is then gone.
        """
        if (held := self._held(model_type)) is not None:
            return held
        with self._changing():
            return self._held(model_type) or self._loaded(model_type)

    def _held(self, model_type: str) -> LoadedModel | None:
        model = self._model
        return model if model is not None and model.model_type == model_type else None

    def _changing(self) -> AbstractContextManager[None]:
        """Of the model in memory: by its owner, or where it has none."""
        return nullcontext() if self._ownership.mine else self.owned("a model is being loaded")

    def _custodies(self) -> list[Custody]:
        pipeline = self._model.pipeline if self._model else None
        parts = (getattr(pipeline, name, None) for name in ("transformer", "transformer_2"))
        return [custody_of(part) for part in parts if part is not None]

    def _loaded(self, model_type: str) -> LoadedModel:
        entry, files = self._settings.model(model_type), self._weight_files(model_type)
        folder = self.locate(model_type)
        self.unload()
        device = choose_device(self._settings.device)
        pipeline = self._read(entry, folder, files, device)
        offload, makeshift = self._place(pipeline, device)
        identity = ModelIdentity.of(folder, entry.revision, files)
        self._model = LoadedModel(
            model_type, entry, folder, pipeline, device, offload, identity, makeshift
        )
        return self._model

    def unload(self) -> None:
        """Drop the model in memory, when who makes a video with it is done."""
        with self._changing():
            self._model = None
            release_memory()

    def free_caches(self) -> None:
        """Let go of what a failed run left in the decoder's and the allocator's caches."""
        if self._model is not None:
            self._model.pipeline.vae.clear_cache()
        release_memory()

    def offload(self, model: LoadedModel, offload: Offload = "model") -> bool:
        """Have more of a model on a GPU wait on the host, from now on.

        False where there is nothing to be won or the settings forbid it.
        """
        forbidden = model.device.type != "cuda" or self._settings.offload == "none"
        if forbidden or ORDER.index(model.offload) >= ORDER.index(offload):
            return False
        self._put(model.pipeline, model.device, offload, now=model.offload)
        model.offload, model.makeshift = offload, True
        return True

    def bring_back(self, model: LoadedModel) -> bool:
        """Take `offload` back: every part is on the GPU again. False, and all as before, where
        they do not fit."""
        before = model.offload
        self._release(model.pipeline, before)
        fits = True
        try:
            model.pipeline.to(model.device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            fits = False
        if fits:
            model.offload, model.makeshift = "none", False
        else:
            model.pipeline.to("cpu")
            self._put(model.pipeline, model.device, before)
            release_memory()
        return fits

    def prefer_offload(self, wanted: bool = True) -> bool:
        """Have the parts of the model that is loaded next wait on the host, or no longer so.

        False where that was not in the way of the last one, or the settings forbid it.
        """
        self._makeshift = wanted and self._refused and self._settings.offload != "none"
        return self._makeshift

    def locate(self, model_type: str) -> Path:
        """The model's folder, downloading it from the hub if it is not there.

        Raises ModelLoadError that says where to put it or how to download it.
        """
        entry = self._settings.model(model_type)
        folder = self._settings.model_folder(model_type)
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
                    local_files_only=self._settings.local_files_only,
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

    def _weight_files(self, model_type: str) -> dict[str, Path]:
        """Those that the row names. Raises ModelLoadError for one that is not there."""
        files = self._settings.weight_files(model_type)
        for path in files.values():
            if not path.is_file():
                raise ModelLoadError(
                    f"The weights of {self._settings.model(model_type).title!r} are not at {path}.",
                    suggestions=["Put the file there, or correct the row of the model table."],
                    context={"file": str(path)},
                )
        return files

    def _read(
        self, entry: ModelEntry, folder: Path, files: Mapping[str, Path], device: torch.device
    ) -> Any:
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

    def _place(self, pipeline: Any, device: torch.device) -> tuple[Offload, bool]:
        """Put the pipeline on its device, or have its parts brought there on use: what waits, and
        whether only because memory ran out."""
        offload = offload_for(
            self._settings.offload,
            cuda=device.type == "cuda",
            weights=weights_in_memory(pipeline),
            total=total_memory(device),
        )
        makeshift, self._makeshift = self._makeshift and offload == "none", False
        self._refused = False
        if makeshift:
            offload = "model"
        self._refused = device.type == "cuda" and offload == "none"
        self._put(pipeline, device, offload)
        self._refused = False
        return offload, makeshift

    def _put(
        self, pipeline: Any, device: torch.device, offload: Offload, *, now: Offload = "none"
    ) -> None:
        """Put a pipeline where it is to wait, from where it waits `now`."""
        self._release(pipeline, now)
        if offload == "none":
            pipeline.to(device)
        elif offload == "model":
            logger.info("the weights do not fit %s: parts are moved there on use", device)
            pipeline.enable_model_cpu_offload(device=device)
        else:
            logger.info("the weights do not fit %s: each block is brought there on use", device)
            pipeline.to("cpu")
            stream(pipeline, device)

    def _release(self, pipeline: Any, offload: Offload) -> None:
        if offload == "model":
            pipeline.remove_all_hooks()
        elif offload == "group":
            stop_streaming(pipeline)


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
