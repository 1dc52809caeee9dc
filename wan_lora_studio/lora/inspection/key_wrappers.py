"""Key wrappers: what programs put around a layer's name, peeled off one by one.

A dotted name is a path of modules. Trainers write the models that hold the transformer in front
of it (`pipe.dit.`, `base_model.model.`), and torch writes its own wrappers at any place
(`_orig_mod` by torch.compile, `module` by DDP, `_checkpoint_wrapped_module` by activation
checkpointing). A flattened name is such a path with underscores for dots, behind a head
(`lora_unet_`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ExpertMark = Literal["high", "low", "first"]

LONGEST = 500  # characters of a layer's name
# Modules that only pass calls on, so that their names say nothing, wherever they stand.
TRANSPARENT = (
    "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module", "_forward_module",
    "_original_module", "module", "processor", "base_layer",
)  # fmt: skip
# Modules that hold the transformer, and which expert's it is where that is said. "first" is the
# high-noise one in a file that has a second, else it says nothing.
HOLDERS: Mapping[str, ExpertMark | None] = MappingProxyType({
    "model": None, "diffusion_model": None, "base_model": None, "pipe": None, "pipeline": None,
    "unet": None, "net": None, "denoiser": None, "generator": None, "generator_ema": None,
    "transformer": "first", "transformer_1": "high", "transformer_2": "low",
    "dit": "first", "dit2": "low",
    "high_noise_model": "high", "low_noise_model": "low", "high_noise": "high", "low_noise": "low",
})  # fmt: skip
# `lora_unet__` is VideoX-Fun's; what follows a plain `lora_unet_` may begin with an underscore.
_HEAD = re.compile(
    r"lora_unet__(?=(?:vace_)?blocks|vace_patch|[a-z]+_embedding|time_proj|head|img_emb)"
    r"|lora_(?:unet|transformer(?:_[12](?=_))?|dit2?)_|lycoris_"
)
_PASSING = "|".join(name.strip("_") for name in TRANSPARENT)
_FLAT_TRANSPARENT = re.compile(rf"(?:\A|(?<=[^_])_)_*(?:{_PASSING})(?=_|\Z)")
# `transformer_blocks_0_…` are the blocks of other models, not held by a `transformer`.
_FLAT_HOLDER = re.compile(
    rf"({'|'.join(sorted(HOLDERS, key=len, reverse=True))})_+(?=[a-z])(?<!transformer_(?=blocks))"
)


@dataclass(frozen=True)
class Peeled:
    """A layer's name without its wrappers.

    `path` has underscores for dots if `head` is one of a flattened name ("" for a dotted one).
    `mixed`: a flattened name that had dots left. `holders` are the modules that were around it;
    `mark` is the expert that they name.
    """

    path: str
    head: str
    mixed: bool
    holders: frozenset[str]
    mark: ExpertMark | None


def peel(name: str) -> Peeled | None:
    """Take the wrappers off a layer's name; None if they name both experts, or if it is too long
    to be one.

    >>> peel("module.transformer._orig_mod.blocks.0.attn1.to_q").path
    'blocks.0.attn1.to_q'
    """
    if len(name) > LONGEST:
        return None
    segments = [part for part in name.split(".") if part not in TRANSPARENT]
    start = 0
    while start < len(segments) - 1 and segments[start] in HOLDERS:
        start += 1
    holders, path = segments[:start], ".".join(segments[start:])
    head = _HEAD.match(path)
    if head is None:
        return _marked(path, "", False, holders)
    rest = path[head.end() :]
    flat = _FLAT_TRANSPARENT.sub("", rest.replace(".", "_")).lstrip("_")
    while found := _FLAT_HOLDER.match(flat):
        holders.append(found[1])
        flat = flat[found.end() :]
    named = head[0].removeprefix("lora_").rstrip("_")
    return _marked(flat, head[0], "." in rest, [*holders, *([named] if named in HOLDERS else [])])


def _marked(path: str, head: str, mixed: bool, holders: list[str]) -> Peeled | None:
    marks = {mark for name in holders if (mark := HOLDERS[name])}
    said = marks - {"first"} or marks
    if len(said) > 1:
        return None
    return Peeled(path, head, mixed, frozenset(holders), next(iter(said), None))
