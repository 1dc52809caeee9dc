"""What cannot be applied is called by its name, and counts as layers that were not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.loras.files import DIM, TINY_CONFIG, diffusion_pipe, musubi
from wan_lora_studio.errors import UnsupportedLoRAError
from wan_lora_studio.lora.inspection.architectures import architecture_from_config
from wan_lora_studio.lora.inspection.compatibility import judge
from wan_lora_studio.lora.inspection.dialects import read_keys
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.inspector import require_supported
from wan_lora_studio.lora.inspection.key_wrappers import peel

Inspect = Callable[..., LoRAInfo]
Q = "diffusion_model.blocks.0.self_attn.q"
TINY = architecture_from_config("tiny", "Tiny", ("high", "low"), TINY_CONFIG)

# ending → the name by which it is refused, alone or beside good layers
ALGEBRAS = {
    ".oft_R.weight": "OFT", ".oft_R.default.weight": "OFT", ".oft_blocks": "OFT",
    ".oft_diag": "OFT", ".boft_R": "BOFT", ".boft_s": "BOFT", ".a1.weight": "GLoRA",
    ".glora_A": "GLoRA", ".ia3_l": "IA3", ".ia3_l.default": "IA3", ".on_input": "IA3",
    ".q_layer.weight": "T-LoRA", ".p_layer.weight": "T-LoRA", ".lambda_layer": "T-LoRA",
    ".vera_lambda_b": "VeRA", ".fourierft_spectrum.default": "FourierFT", ".hra_u": "HRA",
    ".miss_block": "MiSS", ".bone_block": "Bone", ".vblora_logits_A": "VB-LoRA",
    ".randlora_lambda": "RandLoRA", ".road_theta": "RoAd", ".shira_weight": "SHiRA",
    ".c3a_kernel": "C3A", ".waveft_spectrum": "WaveFT", ".delora_A": "DeLoRA",
    ".gralora_A.weight": "GraLoRA", ".ln_tuning_layers.weight": "LN tuning",
    ".lora_E": "AdaLoRA", ".lora_embedding_A": "an embedding", ".lora_a": "MLX",
    ".lora_A.weight._data": "quanto", ".lora_A.weight._scale": "quanto",
    ".lora_A.weight.absmax": "bitsandbytes", ".lora_A.qweight": "4 bits",
    ".lora_A.scale_weight": "scaled float8", ".lora_A.weight_scale": "scaled float8",
    ".lora_A.comfy_quant": "float8 whose scales are missing", ".set_weight": "replaced weight",
    ".weight": "replaced as a whole", ".modules_to_save.default.weight": "replaced as a whole",
    ".base_layer.weight": "replaced as a whole",
}  # fmt: skip
STAND_IN = {f"{Q}_loras.{half}.weight": (4, DIM) for half in ("down", "up")}
# keys of files in which nothing can be read → what they are said to be
NOTHING = {
    "vace_blocks.0.mystery.lora_A.weight": "VACE",
    "lora_unet_vace_blocks_0_mystery.lora_down.weight": "VACE",
    "diffusion_model.vace_patch_embedding.mystery.lora_A.weight": "VACE",
    "diffusion_model.face_adapter.fuser_blocks.0.linear1_q.lora_A.weight": "Wan2.2-Animate",
    "blocks.0.audio_cross_attn.q_linear.lora_A.weight": "audio-driven",
    "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": "a text encoder only",
    "text_encoders.umt5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight":
        "a text encoder only",
    "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": "Stable Diffusion or SDXL",
    "unet.up_blocks.1.attentions.0.proj_in.lora_A.weight": "Stable Diffusion or SDXL",
    "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": "Flux or HunyuanVideo",
    "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": "Flux or HunyuanVideo",
    "transformer.transformer_blocks.0.img_mlp.net.2.lora_A.weight": "Qwen-Image",
    "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": "LTX-Video or CogVideoX",
    "diffusion_model.joint_blocks.0.x_block.attn.qkv.lora_A.weight": "Stable Diffusion 3",
    "diffusion_model.layers.0.attention.to_q.lora_A.weight": "Z-Image or Lumina",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": "a language model",
    "controlnet.input_hint_block.0.lora_down.weight": "a ControlNet",
    "diffusion_model.blocks.0.self_attn.mystery.lora_A.weight": "name layers of a Wan",
    "lora_unet_blocks_0_mystery.lora_down.weight": "name layers of a Wan",
    "lora_wan_blocks_0_self_attn_q.lora_down.weight": "name layers of a Wan",
    "teacher.blocks.0.self_attn.q.lora_A.weight": "name layers of a Wan",
    "diffusion_model.blocks.0.self_attn.q.mystery": "name layers of a Wan",
    "encoder.block.0.layer.0.SelfAttention.q.lora_A.weight": "a text encoder only",
    "base_model.model.text_model.encoder.layers.0.mlp.fc1.lora_A.weight": "a text encoder only",
    "anything.lora_A.weight": "no key names a layer of a Wan transformer",
}  # fmt: skip


def refusal(info: LoRAInfo) -> str:
    with pytest.raises(UnsupportedLoRAError) as caught:
        require_supported(info, "a.safetensors")
    assert caught.value.suggestions
    return caught.value.message


@pytest.mark.parametrize("ending", ALGEBRAS)
def test_an_algebra_alone(inspect: Inspect, ending: str) -> None:
    assert ALGEBRAS[ending] in refusal(inspect({Q + ending: (4, DIM)}))


@pytest.mark.parametrize("ending", ALGEBRAS)
def test_an_algebra_on_one_layer_refuses_the_file(inspect: Inspect, ending: str) -> None:
    good = {key: shape for key, shape in diffusion_pipe().items() if not key.startswith(Q)}
    info = inspect(good | {Q + ending: (4, DIM)})
    assert ALGEBRAS[ending] in refusal(info)
    found = judge({"both": info}, "tiny", TINY)
    assert found.verdict == "no"
    assert (found.coverage["high"].matched, found.coverage["high"].total) == (19, 20)


def test_stand_in(inspect: Inspect) -> None:
    assert "Stand-In" in refusal(inspect(STAND_IN))
    assert "Stand-In" in refusal(inspect(diffusion_pipe() | STAND_IN))


def test_a_boft_is_told_from_an_oft_by_its_axes(inspect: Inspect) -> None:
    layer = "lora_unet_blocks_0_self_attn_q"
    boft = {f"{layer}.oft_blocks": (2, 2, 4, 4), f"{layer}.rescale": (DIM, 1)}
    assert "BOFT is not supported (2 keys" in refusal(inspect(boft))
    assert "a.safetensors: OFT is" in refusal(inspect({f"{layer}.oft_blocks": (2, 8, 8)}))


@pytest.mark.parametrize("key", NOTHING)
def test_a_file_of_which_nothing_can_be_read(inspect: Inspect, key: str) -> None:
    message = refusal(inspect({key: (4, DIM)}))
    assert NOTHING[key] in message
    assert key in message
    names_none = "no key names a layer of a Wan transformer"
    assert (names_none in message) == (NOTHING[key] == names_none)


@pytest.mark.parametrize("key", NOTHING)
def test_beside_good_layers_it_is_counted(inspect: Inspect, key: str) -> None:
    info = inspect(musubi() | {key: (4, DIM)})
    require_supported(info, "a.safetensors")
    found = judge({"both": info}, "tiny", TINY)
    assert (found.verdict, found.coverage["high"].matched) == ("partly", 20)
    named = NOTHING[key] != "a text encoder only" and not key.endswith("q.mystery")
    assert found.coverage["high"].total == 20 + named
    assert key in (*found.ignored, *found.unknown)


AROUND = st.lists(
    st.sampled_from(["_orig_mod", "module", "model", "diffusion_model", "base_model", "unet"]),
    max_size=4,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(around=AROUND, ending=st.sampled_from(sorted(ALGEBRAS)))
def test_an_algebra_within_any_wrappers(inspect: Inspect, around: list[str], ending: str) -> None:
    key = ".".join([*around, f"blocks.1.cross_attn.k{ending}"])
    info = inspect(musubi(blocks=1) | {key: (4, DIM)})
    assert ALGEBRAS[ending] in refusal(info)
    found = judge({"both": info}, "tiny", TINY)
    assert (found.coverage["high"].matched, found.coverage["high"].total) == (10, 11)


def test_a_whole_model(inspect: Inspect) -> None:
    names = ("self_attn.q", "self_attn.k", "cross_attn.v", "ffn.0")
    keys = {
        f"model.diffusion_model.blocks.{block}.{name}.weight": (4, 4)
        for block in range(30)
        for name in names
    }
    assert "it is a whole model, not a LoRA" in refusal(inspect(keys))


def test_half_of_the_layers_unreadable(inspect: Inspect) -> None:
    odd = {key.replace("self_attn", "self_attention"): shape for key, shape in musubi().items()}
    found = judge({"both": inspect(odd)}, "tiny", TINY)
    assert found.verdict == "partly"
    assert (found.coverage["high"].matched, found.coverage["high"].total) == (12, 20)


def test_unread_layers_of_one_expert_count_there(inspect: Inspect) -> None:
    keys = {
        f"diffusion_model.transformer_{n}.blocks.0.self_attn.q.lora_{half}.weight": (4, DIM)
        if half == "A"
        else (DIM, 4)
        for n in (1, 2)
        for half in "AB"
    }
    odd = "diffusion_model.transformer_2.blocks.0.mystery.lora_A.weight"
    coverage = judge({"both": inspect(keys | {odd: (4, DIM)})}, "tiny", TINY).coverage
    assert (coverage["high"].total, coverage["low"].total) == (1, 2)


def test_every_method_of_peft_has_a_name(tmp_path: Path, inspect: Inspect) -> None:
    """Each tuner's own parameters are known, readable or not."""
    import importlib
    import pkgutil

    import peft.tuners

    names = set()
    for module in pkgutil.iter_modules(peft.tuners.__path__):
        try:
            layer = importlib.import_module(f"peft.tuners.{module.name}.layer")
        except ModuleNotFoundError:
            continue
        for item in vars(layer).values():
            names |= set(getattr(item, "adapter_layer_names", ()) or ())
    assert len(names) > 50
    for name in sorted(names):
        info = inspect({f"{Q}.{name}": (4, DIM)})
        assert info.layers or info.problems, name


@pytest.mark.parametrize(
    "key",
    ["model_" * 50_000, "module." * 50_000, "lora_unet_" + "_orig_mod" * 50_000, ".hra_" * 50_000],
    ids=["holders", "wrappers", "flattened", "a method"],
)
def test_a_name_without_end_is_no_layer(key: str) -> None:
    assert peel(key) is None
    assert read_keys([f"{key}x.lora_A.weight"]).unknown
