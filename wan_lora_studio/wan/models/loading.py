"""Loading a model of the table: from its folder or the hub, onto the right device."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import Tensor

from wan_lora_studio.errors import ModelLoadError, StudioError, released
from wan_lora_studio.installed_versions import versions
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters import Custody, custody_of, transformers_of
from wan_lora_studio.wan.components import ENCODER
from wan_lora_studio.wan.models.device_memory import choose_device, release_memory, total_memory
from wan_lora_studio.wan.models.embeddings import PromptEmbeddings
from wan_lora_studio.wan.models.host_memory import HostMemory
from wan_lora_studio.wan.models.identity import ModelIdentity, encoder_fingerprint
from wan_lora_studio.wan.models.location import locate, weight_files
from wan_lora_studio.wan.models.needs import ON_CALL, ORDER, Needs, Offload, idle_parts
from wan_lora_studio.wan.models.offload import ACTIVATION_SHARE, Placing, placing_for
from wan_lora_studio.wan.models.on_call import OnCall
from wan_lora_studio.wan.models.placement import PartPlacement, move_idle, put, release
from wan_lora_studio.wan.models.reading import RowReader
from wan_lora_studio.wan.models.room import room_on
from wan_lora_studio.wan.models.speed import Speed, speed_up, uncompile
from wan_lora_studio.wan.out_of_memory import is_out_of_memory
from wan_lora_studio.wan.ownership import Check, Ownership, nothing, owning
from wan_lora_studio.wan.weights import require_sound, weights_in_memory, weights_on_host

CPU = torch.device("cpu")
logger = logging.getLogger(__name__)

RESIDENT: frozenset[Offload] = frozenset({"none", "encoder"})  # the transformers stay on the GPU
MAKESHIFT = say("wan.models.makeshift")


@dataclass
class LoadedModel:
    """A pipeline in memory. `device` is where it computes.

    `placing` says what of it waits on the host, and why; `makeshift` that it does only because
    memory ran out. `embeddings` holds those of known prompts, `on_call` the parts that are in
    memory only while they are used; `sizes` are bytes by component.
    """

    model_type: str
    entry: ModelEntry
    folder: Path
    pipeline: Any
    device: torch.device
    placing: Placing
    identity: ModelIdentity = field(repr=False)
    embeddings: PromptEmbeddings = field(repr=False)
    makeshift: bool = False
    speed: Speed = field(default_factory=Speed)
    on_call: OnCall = field(default_factory=OnCall, repr=False)
    sizes: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def offload(self) -> Offload:
        return self.placing.offload

    @property
    def offloaded(self) -> bool:
        return self.offload != "none"

    @property
    def waiting(self) -> int:
        """Bytes of its weights that are in the computer's own memory now."""
        return weights_on_host(self.pipeline)

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


