"""Fallbacks when memory ran out, one measure after the other, each told to the user.

The order: free what is cached; for decoding, take the other parts off the GPU, then decode in
tiles; before it, move the model's parts to the GPU on use, then its single blocks; and, only if the
settings allow it, leave LoRAs out. Each is taken at most once per run. A text encoder that waits
alone is no measure: each try samples from the start, and what ran out once would again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from wan_lora_studio.texts import say
from wan_lora_studio.wan.memory.tiles import stride_for, tile_for
from wan_lora_studio.wan.models import Decoding, LoadedModel, ModelManager
from wan_lora_studio.wan.task import GenerationTask

MOMENTS: Mapping[str, str] = {
    "load": say("wan.memory.moment.load"),
    "apply": say("wan.memory.moment.apply"),
    "text": say("wan.memory.moment.text"),
    "sample": say("wan.memory.moment.sample"),
    "decode": say("wan.memory.moment.decode"),
    "write": say("wan.memory.moment.write"),
}


class MemoryFallbacks:
    """The measures of one run. `undo` takes back, after it, those that change pixels; the offload
    lasts until there is room again. `decoding` is how the frames are to be decoded."""

    def __init__(self, task: GenerationTask, models: ModelManager, undo: ExitStack) -> None:
        self._task, self._models, self._undo = task, models, undo
        self._taken: set[str] = set()
        self.decoding = Decoding()

    @contextmanager
    def room_to_decode(self, model: LoadedModel) -> Iterator[None]:
        """Inside, there is the room for decoding that was foreseen to be needed, or made since."""
        if self.decoding.tiled:
            self._use_tiles(model)
        with self._models.decoder_alone(model) if self.decoding.alone else nullcontext():
            yield

    def next_measure(self, stage: str) -> dict[str, Any] | None:
        """Take the next measure that can help at this stage; None when there is none left.

        Says what was done: `action`, `stage`, and `detail` in words.
        """
        self._models.free_caches()
        measures: tuple[tuple[str, Callable[[str], str]], ...] = (
            ("free_caches", self._freed),
            ("idle_parts", self._clear),
            ("vae_tiling", self._tile),
            ("offload", self._offload),
            ("group_offload", self._stream),
        )
        for action, take in measures:
            if action in self._taken:
                continue
            self._taken.add(action)
            detail = take(stage)
            if detail:
                return {"action": action, "stage": stage, "detail": detail}
        return None

    def _freed(self, stage: str) -> str:
        return say("wan.memory.freed", moment=MOMENTS[stage])

    def _clear(self, stage: str) -> str:
        model = self._models.current
        if stage != "decode" or model is None or self.decoding.alone:
            return ""
        if not self._models.may_clear(model):
            return ""
        self.decoding = dataclasses.replace(self.decoding, alone=True)
        return say("wan.memory.decoder_alone", moment=MOMENTS[stage])

    def _tile(self, stage: str) -> str:
        model = self._models.current
        if model is None or not (stage == "decode" or (stage == "sample" and self._task.image)):
            return ""
        tile = self._use_tiles(model)
        if not tile:
            return ""
        return say("wan.memory.tiles", moment=MOMENTS[stage], size=tile)

    def _use_tiles(self, model: LoadedModel) -> int:
        """Have the decoder work in tiles until the run's end; their side in pixels, 0 where that
        is so already or cannot be."""
        vae = model.pipeline.vae
        tile = tile_for(int(self._task.width or 0), int(self._task.height or 0))
        if vae.use_tiling or not tile:
            return 0
        self._undo.callback(_untile, vae, _tile_sizes(vae))
        vae.enable_tiling(tile, tile, stride_for(tile), stride_for(tile))
        return tile

    def _offload(self, stage: str) -> str:
        if stage in ("decode", "write"):
            return ""  # the other parts left, or would fill the memory that a video is written in
        model = self._models.current
        if model is None:
            self._undo.callback(self._models.prefer_offload, False)
        if not (self._models.offload(model) if model else self._models.prefer_offload()):
            return ""
        return say("wan.memory.parts", moment=MOMENTS[stage])

    def _stream(self, stage: str) -> str:
        model = self._models.current
        if stage in ("decode", "write") or model is None:
            return ""  # the blocks of the transformers are not in the way there
        if not self._models.offload(model, "group"):
            return ""
        return say("wan.memory.blocks", moment=MOMENTS[stage])


def _tile_sizes(vae: Any) -> tuple[int, int, int, int]:
    return (
        vae.tile_sample_min_height,
        vae.tile_sample_min_width,
        vae.tile_sample_stride_height,
        vae.tile_sample_stride_width,
    )


def _untile(vae: Any, sizes: tuple[int, int, int, int]) -> None:
    vae.enable_tiling(*sizes)
    vae.disable_tiling()
