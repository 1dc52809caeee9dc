"""Weight file: a component's weights in safetensors files of their own, as other tools keep them.

They are one file, or a folder of shards. Read are any float type and ComfyUI's scaled fp8, whose
scales are applied. All that can be refused is refused by the headers, before weights are read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.files import TensorEntry, open_regular, read_header
from wan_lora_studio.texts import say
from wan_lora_studio.wan.weights.matching import require_same
from wan_lora_studio.wan.weights.refusals import some, unusable
from wan_lora_studio.wan.weights.shards import shards_of
from wan_lora_studio.wan.weights.weight_names import SCALES

Naming = Callable[[set[str]], dict[str, str]]  # the file's names -> {the model's: the file's}
TypeOf = Callable[[str], torch.dtype]  # by the name of a weight
LEFT_OUT = (".scale_input", ".input_scale", ".comfy_quant")  # what is for computing in fp8
MARKS = ("scaled_fp8",)
PICKLES = (b"PK\x03\x04", b"\x80")  # how they begin
FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})


@dataclass(frozen=True)
class WeightFile:
    """Files whose tensors are those of a model.

    `names` maps the model's names to the files', `scales` the files' names of weights to those of
    their scales, and `places` the files' names to the file that each is in.
    """

    path: Path
    names: Mapping[str, str]
    scales: Mapping[str, str]
    places: Mapping[str, Path]

    @classmethod
    def of(cls, path: Path, model: Any, naming: Naming, ignored: frozenset[str]) -> WeightFile:
        """Match the headers with a model, which needs no weights.

        `ignored` are names of tensors that are no weights. Raises ModelLoadError.
        """
        entries, places = _entries(path, ignored)
        used = [name for name in entries if not name.endswith((*LEFT_OUT, *MARKS))]
        strange = sorted(name for name in used if entries[name].dtype not in FLOATS)
        if strange:
            kinds = some(sorted({entries[name].dtype for name in strange}))
            raise unusable(
                path,
                say("wan.weights.type", count=len(strange), weights=some(strange), kind=kinds),
            )
        weights = {name for name in used if not name.endswith(SCALES)}
        scales = {
            f"{name.removesuffix(ending)}.weight": name
            for name in entries
            for ending in SCALES
            if name.endswith(ending)
        }
        if lost := sorted(scales.keys() - weights):
            raise unusable(path, say("wan.weights.lost_scales", weights=some(lost)))
        other = [
            weight
            for weight, scale in scales.items()
            if prod(entries[scale].shape) not in (1, *entries[weight].shape[:1])
        ]
        if other:
            raise unusable(
                path, say("wan.weights.scales", count=len(other), weights=some(sorted(other)))
            )
        names = naming(weights)
        shapes = {own: tuple(entries[theirs].shape) for own, theirs in names.items()}
        require_same(path, shapes, model)
        return cls(path, names, scales, places)

    def read(self, type_of: TypeOf) -> Iterator[tuple[str, Tensor]]:
        """The weights by the model's names, one by one, each as `type_of` says for its name.

        Raises ModelLoadError.
        """
        own_names = {theirs: own for own, theirs in self.names.items()}
        for path in sorted(set(self.places.values())):
            try:
                with safe_open(path, framework="pt") as file:
                    for theirs, place in self.places.items():
                        if place != path or (own := own_names.get(theirs)) is None:
                            continue
                        tensor = file.get_tensor(theirs)
                        if (scale := self.scales.get(theirs)) is not None:
                            tensor = tensor.float() * self._scale(scale, tensor)
                        # A copy, so that nothing of it is the file itself, which may be replaced.
                        yield own, tensor.to(type_of(own), copy=True)
            except (OSError, RuntimeError) as error:
                raise unusable(path, say("wan.weights.unreadable", problem=error)) from error

    def _scale(self, name: str, weight: Tensor) -> Tensor:
        """Of the whole weight, or of each of its rows."""
        with safe_open(self.places[name], framework="pt") as file:
            scale: Tensor = file.get_tensor(name).float()
        return scale if scale.numel() == 1 else scale.reshape(-1, *[1] * (weight.ndim - 1))


def _entries(path: Path, ignored: frozenset[str]) -> tuple[dict[str, TensorEntry], dict[str, Path]]:
    """What the headers list, by name, and the file that each is in."""
    entries: dict[str, TensorEntry] = {}
    places: dict[str, Path] = {}
    for each in shards_of(path):
        try:
            tensors = read_header(each).tensors
        except LoRAError as error:
            raise unusable(path, error.message.rstrip("."), *_instead(each)) from error
        if twice := sorted(tensors.keys() & places.keys()):
            raise unusable(path, say("wan.weights.twice", count=len(twice), weights=some(twice)))
        entries.update({name: found for name, found in tensors.items() if name not in ignored})
        places.update(dict.fromkeys(tensors, each))
    return entries, places


def _instead(path: Path) -> tuple[str, ...]:
    """What to do about a pickle, which is never opened: it may run code that is hidden in it."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            start = file.read(4)
    except (LoRAError, OSError):
        return ()
    if not start.startswith(PICKLES):
        return ()
    return (
        say("wan.weights.no_pickle"),
        say("wan.weights.own_weights"),
    )
