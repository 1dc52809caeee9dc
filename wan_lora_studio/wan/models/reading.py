"""Reading: a row's pipeline from its folder and its weight files, onto the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.components import DECODER, ENCODER
from wan_lora_studio.wan.models.device_memory import total_memory, weights_on_disk
from wan_lora_studio.wan.models.offload import ACTIVATION_SHARE
from wan_lora_studio.wan.models.on_call import OnCall, PartReader
from wan_lora_studio.wan.weights import (
    DECODER_TYPE,
    DecoderReader,
    EncoderReader,
    expert_readers,
    reading,
)


def _on_the_host(_: str, part: Any) -> Any:
    return part


@dataclass(frozen=True)
class RowReader:
    """The pipeline of a row, whose large parts can each be read by itself; `parts` by component.

    It computes in `dtype`.
    """

    entry: ModelEntry
    folder: Path
    dtype: torch.dtype
    parts: Mapping[str, PartReader]

    @classmethod
    def of(
        cls, entry: ModelEntry, folder: Path, files: Mapping[str, Path], device: torch.device
    ) -> RowReader:
        """Reads headers only, so that what is refused costs no reading.

        `files` are weights in place of the folder's, by component. Raises ModelLoadError.
        """
        # A run reports its stages itself.
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        dtype = weight_type(folder, device)
        parts: dict[str, PartReader] = {**expert_readers(entry, folder, files, dtype)}
        if (encoder := EncoderReader.of(folder, files.get(ENCODER), dtype)) is not None:
            parts[ENCODER] = encoder
        if DECODER in files:
            parts[DECODER] = DecoderReader.of(folder, files[DECODER])
        return cls(entry, folder, dtype, parts)

    def sizes(self) -> dict[str, int]:
        """Bytes that the weights take in memory, by component. Raises ModelLoadError."""
        others = {
            part.name: weights_on_disk(part)
            for part in self.folder.iterdir()
            if part.is_dir() and part.name not in self.parts
        }
        return {**others, **{name: reader.nbytes for name, reader in self.parts.items()}}

    def read(
        self, on_call: Sequence[str] = (), settle: Callable[[str, Any], Any] = _on_the_host
    ) -> tuple[Any, OnCall]:
        """The pipeline on the host, of the kind that it computes in on its device; and those of
        its parts that are `on_call`, which are read only when they are called.

        `settle` is given each part by its name as soon as it is read, before the next one is, and
        may move it. Raises ModelLoadError for a broken folder or file.
        """
        called = OnCall(self.parts, on_call)
        # One after the other, so that only one is in memory at its full size.
        given = {
            name: settle(name, reader.read())
            for name, reader in self.parts.items()
            if name not in on_call
        }
        with reading(self.folder):
            pipeline = getattr(diffusers, self.entry.pipeline).from_pretrained(
                self.folder,
                **given,
                **called.modules,
                dtype={"default": self.dtype, DECODER: DECODER_TYPE},
                local_files_only=True,
            )
        if getattr(pipeline, "transformer_2", None) is not None:
            pipeline.register_to_config(boundary_ratio=self.entry.boundary_ratio)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline, called


def weight_type(folder: Path, device: torch.device) -> torch.dtype:
    """bf16 on a GPU; on a CPU fp32, which it computes faster, where that fits."""
    if device.type == "cuda":
        return torch.bfloat16
    # On disk the large models are bf16: as fp32 they take twice the space.
    fits = 2 * weights_on_disk(folder) < ACTIVATION_SHARE * total_memory(device)
    return torch.float32 if fits else torch.bfloat16
