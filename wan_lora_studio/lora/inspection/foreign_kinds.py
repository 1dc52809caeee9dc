"""Foreign kinds: names for what keys hold that is not applied here.

Other algebras, quantised factors, layers of Wan's variants, other models.

Sources: peft's tuners (`adapter_layer_names`), LyCORIS' modules, ComfyUI's and quanto's
quantisation, the state dicts of the models named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wan_lora_studio.texts import say

FOR_TEXT_ENCODER = say("lora.inspection.foreign.for_text_encoder")
LOOKED_AT = 2000  # keys of a file that are looked at to name its model

_TEXT_ENCODER = re.compile(
    r"(?:lora_te\d*_|text_encoders?(?:_\d)?[._]|lycoris_te|te\d?\.|(?:base_model\.model\.)?"
    r"(?:umt5|t5|clip_[lg])[._]|cond_stage_model\.|conditioner\.)"
    # T5's own names, and CLIP's, whatever is before them
    r"|.*(?:^|[._])(?:encoder[._]block[._]\d+[._]layer|text_model[._]encoder)[._]"
)


@dataclass(frozen=True)
class Kind:
    """An algebra or a way of storing, told by how a key ends; `dims`: and by the tensor's axes."""

    name: str
    ending: re.Pattern[str]
    dims: int | None = None


def _kind(name: str, ending: str, dims: int | None = None) -> Kind:
    return Kind(name, re.compile(ending), dims)


_PEFT: Mapping[str, str] = MappingProxyType({
    "adamss_": "AdaMSS", "adaption_": say("lora.inspection.foreign.kind.adaption_prompt"),
    "beft_": "BEFT", "bone_": "Bone", "c3a_kernel": "C3A", "deft_": "DEFT", "delora_": "DeLoRA",
    "fourierft_": "FourierFT",
    "frod_": "FroD", "gralora_": "GraLoRA", "hira_": "HiRA", "hra_": "HRA", "lily_": "Lily",
    "ln_tuning_": "LN tuning", "lora_bone": "Bone", "lora_ga_": "LoRA-GA", "miss_": "MiSS",
    "osf_": "OSF", "_osf_": "OSF", "peanut_": "PEANuT", "poly_": "Poly", "psoft_": "PSOFT",
    "pvera_": "PVeRA", "randlora_": "RandLoRA", "road_": "RoAd", "shira_": "SHiRA",
    "supertuning_": "SuperTuning", "tinylora_": "TinyLoRA",
    "trainable_tokens_": say("lora.inspection.foreign.kind.tokens"),
    "unilora_": "Uni-LoRA", "vblora_": "VB-LoRA", "vera_": "VeRA", "waveft_": "WaveFT",
    "xlora_": "X-LoRA",
})  # fmt: skip
FLOAT8_SCALED = say("lora.inspection.foreign.kind.scaled_float8")
FLOAT8_LOST = say("lora.inspection.foreign.kind.float8_lost")
WHOLE = say("lora.inspection.foreign.kind.whole_layer")
WHOLE_MODEL = 100  # keys of that kind and of no other: a model rather than a LoRA

