"""What a file was trained for, text, image or both to video, as far as it says so.

Hints only, each with its evidence: a trainer writes `wan2.1/lora` for anything, and a LoRA for
one task often serves another of the same family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from wan_lora_studio.lora.inspection.layers import LayerGroup
from wan_lora_studio.lora.inspection.role_evidence import stem_and_folder

IMAGE_LAYERS = ("add_k_proj", "add_v_proj", "norm_added_k", "image_embedder")
INPUT_CHANNELS = {16: "t2v", 36: "i2v", 48: "ti2v"}  # of the latent video that each model reads
WIDTH_OF_TI2V = 3072
FIELDS = (
    "modelspec.architecture", "ss_base_model_version", "base_model", "baseModel",
    "ss_sd_model_name", "ss_output_name", "modelspec.title", "name",
)  # fmt: skip
_WORDS = re.compile(
    r"(?<![a-z])(?:(?P<ti2v>ti2v)|(?P<t2v>t2v|text[-_ ]?(?:to|2)[-_ ]?video)"
    r"|(?P<i2v>i2v|image[-_ ]?(?:to|2)[-_ ]?video))(?![a-z])",
    re.IGNORECASE,
)


def task_hints(
    from_layers: Iterable[tuple[str, str]], metadata: Mapping[str, str], hint: str | PurePath
) -> dict[str, str]:
    """Task (`t2v`, `i2v`, `ti2v`) → the first evidence for it: layers, header, names.

    `from_layers` is what `layer_hints` says; `hint` the file's path, relative to the library or
    just a name.
    """
    stem, folder = stem_and_folder(hint)
    texts = [
        (metadata[field], f"{field} in the header says") for field in FIELDS if field in metadata
    ]
    texts += [(stem, "the file name says"), (folder, "the folder name says")]
    found: dict[str, str] = {}
    for task, evidence in (*from_layers, *_from_texts(texts)):
        found.setdefault(task, evidence)
    return found


def layer_hints(layers: Iterable[LayerGroup], width: int | None) -> tuple[tuple[str, str], ...]:
    """(task, evidence) as the layers have it. `width` is the hidden size."""
    return tuple(_from_layers(layers, width))


def _from_layers(layers: Iterable[LayerGroup], width: int | None) -> Iterator[tuple[str, str]]:
    if width == WIDTH_OF_TI2V:
        yield "ti2v", f"its layers are {width} wide, as those of TI2V-5B"
    for layer in layers:
        if any(name in layer.module for name in IMAGE_LAYERS):
            yield "i2v", "it has layers for an image embedding"
        channels = _input_channels(layer)
        if channels in INPUT_CHANNELS:
            yield INPUT_CHANNELS[channels], f"its patch_embedding reads {channels} channels"


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
            yield str(match.lastgroup), f"{source} “{match[0]}”"
