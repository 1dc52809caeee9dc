"""Footprint: how much memory a run will take, and which change makes it fit. No torch here.

All factors were measured on a CPU as the most bytes of tensors that are held at once in one forward
pass or decoding, which is the same each time (`tests/wan/memory/test_measured.py`). What of it is
fp32 in any case, and what grows with the feed-forward's width, was told apart by several models.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wan_lora_studio.errors import LoRAError, ModelLoadError
from wan_lora_studio.lora.files import read_header
from wan_lora_studio.settings import Precision
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.wan.memory.tiles import tile_for
from wan_lora_studio.wan.models import Decoding, HostMemory, Needs, Offload, decoding_for
from wan_lora_studio.wan.task import GenerationTask
from wan_lora_studio.wan.task_limits import FRAME_STRIDE
from wan_lora_studio.wan.weights import is_gguf, read_gguf_header

WEIGHT_SUFFIXES = (".safetensors", ".sft", ".bin", ".gguf")
DECODE_PER_PIXEL = 55  # values of fp32 per pixel and channel of the decoder's first width
DECODE_PER_PATCHED_PIXEL = 20  # the same where the decoder works on patches of 2×2, as the 5B's
DECODE_FIXED = 32 * MB  # what libraries keep for themselves
# Of the size of all frames in fp32: what is there while more is decoded, whole or in tiles, which
# overlap; and while frames are joined and converted.
HELD, HELD_IN_TILES = 1.0, 1.8
JOINED, JOINED_FROM_TILES = 4.0, 4.8
USUAL_RATIO = 2.7  # of the feed-forward's width to the model's
SCALES = (0.875, 0.75, 0.625, 0.5, 0.375, 0.25)
SMALLER = (0.5, 0.375, 0.25)  # of the sides, in what is advised
BLOCK = re.compile(r"(?:^|\.)blocks\.\d+\.")
AT_ONCE = 2  # blocks on the GPU where they are streamed: the one that computes, and the next
BY_PARTS: tuple[Offload, dict[str, str]] = (
    "model",
    {
        "none": say("wan.memory.advice.auto_or_model"),
        **dict.fromkeys(("encoder", "auto"), say("wan.memory.advice.model")),
    },
)
OFFLOAD: dict[Offload, tuple[Offload, dict[str, str]]] = {  # what to advise, by the setting
    "none": BY_PARTS,
    "encoder": BY_PARTS,
    "model": (
        "group",
        dict.fromkeys(
            ("none", "encoder", "auto", "model"),
            say("wan.memory.advice.group"),
        ),
    ),
}


@dataclass(frozen=True)
class Footprint:
    """What of a model's folder decides how much memory it takes.

    `parameters` counts by component; `dim` and `width` are of the transformer and the decoder;
    `token` is the side in pixels of what one token stands for; `per_pixel` counts what decoding
    takes for each pixel and channel. `streamed` counts what is on the GPU at once of a component
    that is brought there block by block. `fp8`: the transformers have numbers of one byte, as
    in fp8 and int8. Of components that are `quantised` in their files, the counts are bytes.
    `ratio` is of the feed-forward's width to `dim`; `per_token`: each token has a time of its own,
    as in the 5B.
    """

    parameters: Mapping[str, int]
    dim: int
    width: int
    token: int
    per_pixel: int = DECODE_PER_PIXEL
    streamed: Mapping[str, int] = field(default_factory=dict)
    fp8: bool = False
    quantised: frozenset[str] = frozenset()
    ratio: float = USUAL_RATIO
    per_token: bool = False

    @classmethod
    def of(
        cls,
        folder: Path,
        precision: Precision = "bf16",
        files: Mapping[str, Path] = MappingProxyType({}),
    ) -> Footprint:
        """Read from the folder's configurations and file headers; no weights are read. `files` are
        in place of the folder's, by component."""
        counts = {
            part.name: [tensor_counts(path) for path in _weight_files(files.get(part.name, part))]
            for part in sorted(folder.iterdir())
            if part.is_dir()
        }
        configs = {name: _config(folder / name) for name in ("transformer", "vae")}
        quantised = frozenset(name for name, path in files.items() if is_gguf(path))
        return cls.of_tensors(counts, configs, precision, quantised)

    @classmethod
    def of_tensors(
        cls,
        tensors: Mapping[str, Sequence[Mapping[str, int]]],
        configs: Mapping[str, Mapping[str, Any]],
        precision: Precision = "bf16",
        quantised: frozenset[str] = frozenset(),
    ) -> Footprint:
        """From what each file of a component holds, by the names of its tensors, as `tensor_counts`
        has it; and the configurations of the transformer and of the decoder (`vae`)."""
        transformer, vae = configs.get("transformer", {}), configs.get("vae", {})
        heads = int(transformer.get("num_attention_heads", 40))
        patch = transformer.get("patch_size") or [1, 2, 2]
        counts = {name: _summed(held) for name, held in tensors.items()}
        dim = heads * int(transformer.get("attention_head_dim", 128))
        patched = (vae.get("patch_size") or 1) > 1
        return cls(
            {name: whole for name, (whole, _) in counts.items()},
            dim,
            int(vae.get("decoder_base_dim") or vae.get("base_dim") or 96),
            int(vae.get("scale_factor_spatial") or 8) * int(patch[-1]),
            DECODE_PER_PATCHED_PIXEL if patched else DECODE_PER_PIXEL,
            {name: part for name, (_, part) in counts.items()},
            precision != "bf16",
            quantised,
            int(transformer.get("ffn_dim") or USUAL_RATIO * dim) / dim,
            patched,
        )

    def weights(self, width_bytes: int) -> dict[str, int]:
        """Bytes by component, where all but the decoder have numbers of `width_bytes`."""
        return self._bytes(self.parameters, width_bytes)

    def weights_at_once(self, width_bytes: int) -> dict[str, int]:
        """The same of what is on the GPU at once where weights are streamed."""
        return self._bytes({**self.parameters, **self.streamed}, width_bytes)

    def _bytes(self, counts: Mapping[str, int], width_bytes: int) -> dict[str, int]:
        return {name: count * self._width(name, width_bytes) for name, count in counts.items()}

    def _width(self, component: str, width_bytes: int) -> int:
        if component == "vae":
            return 4
        if component in self.quantised:
            return 1
        return 1 if self.fp8 and component.startswith("transformer") else width_bytes

    def sampling(self, task: GenerationTask, width_bytes: int, loras: bool = False) -> int:
        """Bytes that a forward pass takes beside the weights, where LoRAs are added there or not.

        The most is held in the attention or in the feed-forward; what it adds to a layer's output
        is there twice.
        """
        frames, height, width = _size(task)
        tokens = ((frames - 1) // FRAME_STRIDE + 1) * (height // self.token) * (width // self.token)
        added = 2 * width_bytes if loras else 0
        attention = 12 + 8 * width_bytes + added
        forward = width_bytes * (2 * self.ratio + 5) + added * self.ratio
        times = 24 + 7 * width_bytes if self.per_token else 0
        return int(tokens * self.dim * (max(attention, forward) + times))

    def decoding(self, task: GenerationTask, tile: int = 0) -> int:
        """Bytes that decoding takes beside the weights; in tiles of so many pixels, if any."""
        frames, height, width = _size(task)
        area = tile * tile or height * width
        features = area * self.width * 4 * self.per_pixel
        video = frames * height * width * 3 * 4
        held, joined = (HELD_IN_TILES, JOINED_FROM_TILES) if tile else (HELD, JOINED)
        return DECODE_FIXED + int(max(features + held * video, joined * video))

    def needs(
        self, task: GenerationTask, width_bytes: int, loras: int = 0, memory: int = 0
    ) -> Needs:
        """What a run takes, with LoRAs that add so many bytes beside the weights. `memory` is what
        a computer has in all on which it runs without a GPU."""
        _, height, width = _size(task)
        whole, in_tiles = (self.decoding(task, tile) for tile in (0, tile_for(width, height)))
        weights = self.weights(width_bytes)
        return Needs(
            weights,
            self.weights_at_once(width_bytes),
            loras,
            self.sampling(task, width_bytes, loras > 0),
            whole,
            min(whole, in_tiles),
            HostMemory(weights, memory).on_call if memory else (),
        )


@dataclass(frozen=True)
class Change:
    """A change of the task, or of the settings, that saves memory. `saved` is in bytes."""

    words: str
    saved: int
    fits: bool


@dataclass(frozen=True)
class _Saving:
    """What a change does: to fields of the task, and of the forecast."""

    words: str
    task: Mapping[str, int] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Forecast:
    """What a run needs where it computes and on the host, against what there is. Bytes.

    `loras` is what the selected LoRAs add, `largest_lora` the name and bytes of the largest;
    `placed` says what waits on the host, `offload` is the setting, "" where there is no GPU.
    `host` is what is free there, with swap, or None where that is not looked at, as without a GPU;
    `memory` is all that the computer has, without swap. `reason` says in a sentence why it is
    placed so.
    """

    task: GenerationTask
    footprint: Footprint
    available: int
    width_bytes: int = 2
    placed: Offload = "none"
    offload: str = ""
    loras: int = 0
    largest_lora: tuple[str, int] = ("", 0)
    multiple: int = 16
    host: int | None = None
    memory: int = 0
    reason: str = ""

    @cached_property
    def needs(self) -> Needs:
        computes_there = 0 if self.offload else self.memory
        return self.footprint.needs(self.task, self.width_bytes, self.loras, computes_there)

    @cached_property
    def decoding(self) -> Decoding:
        """How the frames are to be decoded; parts that the user wants on the GPU stay there."""
        host = self.host if self.offload not in ("", "none") else None
        return decoding_for(self.needs, self.placed, self.available, host)

    @cached_property
    def needed(self) -> int:
        """At the stage that needs most."""
        return self.needs.on_gpu(self.placed, self.decoding)

    @property
    def host_needed(self) -> int:
        """Of the computer's own memory, where it is not the one that computes."""
        return self.needs.on_host(self.placed, self.memory) if self.offload else 0

    @property
    def _activations(self) -> tuple[int, int]:
        tiled = self.decoding.tiled
        needs = self.needs
        return needs.sampling, needs.decoding_in_tiles if tiled else needs.decoding

    @property
    def fits(self) -> bool:
        held = self.host is None or self.host_needed <= self.host
        return held and self.needed <= self.available

    @property
    def weights_alone(self) -> int:
        """Bytes of weights that must be there at once; known exactly."""
        return self.needs.weights_on_gpu("group" if self.offload == "auto" else self.placed)

    def changes(self) -> list[Change]:
        """What would save memory: what makes it fit first, then by how much it saves.

        Where none makes it fit alone, the first one is the fewest that do so together.
        """
        alone = [change for each in self._savings() if (change := self._change(each)).saved > 0]
        alone.sort(key=lambda change: (not change.fits, -change.saved))
        if self.fits or any(change.fits for change in alone):
            return alone
        together = self._together()
        return [together, *alone] if together else alone

    def fitting(self) -> GenerationTask:
        """The task at the largest size that fits and takes at most half as much beside the
        weights, as this size has failed; at the smallest one tried where none does."""
        limit = max(self._activations) - DECODE_FIXED
        found = self.task
        for scale in SCALES:
            found = _scaled(self.task, scale, self.multiple) or found
            smaller = dataclasses.replace(self, task=found)
            if smaller.fits and max(smaller._activations) - DECODE_FIXED <= max(limit, 0) / 2:
                break
        return found

    def _change(self, *savings: _Saving) -> Change:
        task: dict[str, Any] = {}
        run: dict[str, Any] = {}
        for each in savings:
            task.update(each.task)
            run.update(each.run)
        changed = dataclasses.replace(self, task=dataclasses.replace(self.task, **task), **run)
        words = " ".join(each.words for each in savings)
        return Change(words, self.needed - changed.needed, changed.fits)

    def _together(self) -> Change | None:
        """The fewest changes that make it fit, of those the ones that save most."""
        for scale in SMALLER:
            savings = sorted(self._savings(scale), key=lambda each: -self._change(each).saved)
            for count in range(1, len(savings) + 1):
                for chosen in combinations(savings, count):
                    change = self._change(*chosen)
                    if change.fits:
                        return change
        return None

    def _savings(self, scale: float = SMALLER[0]) -> list[_Saving]:
        frames, height, width = _size(self.task)
        found = []
        fewer = (frames // 2) // FRAME_STRIDE * FRAME_STRIDE + 1
        if fewer < frames:
            words = say("wan.memory.advice.frames", fewer=fewer, frames=frames)
            found.append(_Saving(words, {"num_frames": fewer}))
        if smaller := _scaled(self.task, scale, self.multiple):
            _, less_high, less_wide = _size(smaller)
            words = say(
                "wan.memory.advice.size",
                smaller=f"{less_wide}×{less_high}",
                size=f"{width}×{height}",
            )
            found.append(_Saving(words, {"width": less_wide, "height": less_high}))
        further, words_by_setting = OFFLOAD.get(self.placed, (self.placed, {}))
        if self.offload in words_by_setting:
            found.append(_Saving(words_by_setting[self.offload], run={"placed": further}))
        name, size = self.largest_lora
        if name:
            words = say("wan.memory.advice.lora", lora=name)
            found.append(_Saving(words, run={"loras": self.loras - size}))
        return found


def _size(task: GenerationTask) -> tuple[int, int, int]:
    return int(task.num_frames or 1), int(task.height or 16), int(task.width or 16)


def _scaled(task: GenerationTask, scale: float, multiple: int) -> GenerationTask | None:
    """The task at a fraction of its sides; None if that is no size."""
    _, height, width = _size(task)
    sides = [int(side * scale) // multiple * multiple for side in (width, height)]
    if min(sides) < multiple:
        return None
    return dataclasses.replace(task, width=sides[0], height=sides[1])


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _weight_files(place: Path) -> list[Path]:
    """Those in a folder, or the one file."""
    paths = place.iterdir() if place.is_dir() else [place]
    return [path for path in paths if path.suffix in WEIGHT_SUFFIXES and path.is_file()]


def tensor_counts(path: Path) -> dict[str, int]:
    """How many numbers each tensor of a weight file has; of a GGUF file, how many bytes. Half of
    the file's bytes under no name where it can't be told, as of pickles of bf16."""
    try:
        if is_gguf(path):
            return {name: tensor.size for name, tensor in read_gguf_header(path).tensors.items()}
        return {name: prod(entry.shape) for name, entry in read_header(path).tensors.items()}
    except (LoRAError, ModelLoadError):
        return {"": path.stat().st_size // 2}


def _summed(files: Iterable[Mapping[str, int]]) -> tuple[int, int]:
    """What a component's files hold, and what of it is needed at once where it is streamed: what is
    outside of blocks and two blocks, or two of the largest tensors of a part without blocks."""
    total = outside = largest = 0
    blocks: dict[str, int] = defaultdict(int)
    for counts in files:
        for name, count in counts.items():
            total, largest = total + count, max(largest, count)
            if block := BLOCK.search(name):
                blocks[name[: block.end()]] += count
            else:
                outside += count
    if blocks:
        return total, min(total, outside + AT_ONCE * max(blocks.values()))
    return total, min(total, AT_ONCE * largest)