# A file with one of these on a layer is refused by that name: leaving the part out would apply
# half of what was trained. The first that fits counts.
KINDS: tuple[Kind, ...] = (
    _kind(say("lora.inspection.foreign.kind.quanto"), r"\._(?:data|scale|shift)$"),
    _kind(
        say("lora.inspection.foreign.kind.bitsandbytes"),
        r"\.(?:SCB|absmax|quant_map|nested_absmax|nested_quant_map|weight_format)$"
        r"|\.quant_state\.",
    ),
    _kind(
        say("lora.inspection.foreign.kind.four_bits"), r"\.(?:qweight|qzeros|wscales|wzeros|g_idx)$"
    ),
    _kind(
        FLOAT8_SCALED,
        r"\.(?:scale_weight|weight_scale(?:_\d|_inv)?|scale_inv)$",
    ),
    _kind(FLOAT8_LOST, r"\.comfy_quant$|(?:^|\.)scaled_fp8$"),
    _kind(say("lora.inspection.foreign.kind.stand_in"), r"\.[qkvo]_loras?\.(?:down|up)\b"),
    _kind("T-LoRA", r"\.(?:q_layer|p_layer|lambda_layer|base_[qp]|base_lambda)(?:\.|$)"),
    _kind("BOFT", r"\.oft_(?:blocks|diag)$", dims=4),
    _kind("BOFT", r"\.boft_\w+(?:\.|$)"),
    _kind("OFT", r"\.oft_(?:blocks|diag|[rRsS]|embedding_R)(?:\.|$)"),
    _kind("GLoRA", r"\.(?:a1|a2|b1|b2|bm1|bm2)\.weight$|\.glora_[A-E](?:\.|$)"),
    _kind("IA3", r"\.ia3_l(?:\.|$)|\.on_input$"),
    _kind(say("lora.inspection.foreign.kind.replaced_weight"), r"\.(?:set_weight|reshape_weight)$"),
    _kind("AdaLoRA", r"\.lora_E(?:\.|$)|\.ranknum(?:\.|$)"),
    _kind(say("lora.inspection.foreign.kind.embedding"), r"\.\w*lora_embedding_[AB](?:\.|$)"),
    _kind(say("lora.inspection.foreign.kind.mlx"), r"\.lora_[ab]$"),
    _kind(
        say("lora.inspection.foreign.kind.mixture"),
        r"\.lora_(?:router|experts?|route)\b|\.experts\.\d+\.lora_",
    ),
    *(
        _kind(name, rf"\.{re.escape(prefix)}\w*(?:\.[^.]+)?(?:\.weight|\.bias)?$")
        for prefix, name in _PEFT.items()
    ),
)
_ANY_KIND = re.compile("|".join(f"(?:{kind.ending.pattern})" for kind in KINDS))
# What lies beside the keys of such a kind, and belongs to it: LyCORIS writes an IA3 as `weight` and
# `on_input`, an OFT with a `rescale`; quantisers add scales of the inputs.
_BESIDE = re.compile(r"\.(?:rescale|input_scale|output_scale|scale_input)$")


def text_encoder(key: str) -> bool:
    """Whether the key is of a text encoder, which nothing here changes."""
    return _TEXT_ENCODER.match(key) is not None


# Layers that variants of Wan have beyond the models that are served here.
VARIANTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"(?:^|[._])(?:{pattern})(?:[._]|$)"))
    for name, pattern in (
        ("VACE", r"vace(?:_blocks|_patch_embedding)?"),
        ("Wan2.2-Animate", r"face_adapter|face_encoder|motion_encoder|pose_patch_embedding"),
        (
            "Wan2.2-S2V",
            r"audio_injector|casual_audio_encoder|trainable_cond_mask|frame_packer|cond_encoder",
        ),
        ("Fun-Control", r"control_adapter|ref_conv"),
        (
            say("lora.inspection.foreign.variant.audio"),
            r"audio_proj|audio_cross_attn|audio_model|norm_x",
        ),
        ("ReCamMaster", r"cam_encoder|cam_self_attn"),
        ("UniAnimate", r"dwpose_embedding|randomref_embedding_pose"),
        (
            say("lora.inspection.foreign.variant.ip_adapter"),
            r"ip_adapter|ref_adapter|to_[kv]_ip|[kv]_ip|ip_image_proj",
        ),
        ("SkyReels-V2", r"fps_embedding|fps_projection"),
        ("FlashVSR", r"LQ_proj_in"),
    )
)
_ANY_VARIANT = re.compile("|".join(layer.pattern for _, layer in VARIANTS))
# Other models, by layers that Wan does not have. The first that fits counts.
MODELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (
            say("lora.inspection.foreign.model.controlnet"),
            r"controlnet|input_hint_block|zero_convs?[._]|control_blocks",
        ),
        (
            say("lora.inspection.foreign.model.stable_diffusion"),
            r"(?:^|[._])(?:down_blocks|up_blocks|mid_block|input_blocks|middle_block|output_blocks)"
            r"[._]",
        ),
        ("Qwen-Image", r"transformer_blocks[._]\d+[._](?:img|txt)_(?:mlp|mod)"),
        (
            say("lora.inspection.foreign.model.flux"),
            r"(?:^|[._])(?:double_blocks|single_(?:transformer_)?blocks)[._]",
        ),
        ("Kandinsky 5", r"(?:visual|text)_transformer_blocks[._]"),
        ("Stable Diffusion 3", r"joint_blocks[._]"),
        (
            say("lora.inspection.foreign.model.ltx"),
            r"transformer_blocks[._]\d+[._](?:audio_)?attn[12][._]",
        ),
        (
            say("lora.inspection.foreign.model.joint_attention"),
            r"transformer_blocks[._]\d+[._](?:attn|ff|norm)",
        ),
        (
            say("lora.inspection.foreign.model.lumina"),
            r"(?:noise|context)_refiner[._]|layers[._]\d+[._](?:attention|adaLN)",
        ),
        (
            say("lora.inspection.foreign.model.language"),
            r"(?:^|[._])layers[._]\d+[._](?:self_attn|mlp)[._](?:[qkvo]|gate|up|down)_proj",
        ),
        ("Cosmos", r"blocks[._]\d+[._](?:(?:self|cross)_attn[._](?:[qkv]|output)_proj|adaln_mod)"),
        ("LongCat-Video", r"___lorahyphen___"),
        (
            say("lora.inspection.foreign.model.vae"),
            r"^(?:first_stage_model|vae|encoder|decoder)[._]",
        ),
        (
            say("lora.inspection.foreign.model.text_embedding"),
            r"^(?:emb_params|string_to_param|clip_[lg]|t5xxl)\b",
        ),
    )
)


