"""Hints at the model that a file was made for: the hidden size of its layers, and its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType

from wan_lora_studio.lora.inspection.foreign_kinds import variant_reason
from wan_lora_studio.lora.inspection.layers import LayerGroup
from wan_lora_studio.lora.inspection.role_evidence import stem_and_folder
from wan_lora_studio.lora.inspection.shapes import matrix, shape_flaw
from wan_lora_studio.texts import say

FAMILIES = {5120: "wan-14B", 3072: "wan2.2-5B", 1536: "wan2.1-1.3B"}
FAMILY_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "wan-14B": "Wan 14B",
        "wan2.2-5B": "Wan2.2 5B",
        "wan2.1-1.3B": "Wan2.1 1.3B",
        "width 160": "Demo",
        "unknown": "",
    }
)
# Ends of layer names, by where the hidden size is in the layer's weight [out, in].
READERS = (
    "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn2.to_q", "ffn.net.0.proj", "time_proj",
    "proj_out",
)  # fmt: skip
WRITERS = (
    "attn1.to_out.0", "attn2.to_out.0", "attn2.to_k", "attn2.to_v", "add_k_proj", "add_v_proj",
    "ffn.net.2", "image_embedder.ff.net.2", "patch_embedding", "linear_1", "linear_2",
)  # fmt: skip
VECTORS = ("norm2", "norm_q", "norm_k", "norm_added_k", "scale_shift_table")
IMAGE_LAYERS = ("add_k_proj", "add_v_proj", "norm_added_k", "image_embedder")
NO_IMAGE_LAYER = say("lora.inspection.foreign.image_layer")
INPUT_CHANNELS = {16: "t2v", 36: "i2v", 48: "ti2v"}  # of the latent video that each model reads
WIDTH_OF_TI2V = 3072
FIELDS = (
    "modelspec.architecture", "ss_base_model_version", "base_model", "baseModel",
    "ss_sd_model_name", "ss_output_name", "modelspec.title", "name",
)  # fmt: skip
_FILE_NAME, _FOLDER_NAME = "file name", "folder name"
_WORDS = re.compile(
    r"(?<![a-z])(?:(?P<ti2v>ti2v)|(?P<t2v>t2v|text[-_ ]?(?:to|2)[-_ ]?video)"
    r"|(?P<i2v>i2v|image[-_ ]?(?:to|2)[-_ ]?video))(?![a-z])",
    re.IGNORECASE,
)


def family_of(width: int | None) -> str:
    """The family of models with this hidden size, in a word; "unknown" without one."""
    return FAMILIES.get(width, f"width {width}") if width else "unknown"


def family_title(family: str) -> str:
    """What a person calls a family; "" for one that is not known."""
    if family in FAMILY_TITLES:
        return FAMILY_TITLES[family]
    return say("lora.inspection.misfit.models_of", family=family)


def another_models_layer(module: str) -> str | None:
    """Why a model lacks this layer; None for one that every Wan model has."""
    if any(name in module for name in IMAGE_LAYERS):
        return NO_IMAGE_LAYER
    return variant_reason(module)


def hidden_size(layers: Iterable[LayerGroup]) -> int | None:
    """The hidden size of the model, from the first layer that tells it; None if none does."""
    return next(filter(None, map(_size_from, layers)), None)


def _size_from(layer: LayerGroup) -> int | None:
    shapes = layer.shapes
    if layer.module.endswith(VECTORS):
        return shapes["diff"][-1] if shapes.get("diff") else None
    axis = 1 if layer.module.endswith(READERS) else 0
    if not layer.module.endswith(READERS + WRITERS) or shape_flaw(shapes):
        return None
    product = matrix(shapes)
    if isinstance(product, tuple):
        return product[axis]
    if len(shapes.get("diff", ())) > axis:
        return shapes["diff"][axis]
    return shapes["diff_b"][0] if axis == 0 and shapes.get("diff_b") else None


def task_hints(
    from_layers: Iterable[tuple[str, str]], metadata: Mapping[str, str], hint: str | PurePath
) -> dict[str, str]:
    """Task (`t2v`, `i2v`, `ti2v`) → the first evidence for it: layers, header, names.

    `from_layers` is what `layer_hints` says; `hint` the file's path, relative to the library or
    just a name.
    """
    stem, folder = stem_and_folder(hint)
    texts = [(metadata[field], field) for field in FIELDS if field in metadata]
    texts += [(stem, _FILE_NAME), (folder, _FOLDER_NAME)]
    found: dict[str, str] = {}
    for task, evidence in (*from_layers, *_from_texts(texts)):
        found.setdefault(task, evidence)
    return found


def layer_hints(layers: Iterable[LayerGroup], width: int | None) -> tuple[tuple[str, str], ...]:
    """(task, evidence) as the layers have it. `width` is the hidden size."""
    return tuple(_from_layers(layers, width))


def _from_layers(layers: Iterable[LayerGroup], width: int | None) -> Iterator[tuple[str, str]]:
    if width == WIDTH_OF_TI2V:
        yield "ti2v", say("lora.inspection.evidence.width", width=width)
    for layer in layers:
        if any(name in layer.module for name in IMAGE_LAYERS):
            yield "i2v", say("lora.inspection.evidence.image_layers")
        channels = _input_channels(layer)
        if channels in INPUT_CHANNELS:
            evidence = say("lora.inspection.evidence.channels", channels=channels)
            yield INPUT_CHANNELS[channels], evidence


def _input_channels(layer: LayerGroup) -> int | None:
    weight = layer.shapes.get("diff") or layer.shapes.get("lora_down") or ()
    return weight[1] if layer.module == "patch_embedding" and len(weight) == 5 else None


def _from_texts(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for text, source in texts:
        said = text[:1000]
        lowered = said.casefold()
        if "2v" not in lowered and "video" not in lowered:
            continue  # as most texts; each of the words has one of the two in it
        for match in _WORDS.finditer(said):
            yield str(match.lastgroup), _said(source, match[0])


def _said(source: str, words: str) -> str:
    """The evidence of a text; `source` is a field of the header, or one of the two names."""
    if source == _FILE_NAME:
        return say("lora.inspection.evidence.file_name", words=words)
    if source == _FOLDER_NAME:
        return say("lora.inspection.evidence.folder_name", words=words)
    return say("lora.inspection.evidence.header", field=source, words=words)