@dataclass(frozen=True)
class _Readable:
    """A row whose headers are read: `sizes` in bytes by component, `files` in place of the
    folder's."""

    model_type: str
    reader: RowReader
    files: Mapping[str, Path]
    device: torch.device
    sizes: Mapping[str, int]


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

    def load(self, model_type: str, placing: Placing | None = None) -> LoadedModel:
        """The model, loading it if it is not the one in memory.

        `placing` says where its weights are to wait; without it, their size decides. Waits for who
        makes a video with another model. Raises ModelLoadError when it is missing or broken;
        another model that was in memory is then there as before.
        """
        if (held := self._held(model_type)) is not None:
            return held
        with self._changing():
            return self._held(model_type) or self._loaded(model_type, placing)

    def _held(self, model_type: str) -> LoadedModel | None:
        model = self._model
        return model if model is not None and model.model_type == model_type else None

    def _changing(self) -> AbstractContextManager[None]:
        """Of the model in memory: by its owner, or where it has none."""
        return nullcontext() if self._ownership.mine else self.owned(say("wan.models.being_loaded"))

    def _custodies(self) -> list[Custody]:
        pipeline = self._model.pipeline if self._model else None
        return [custody_of(model) for model in transformers_of(pipeline).values()]

    def _loaded(self, model_type: str, placing: Placing | None) -> LoadedModel:
        row = self._readable(model_type)  # what can be refused is, before anything changes
        before, place = self.loaded, self._model.placing if self._model else None
        self.unload()
        try:
            return self._read(row, placing)
        except ModelLoadError as error:
            failure = released(error)  # so that nothing of the half that was read is held
        if before is not None and before != model_type:
            self._put_back(before, place)
        raise failure

    def _readable(self, model_type: str) -> _Readable:
        """The row, as far as its headers tell. Raises ModelLoadError, and VRAMError for a device
        that is not there."""
        entry, files = self._settings.model(model_type), weight_files(self._settings, model_type)
        folder = locate(self._settings, model_type)
        require_sound(folder, files)
        device = choose_device(self._settings.device)
        reader = RowReader.of(entry, folder, files, device)
        return _Readable(model_type, reader, files, device, reader.sizes())

    def _put_back(self, model_type: str, placing: Placing | None) -> None:
        """Have the model in memory that was there before another failed to be read."""
        release_memory()
        try:
            self._read(self._readable(model_type), placing)
        except StudioError as error:
            logger.warning("%s is not in memory any more: %s", model_type, error)

    def _read(self, row: _Readable, placing: Placing | None) -> LoadedModel:
        reader, files, device, sizes = row.reader, row.files, row.device, row.sizes
        placing, makeshift = self._decided(placing or self._by_size(sizes, device))
        with self._putting(placing, device):
            stay = _Staying(device, placing.offload)
            pipeline, on_call = reader.read(self._on_call(sizes, device, placing.offload), stay)
            put(pipeline, device, placing.offload)
            on_call.settle(PartPlacement(device, placing.offload))
        identity = ModelIdentity.of(reader.folder, reader.entry.revision, files)
        speed = speed_up(pipeline, self._settings, device, placing.offload)
        self._model = LoadedModel(
            row.model_type,
            reader.entry,
            reader.folder,
            pipeline,
            device,
            placing,
            identity,
            self._embeddings(reader, files, device),
            makeshift,
            speed,
            on_call,
            sizes,
        )
        return self._model

    def _embeddings(
        self, reader: RowReader, files: Mapping[str, Path], device: torch.device
    ) -> PromptEmbeddings:
        libraries = {name: versions().get(name) for name in ("torch", "transformers")}
        computed = f"{reader.dtype} {device.type} {libraries}"
        encoder = encoder_fingerprint(reader.folder, files, computed)
        return PromptEmbeddings(self._settings.data_dir / "embeddings", encoder)

    def _on_call(
        self, sizes: Mapping[str, int], device: torch.device, offload: Offload
    ) -> tuple[str, ...]:
        """The components that are read when they are called, by what waits on the host."""
        memory = total_memory(CPU)
        if device.type == "cpu" or offload in ON_CALL:
            return HostMemory(sizes, memory).on_call
        if offload == "encoder":
            return HostMemory({ENCODER: sizes.get(ENCODER, 0)}, memory).on_call
        return ()

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
        self._move(model, offload, model.offload)
        model.placing, model.makeshift = Placing(offload, MAKESHIFT), True
        model.speed = dataclasses.replace(model.speed, compiled=False)
        return True

    def place(self, model: LoadedModel, placing: Placing) -> bool:
        """Have a model's weights wait there from now on. False, and all as before, where there is
        no memory for it."""
        before = model.offload
        if placing.offload == before:
            model.placing, model.makeshift = placing, False
            return True
        uncompile(model.pipeline)
        fits = True
        try:
            self._move(model, placing.offload, before)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            fits = False
        if fits:
            model.placing, model.makeshift = placing, False
        else:
            release(model.pipeline, placing.offload)
            model.pipeline.to("cpu")
            self._move(model, before, "none")
        model.speed = speed_up(model.pipeline, self._settings, model.device, model.offload)
        release_memory()
        return fits

    def _move(self, model: LoadedModel, offload: Offload, now: Offload) -> None:
        """Have a model's weights wait there that wait where `now` says. What does not wait on the
        host then is read at its call no longer, and the other way round."""
        model.on_call.settle(None)
        release(model.pipeline, now)
        names = self._on_call(model.sizes, model.device, offload)
        model.on_call.change(names, model.pipeline, _Staying(model.device, offload))
        put(model.pipeline, model.device, offload)
        model.on_call.settle(PartPlacement(model.device, offload))

    def may_clear(self, model: LoadedModel) -> bool:
        """Whether `decoder_alone` takes anything off the GPU, and there is room for it on the
        host."""
        room = None if self._settings.offload == "none" else room_on(model.device)
        weights = weights_in_memory(model.pipeline)
        idle = sum(weights.get(name, 0) for name in idle_parts(model.offload))
        return room is not None and 0 < idle <= room.host

    @contextmanager
    def decoder_alone(self, model: LoadedModel) -> Iterator[None]:
        """Inside, the parts of a model that decoding doesn't use are off the GPU.

        Where there is no room for them any more they wait on the host from then on.
        """
        move_idle(model.pipeline, torch.device("cpu"), model.offload)
        release_memory()
        try:
            yield
        finally:
            self._take_back(model)

    def _take_back(self, model: LoadedModel) -> None:
        try:
            release_memory()
            move_idle(model.pipeline, model.device, model.offload)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            logger.warning("the model's parts do not fit the GPU again after decoding")
            self.offload(model)

    def prefer_offload(self, wanted: bool = True) -> bool:
        """Have the parts of the model that is loaded next wait on the host, or no longer so.

        False where that was not in the way of the last one, or the settings forbid it.
        """
        self._makeshift = wanted and self._refused and self._settings.offload != "none"
        return self._makeshift

    def _decided(self, placing: Placing) -> tuple[Placing, bool]:
        """Where a model is to wait that is loaded now, and whether only because memory ran out."""
        makeshift, self._makeshift = self._makeshift and placing.offload in RESIDENT, False
        if makeshift:
            placing = Placing("model", MAKESHIFT)
        if placing.reason:
            logger.info("%s", placing.reason)
        return placing, makeshift

    @contextmanager
    def _putting(self, placing: Placing, device: torch.device) -> Iterator[None]:
        """Inside, a model is put on its device; a failure to do so is remembered."""
        self._refused = device.type == "cuda" and placing.offload in RESIDENT
        yield
        self._refused = False

    def _by_size(self, sizes: Mapping[str, int], device: torch.device) -> Placing:
        """Where a model's weights wait while no run is known: part of the GPU's memory is left for
        what is computed."""
        room = room_on(device)
        left = int((1 - ACTIVATION_SHARE) * room.gpu) if room else 0
        needs = Needs(sizes, {}, sampling=left, decoding=left, decoding_in_tiles=left)
        return placing_for(self._settings.offload, needs, room)


@dataclass(frozen=True)
class _Staying:
    """Brings each part to its device that is to stay there, before the next one is read."""

    device: torch.device
    offload: Offload

    def __call__(self, name: str, part: Any) -> Any:
        return part.to(self.device) if name in idle_parts(self.offload) else part
