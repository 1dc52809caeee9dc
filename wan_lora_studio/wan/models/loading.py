"""Loading a model of the table: from its folder or the hub, onto the right device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import Tensor

from wan_lora_studio.installed_versions import versions
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.wan.adapters import Custody, custody_of
from wan_lora_studio.wan.models.device_memory import (
    choose_device,
    is_out_of_memory,
    release_memory,
    total_memory,
    weights_in_memory,
)
from wan_lora_studio.wan.models.embeddings import PromptEmbeddings
from wan_lora_studio.wan.models.host_memory import ENCODER, HostMemory
from wan_lora_studio.wan.models.identity import ModelIdentity, encoder_fingerprint
from wan_lora_studio.wan.models.location import locate, weight_files
from wan_lora_studio.wan.models.offload import Offload, offload_for
from wan_lora_studio.wan.models.on_call import OnCall
from wan_lora_studio.wan.models.placement import put, release
from wan_lora_studio.wan.models.reading import RowReader
from wan_lora_studio.wan.models.speed import Speed, speed_up, uncompile
from wan_lora_studio.wan.ownership import Check, Ownership, nothing, owning

ORDER: tuple[Offload, ...] = ("none", "model", "group")  # from the fastest to the smallest


@dataclass
class LoadedModel:
    """A pipeline in memory. `device` is where it computes.

    `offload` says whether its parts stay there (none), wait on the host (model), or all but the
    blocks that compute do (group); `makeshift` that they wait only because memory ran out.
    `embeddings` holds those of known prompts, `on_call` the parts that are in memory only while
    they are used.
    """

    model_type: str
    entry: ModelEntry
    folder: Path
    pipeline: Any
    device: torch.device
    offload: Offload
    identity: ModelIdentity = field(repr=False)
    embeddings: PromptEmbeddings = field(repr=False)
    makeshift: bool = False
    speed: Speed = field(default_factory=Speed)
    on_call: OnCall = field(default_factory=OnCall, repr=False)

    @property
    def offloaded(self) -> bool:
        return self.offload != "none"

    def embedding(self, text: str, tokens: int) -> Tensor:
        """What the text encoder makes of a prompt, [1, tokens, dim], where the model computes; the
        encoder is used only for one that is not known yet."""
        found = self.embeddings.of(text, tokens, lambda: self._encoded(text, tokens))
        return found.to(self.pipeline._execution_device)

    @torch.no_grad()
    def _encoded(self, text: str, tokens: int) -> Tensor:
        self.on_call.call(ENCODER)
        embedding: Tensor = self.pipeline.encode_prompt(
            prompt=text,
            do_classifier_free_guidance=False,
            max_sequence_length=tokens,
            device=self.pipeline._execution_device,
        )[0]
        return embedding

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
        entry, files = self._settings.model(model_type), weight_files(self._settings, model_type)
        folder = locate(self._settings, model_type)
        self.unload()
        device = choose_device(self._settings.device)
        reader = RowReader.of(entry, folder, files, device)
        pipeline, on_call = reader.read(self._on_call(reader.sizes(), device))
        offload, makeshift = self._place(pipeline, device)
        identity = ModelIdentity.of(folder, entry.revision, files)
        speed = speed_up(pipeline, self._settings, device, offload)
        self._model = LoadedModel(
            model_type,
            entry,
            folder,
            pipeline,
            device,
            offload,
            identity,
            self._embeddings(reader, files, device),
            makeshift,
            speed,
            on_call,
        )
        return self._model

    def _embeddings(
        self, reader: RowReader, files: Mapping[str, Path], device: torch.device
    ) -> PromptEmbeddings:
        libraries = {name: versions().get(name) for name in ("torch", "transformers")}
        computed = f"{reader.dtype} {device.type} {libraries}"
        encoder = encoder_fingerprint(reader.folder, files, computed)
        return PromptEmbeddings(self._settings.data_dir / "embeddings", encoder)

    def _on_call(self, sizes: Mapping[str, int], device: torch.device) -> tuple[str, ...]:
        """The components that are read when they are called, by what waits on the host."""
        if device.type != "cpu":
            return ()
        return HostMemory(sizes, total_memory(device)).on_call

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
        uncompile(model.pipeline)  # LoRAs go beside weights that move
        put(model.pipeline, model.device, offload, now=model.offload)
        model.offload, model.makeshift = offload, True
        model.speed = dataclasses.replace(model.speed, compiled=False)
        return True

    def bring_back(self, model: LoadedModel) -> bool:
        """Take `offload` back: every part is on the GPU again. False, and all as before, where
        they do not fit."""
        before = model.offload
        release(model.pipeline, before)
        fits = True
        try:
            model.pipeline.to(model.device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            fits = False
        if fits:
            model.offload, model.makeshift = "none", False
            model.speed = speed_up(model.pipeline, self._settings, model.device, "none")
        else:
            model.pipeline.to("cpu")
            put(model.pipeline, model.device, before)
            release_memory()
        return fits

    def prefer_offload(self, wanted: bool = True) -> bool:
        """Have the parts of the model that is loaded next wait on the host, or no longer so.

        False where that was not in the way of the last one, or the settings forbid it.
        """
        self._makeshift = wanted and self._refused and self._settings.offload != "none"
        return self._makeshift

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
        put(pipeline, device, offload)
        self._refused = False
        return offload, makeshift
