"""Matching: a weight file's tensors with those of the model it is for, by names and shapes alone.

Whatever does not match is refused by its name, before weights are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
from accelerate import init_empty_weights
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

from wan_lora_studio.lora.inspection import name_role
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.texts import say
from wan_lora_studio.wan.weights.refusals import some, unusable
from wan_lora_studio.wan.weights.weight_names import prefix_of

Shape = tuple[int, ...]
OF_2_1 = re.compile(r"wan[ ._-]?2[._]?1(?!\d)", re.IGNORECASE)


def empty_transformer(config: Mapping[str, Any]) -> Any:
    """The transformer of a configuration, without memory for its weights."""
    with init_empty_weights(include_buffers=False):
        return diffusers.WanTransformer3DModel.from_config(dict(config))


def transformer_names(names: set[str]) -> dict[str, str]:
    """Those of diffusers' transformer, to those of the file."""
    prefix = prefix_of(names)
    plain = {name.removeprefix(prefix): name for name in names}
    if any(".self_attn." in name for name in plain):
        plain = convert_wan_transformer_to_diffusers(plain)
    return plain


def require_same(path: Path, shapes: Mapping[str, Shape], model: Any) -> None:
    """Raise ModelLoadError unless the file has each of the model's tensors, and no others.

    `shapes` are the file's, by the model's names.
    """
    wanted = {name: tuple(value.shape) for name, value in model.named_parameters()}
    missing, more = sorted(wanted.keys() - shapes.keys()), sorted(shapes.keys() - wanted.keys())
    other = [n for n in wanted if n in shapes and wanted[n] != shapes[n]]
    if other:
        name = other[0]
        raise unusable(
            path,
            say(
                "wan.weights.other_size",
                weight=name,
                shape=_size(shapes[name]),
                wanted=_size(wanted[name]),
            ),
        )
    if missing:
        raise unusable(path, say("wan.weights.missing", count=len(missing), weights=some(missing)))
    if more:
        raise unusable(path, say("wan.weights.more", weights=some(more)))


def require_expert(path: Path, expert: Expert | None) -> None:
    """Raise ModelLoadError where the file's name says that it is not for this expert of two."""
    if expert is None:
        return
    if OF_2_1.search(path.stem):
        raise unusable(path, say("wan.weights.for_2_1"))
    stated = name_role(path.stem)
    if stated is not None and stated.role not in ("both", expert):
        raise unusable(path, say("wan.weights.other_expert", named=stated.role, given=expert))


def _size(shape: Shape) -> str:
    return "×".join(map(str, shape)) or say("wan.weights.one_number")
