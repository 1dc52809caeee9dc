"""Fallbacks when memory ran out, one measure after the other, each told to the user.

The order: free what is cached, decode in tiles, move the model's parts to the GPU on use, then
its single blocks, and, only if the settings allow it, leave LoRAs out. Each is taken at most once
per run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from wan_lora_studio.wan.models import ModelManager
from wan_lora_studio.wan.task import GenerationTask

TILE = 256  # pixels; diffusers' own size of a decoder's tile
TILE_STEP = 32  # pixels; a whole number of latents for every decoder, also of three quarters


class MemoryFallbacks:
    """The measures of one run. `undo` takes back, after it, those that change pixels; the offload
    lasts until there is room again."""

    def __init__(self, task: GenerationTask, models: ModelManager, undo: ExitStack) -> None:
        self._task, self._models, self._undo = task, models, undo
        self._taken: set[str] = set()

    def next_measure(self, stage: str) -> dict[str, Any] | None:
        """Take the next measure that can help at this stage; None when there is none left.

        Says what was done: `action`, `stage`, and `detail` in words.
        """
        self._models.free_caches()
        measures: tuple[tuple[str, Callable[[str], str]], ...] = (
            ("free_caches", self._freed),
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
        return f"Memory ran out ({stage}): cached memory was freed, and the stage is run again."

    def _tile(self, stage: str) -> str:
        model = self._models.current
        if model is None or not (stage == "decode" or (stage == "sample" and self._task.image)):
            return ""
        vae = model.pipeline.vae
        tile = _tile_for(int(self._task.width or 0), int(self._task.height or 0))
        if vae.use_tiling or not tile:
            return ""
        self._undo.callback(_untile, vae, _tile_sizes(vae))
        stride = tile * 3 // 4 // 16 * 16
        vae.enable_tiling(tile, tile, stride, stride)
        return (
            f"Memory ran out ({stage}): the frames are coded in tiles of {tile} pixels, which may "
            "show slightly where they meet."
        )

    def _offload(self, stage: str) -> str:
        if stage == "write":
            return ""  # the encoder works in the computer's memory, which this would fill
        model = self._models.current
        if model is None:
            self._undo.callback(self._models.prefer_offload, False)
        if not (self._models.offload(model) if model else self._models.prefer_offload()):
            return ""
        return (
            f"Memory ran out ({stage}): the model's parts now wait in the computer's memory and "
            "are moved to the GPU when they are used, which is slower."
        )

    def _stream(self, stage: str) -> str:
        model = self._models.current
        if stage in ("decode", "write") or model is None:
            return ""  # the blocks of the transformers are not in the way there
        if not self._models.offload(model, "group"):
            return ""
        return (
            f"Memory ran out ({stage}): the model's blocks are now brought to the GPU one by one, "
            "which needs least of its memory and is slower."
        )


def _tile_sizes(vae: Any) -> tuple[int, int, int, int]:
    return (
        vae.tile_sample_min_height,
        vae.tile_sample_min_width,
        vae.tile_sample_stride_height,
        vae.tile_sample_stride_width,
    )


def _tile_for(width: int, height: int) -> int:
    """Half of the shorter side at most, so that tiles save memory for small videos too; 0 for a
    video that is too small for any."""
    return min(TILE, min(width, height) // 2 // TILE_STEP * TILE_STEP)


def _untile(vae: Any, sizes: tuple[int, int, int, int]) -> None:
    vae.enable_tiling(*sizes)
    vae.disable_tiling()
