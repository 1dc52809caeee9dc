"""The layout corpus: every trainer's key layout, in each algebra that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from benchmarks.algebras import (
    Maker,
    dora,
    full_lokr,
    loha,
    lokr,
    lora,
    lora_with_bias,
    peft_dora,
)
from benchmarks.namings import (
    AB,
    DEFAULT_ADAPTER,
    DOWN_UP,
    OLD,
    Naming,
    dotted,
    mixed,
    unchanged,
    underscored,
)

# LightX2V's full-weight parts: key of the file -> parameter of the transformer.
DIFFERENCES = MappingProxyType(
    {
        "diffusion_model.blocks.0.self_attn.q.diff_b": "blocks.0.attn1.to_q.bias",
        "diffusion_model.blocks.1.ffn.0.diff_b": "blocks.1.ffn.net.0.proj.bias",
        "diffusion_model.blocks.0.self_attn.norm_q.diff": "blocks.0.attn1.norm_q.weight",
        "diffusion_model.blocks.1.norm3.diff": "blocks.1.norm2.weight",
        "diffusion_model.blocks.1.diff_m": "blocks.1.scale_shift_table",
        "diffusion_model.patch_embedding.diff": "patch_embedding.weight",
        "diffusion_model.patch_embedding.diff_b": "patch_embedding.bias",
        "diffusion_model.head.head.diff": "proj_out.weight",
        "diffusion_model.head.head.diff_b": "proj_out.bias",
        "diffusion_model.time_projection.1.diff_b": "condition_embedder.time_proj.bias",
    }
)


@dataclass(frozen=True)
class Layout:
    """One way in which a trainer writes files. `low`: the naming of the low-noise expert's
    layers where one file holds both; `ranks` go round over the layers; `config` is the
    `adapter_config.json` beside the file, `factor` what it multiplies each change with.
    """

    name: str
    naming: Naming
    maker: Maker = lora
    alpha: float | None = None
    low: Naming | None = None
    ranks: tuple[int, ...] = (4,)
    differences: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    factor: float = 1.0


DIFFUSERS = dotted("transformer.", unchanged)
DIFFUSION_MODEL = dotted("diffusion_model.")
EXPORT = dotted("base_model.model.")

LAYOUTS: tuple[Layout, ...] = (
    Layout("diffusers", DIFFUSERS),
    Layout("diffusers with alpha", DIFFUSERS, alpha=2.0),
    Layout("diffusers with biases", DIFFUSERS, lora_with_bias),
    Layout("diffusers DoRA", DIFFUSERS, peft_dora),
    Layout("diffusers without prefix", dotted("", unchanged)),
    Layout("diffusers, both experts", DIFFUSERS, low=dotted("transformer_2.", unchanged)),
    Layout("diffusers before peft", dotted("unet.", unchanged, OLD)),
    Layout("diffusion-pipe", DIFFUSION_MODEL),
    Layout("diffusion-pipe, ranks differ", DIFFUSION_MODEL, ranks=(4, 2, 3)),
    Layout("ai-toolkit LoKr", DIFFUSION_MODEL, lokr, alpha=1.0),
    Layout("ai-toolkit full LoKr", DIFFUSION_MODEL, full_lokr, alpha=1.0),
    Layout(
        "ai-toolkit, both experts",
        dotted("diffusion_model.transformer_1."),
        low=dotted("diffusion_model.transformer_2."),
    ),
    Layout("musubi", underscored("lora_unet_"), alpha=2.0),
    Layout("musubi LoHa", underscored("lora_unet_"), loha, alpha=2.0),
    Layout("musubi LoKr", underscored("lora_unet_"), lokr, alpha=2.0),
    Layout("kohya DoRA", underscored("lora_unet_"), dora, alpha=2.0),
    Layout("kohya, dots and underscores", mixed, alpha=2.0),
    Layout("VideoX-Fun", underscored("lora_unet__"), alpha=2.0),
    Layout("DiffSynth-Studio", dotted("", parts=DEFAULT_ADAPTER)),
    Layout("DiffSynth-Studio, pipe.dit", dotted("pipe.dit.", parts=DEFAULT_ADAPTER)),
    Layout("DiffSynth-Studio, dit", dotted("dit.")),
    Layout("PEFT export", EXPORT, config={"r": 4, "lora_alpha": 6}, factor=6 / 4),
    Layout(
        "PEFT export, rank-stabilised",
        EXPORT,
        config={"r": 4, "lora_alpha": 6, "use_rslora": True},
        factor=6 / 2,
    ),
    Layout("PEFT export DoRA", EXPORT, peft_dora, config={"r": 4, "lora_alpha": 4}),
    Layout("LyCORIS LoCon", underscored("lycoris_"), alpha=2.0),
    Layout("LyCORIS LoHa", underscored("lycoris_", unchanged), loha, alpha=2.0),
    Layout("LyCORIS LoKr", underscored("lycoris_", unchanged), lokr, alpha=2.0),
    Layout("LightX2V", dotted("diffusion_model.", parts=DOWN_UP), alpha=2.0),
    Layout(
        "LightX2V with differences",
        dotted("diffusion_model.", parts=DOWN_UP),
        alpha=2.0,
        differences=DIFFERENCES,
    ),
    Layout("model.diffusion_model prefix", dotted("model.diffusion_model.", parts=AB)),
    Layout("unet prefix", dotted("unet.", unchanged)),
)


def layout(name: str) -> Layout:
    """The layout of that name."""
    return next(item for item in LAYOUTS if item.name == name)