def variant_reason(key: str) -> str | None:
    """Why a key of a variant's layer is ignored; None if it is of none that is known."""
    if _ANY_VARIANT.search(key) is None:
        return None
    name = next((name for name, layer in VARIANTS if layer.search(key)), None)
    return say("lora.inspection.foreign.for_variant", model=name) if name else None


def unsupported_kinds(
    unknown: Iterable[str],
    dims: Callable[[str], int],
    is_whole: Callable[[str], bool],
    *,
    readable: bool,
) -> list[str]:
    """Why a file with these unknown keys cannot be applied: what it holds that no algebra here
    can apply, each with the number of its keys and an example.

    `dims`: the number of a key's axes. `is_whole`: whether a key is a layer's own weight.
    `readable`: whether the file has layers that can be read.
    """
    kinds: dict[str, list[str]] = {}
    layers: dict[str, str] = {}
    rest = []
    for key in unknown:
        kind, layer = kind_of(key, dims)
        if kind:
            kinds.setdefault(kind, []).append(key)
            layers[layer] = kind
        else:
            rest.append(key)
    for key in rest:
        kind, whole = layers.get(key.rpartition(".")[0], ""), is_whole(key)
        if kind and (whole or _BESIDE.search(key)):
            kinds[kind].append(key)
        elif whole:
            kinds.setdefault(WHOLE, []).append(key)
    if FLOAT8_SCALED in kinds and FLOAT8_LOST in kinds:
        kinds[FLOAT8_SCALED] += kinds.pop(FLOAT8_LOST)
    if kinds.keys() == {WHOLE} and len(kinds[WHOLE]) >= WHOLE_MODEL and not readable:
        return [say("lora.inspection.foreign.whole_model", example=kinds[WHOLE][0])]
    return [
        say("lora.inspection.foreign.not_supported", kind=kind, count=len(keys), example=keys[0])
        for kind, keys in kinds.items()
    ]


def kind_of(key: str, dims: Callable[[str], int] = lambda key: 0) -> tuple[str, str]:
    """(the kind that the key is of, the layer before its ending); two empty texts if none."""
    if _ANY_KIND.search(key) is None:  # most keys are of none, which one search tells
        return "", ""
    for kind in KINDS:
        match = kind.ending.search(key)
        if match and (kind.dims is None or kind.dims == dims(key)):
            return kind.name, key[: match.start()]
    return "", ""


def why_unreadable(
    ignored: Mapping[str, str], unknown: Iterable[str], names_block: Callable[[str], bool]
) -> str:
    """What a file is of which no layer can be read, with an example of its keys.

    `names_block`: whether a key is of a block of a Wan transformer.
    """
    keys = list(unknown)[:LOOKED_AT]
    if not keys and ignored:
        return _why_all_ignored(*next(iter(ignored.items())))
    for name, layer in MODELS:
        if found := next(filter(layer.search, keys), None):
            return say("lora.inspection.foreign.another_model", model=name, example=found)
    named = next(filter(names_block, keys), None)
    if named:
        return say("lora.inspection.foreign.unknown_layout", example=named)
    if not keys:
        return say("lora.inspection.foreign.no_layer")
    return say("lora.inspection.foreign.no_layer_in_keys", example=repr(keys[0]))


def _why_all_ignored(key: str, reason: str) -> str:
    if reason == FOR_TEXT_ENCODER:
        return say("lora.inspection.foreign.only_text_encoder", example=key)
    return say("lora.inspection.foreign.all_ignored", reason=reason, example=key)
