"""What a file says about its task, and the family that any of its layers tells."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.loras.files import layer_keys, musubi
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.layer_names import DIFFUSERS_BLOCK, DIFFUSERS_ROOT, FUSED
from wan_lora_studio.lora.inspection.model_hints import READERS, VECTORS, WRITERS

Inspect = Callable[..., LoRAInfo]


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("wan2.2_T2V_style", {"t2v"}), ("wan22i2v_a14b", {"i2v"}),
        ("Wan2.2-I2V-A14B", {"i2v"}), ("wan_ti2v_5B", {"ti2v"}),
        ("wan-t2v-and-i2v", {"t2v", "i2v"}), ("kti2v", set()),
        ("text-to-video", {"t2v"}), ("image_2_video", {"i2v"}), ("style", set()),
    ],
)  # fmt: skip
def test_words_of_the_name(inspect: Inspect, name: str, tasks: set[str]) -> None:
    assert inspect(musubi(), name=name, name_hint=f"{name}.safetensors").task_hints.keys() == tasks


def test_evidence_counts_in_its_order(inspect: Inspect) -> None:
    image = layer_keys("{m}", only=["self_attn.q"]) | {
        "blocks.0.cross_attn.k_img.lora_A.weight": (4, 16),
        "blocks.0.cross_attn.k_img.lora_B.weight": (16, 4),
    }
    header = {"ss_base_model_version": "wan2.1 14B T2V", "modelspec.architecture": "wan-i2v"}
    info = inspect(image, metadata=header, name_hint="t2v/ti2v.safetensors")
    assert info.task_hints == {
        "i2v": "it has layers for an image embedding",
        "t2v": "ss_base_model_version in the header says “T2V”",
        "ti2v": "the file name says “ti2v”",
    }
    folder = inspect(
        musubi(), metadata={"modelspec.architecture": "wan2.1/lora"}, name_hint="t2v/a"
    )
    assert folder.task_hints == {"t2v": "the folder name says “t2v”"}


@pytest.mark.parametrize(("channels", "task"), [(16, "t2v"), (36, "i2v"), (48, "ti2v"), (4, None)])
def test_the_channels_that_the_patch_embedding_reads(
    inspect: Inspect, channels: int, task: str | None
) -> None:
    shapes = {"diffusion_model.patch_embedding.diff": (16, channels, 1, 2, 2)}
    assert list(inspect(shapes).task_hints) == ([task] if task else [])


# Fused projections are split before their sizes are looked at; no model here has FastWan's gate.
OTHERS = {f"attn{n}.{name}" for n in (1, 2) for name in (*FUSED, "to_gate_compress")}
BLOCK_LAYERS = {f"blocks.0.{name}" for name in DIFFUSERS_BLOCK.values() if name not in OTHERS}
LAYERS = sorted({*BLOCK_LAYERS, *DIFFUSERS_ROOT.values()})
TOLD = [layer for layer in LAYERS if layer.endswith(READERS + WRITERS)]
VECTORS_TOLD = [layer for layer in LAYERS if layer.endswith(VECTORS)]


@pytest.mark.parametrize("layer", TOLD)
@pytest.mark.parametrize("width", [5120, 3072, 1536])
def test_any_layer_alone_tells_the_family(inspect: Inspect, layer: str, width: int) -> None:
    shape = (7, width) if layer.endswith(READERS) else (width, 7)
    lora = {f"{layer}.lora_A.weight": (2, shape[1]), f"{layer}.lora_B.weight": (shape[0], 2)}
    assert inspect(lora).width == width
    assert inspect({f"{layer}.diff": shape}).width == width
    lokr = {f"{layer}.lokr_w1": (1, 1), f"{layer}.lokr_w2": shape}
    assert inspect(lokr).width == width


@pytest.mark.parametrize("layer", VECTORS_TOLD)
def test_a_norm_or_a_modulation_alone_tells_it_too(inspect: Inspect, layer: str) -> None:
    info = inspect({f"{layer}.diff": (1, 6, 3072)})
    assert (info.width, info.family) == (3072, "wan2.2-5B")


def test_every_layer_with_the_hidden_size_is_in_the_tables() -> None:
    rest = {layer for layer in LAYERS if layer not in (*TOLD, *VECTORS_TOLD)}
    # These have the size of the image encoder's features.
    root = "condition_embedder.image_embedder"
    assert rest == {f"{root}.norm1", f"{root}.ff.net.0.proj", f"{root}.pos_embed"}
