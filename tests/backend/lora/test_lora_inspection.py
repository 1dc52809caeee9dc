"""What files are, and whether they fit: verdicts against computed models, with no weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from lora_files import (
    DIM,
    RANK,
    TINY_CONFIG,
    diffusion_pipe,
    layer_keys,
    lokr,
    musubi,
    random_tensors,
    write_lora,
    write_safetensors,
)

from backend.errors import LoRAFileError
from backend.lora.architectures import architecture_for, architecture_from_config
from backend.lora.header import read_header
from backend.lora.inspection import LoRAInfo, inspect_lora, judge, validate_tensor_data
from backend.lora.shapes import matrix, mismatch, missing_half
from backend.settings import load_settings

TINY = architecture_from_config("tiny", "Tiny", ("high", "low"), TINY_CONFIG)
ONE = architecture_from_config("one", "One", ("high",), TINY_CONFIG)


@pytest.fixture
def inspect(tmp_path):
    def run(shapes, name="a", metadata=None, **more):
        return inspect_lora(write_lora(tmp_path / f"{name}.safetensors", shapes, metadata), **more)

    return run


def verdict(info, role="both", architecture=TINY):
    return judge({role: info}, "tiny", architecture)


LAYOUTS = {
    "musubi": musubi(),
    "diffusion-pipe": diffusion_pipe(),
    "ai-toolkit": layer_keys("diffusion_model.transformer_1.{m}")
    | layer_keys("diffusion_model.transformer_2.{m}"),
    "videox-fun": layer_keys(
        "lora_unet__{m}", underscored=True, down="lora_down.weight", up="lora_up.weight", alpha=True
    ),
    "kohya-mixed": layer_keys("lora_unet_{m}", down="lora_down.weight", up="lora_up.weight"),
    "diffsynth": layer_keys(
        "{m}", down="lora_A.default.weight", up="lora_B.default.weight", only=["self_attn.q"]
    ),
    "peft": layer_keys("base_model.model.{m}", diffusers=True),
    "lycoris": lokr(),
    "diffusers": layer_keys("transformer.{m}", diffusers=True)
    | layer_keys("transformer_2.{m}", diffusers=True),
    "lightx2v": layer_keys("diffusion_model.{m}", down="lora_down.weight", up="lora_up.weight")
    | {
        "diffusion_model.blocks.0.diff_m": (1, 6, DIM),
        "diffusion_model.blocks.0.self_attn.norm_q.diff": (DIM,),
        "diffusion_model.blocks.0.norm3.diff_b": (DIM,),
        "diffusion_model.patch_embedding.diff": (DIM, 4, 1, 2, 2),
        "diffusion_model.head.head.diff_b": (16,),
        "diffusion_model.head.diff_m": (1, 2, DIM),
    },
}


@pytest.mark.parametrize("dialect", LAYOUTS)
def test_every_layout_fits_completely(inspect, dialect):
    info = inspect(LAYOUTS[dialect])
    assert info.dialects == (dialect,)
    assert info.rank == RANK
    assert info.width == DIM
    assert info.problems == ()
    found = verdict(info)
    assert (found.verdict, found.reasons, found.compatible) == ("fits", (), True)
    for item in found.coverage.values():
        assert item.matched == item.total > 0


def test_the_info_survives_the_catalogue(inspect):
    for shapes in LAYOUTS.values():
        info = inspect(shapes, metadata={"modelspec.trigger_phrase": "a, b"})
        assert LoRAInfo.from_json(info.to_json()) == info
    with pytest.raises(ValueError, match="another version"):
        LoRAInfo.from_json('{"version": 0}')


def test_facts_of_a_file(inspect):
    info = inspect(musubi(), metadata={"ss_output_name": "n", "modelspec.author": "me"})
    assert info.algebras == ("lora",)
    assert info.alpha == RANK / 2
    assert info.ranks == (RANK,)
    assert (info.blocks, info.modules, info.tensors) == (2, 20, 60)
    assert info.dtypes == ("F32",)
    assert (info.description.title, info.description.author) == ("n", "me")
    assert info.parameters == (info.tensor_bytes - 20 * 4) // 4


def test_different_ranks_and_kinds_are_listed(inspect):
    shapes = musubi() | {
        "lora_unet_blocks_0_self_attn_q.lora_down.weight": (2, DIM),
        "lora_unet_blocks_0_self_attn_q.lora_up.weight": (DIM, 2),
        "lora_unet_blocks_0_self_attn_q.dora_scale": (DIM, 1),
        "lora_unet_blocks_0_norm3.diff": (DIM,),
    }
    info = inspect(shapes)
    assert info.ranks == (2, RANK)
    assert info.rank == RANK
    assert info.algebras == ("lora", "dora", "diff")
    assert verdict(info).verdict == "fits"


def test_wrong_width_is_refused_with_the_layer_named(inspect):
    found = verdict(inspect(musubi(dim_scale=2)))
    assert not found.compatible
    assert found.verdict == "no"
    assert "width 32" in found.reasons[0]
    assert "blocks.0.attn1.to_q" in found.reasons[1]
    assert "32×32" in found.reasons[1]
    assert found.coverage["high"].matched == 0


def test_half_a_layer_is_refused_by_name(inspect):
    shapes = musubi()
    del shapes["lora_unet_blocks_1_ffn_0.lora_up.weight"]
    info = inspect(shapes)
    assert info.problems == ("blocks.1.ffn.net.0.proj: lora_down without lora_up",)
    assert not verdict(info).compatible


def test_an_algebra_that_is_not_applied_is_refused_by_name(inspect):
    info = inspect(musubi() | {"lora_unet_blocks_0_self_attn_q.oft_blocks": (2, 8, 8)})
    assert "OFT is not supported" in info.problems[0]
    assert not verdict(info).compatible


def test_two_values_for_one_place_are_refused(inspect):
    info = inspect(musubi() | diffusion_pipe())
    assert "two values for one place" in info.problems[0]
    assert not verdict(info).compatible


def test_image_layers_of_wan21_are_ignored_and_counted(inspect):
    extra = {
        "lora_unet_blocks_1_cross_attn_k_img.lora_down.weight": (RANK, DIM),
        "lora_unet_blocks_1_cross_attn_k_img.lora_up.weight": (DIM, RANK),
        "lora_unet_blocks_1_cross_attn_k_img.alpha": (),
    }
    found = verdict(inspect(musubi() | extra))
    assert found.compatible
    assert found.verdict == "partly"
    assert set(found.ignored) == set(extra)
    assert "3 keys are ignored" in found.reasons[0]
    assert (found.coverage["high"].matched, found.coverage["high"].total) == (20, 21)
    i2v = architecture_from_config(
        "i2v", "I2V", ("high",), {**TINY_CONFIG, "image_dim": 6, "added_kv_proj_dim": DIM}
    )
    assert verdict(inspect(musubi() | extra), architecture=i2v).verdict == "fits"


def test_blocks_that_the_model_lacks_are_ignored_and_unknown_keys_listed(inspect):
    found = verdict(inspect(musubi(blocks=3) | {"mystery.weight": (2, 2)}))
    assert found.verdict == "partly"
    assert len(found.ignored) == 30
    assert "lora_unet_blocks_2_ffn_0.alpha" in found.ignored
    assert found.unknown == ("mystery.weight",)
    assert json.dumps(found.to_dict())


def test_nothing_in_common_is_no(inspect):
    found = verdict(inspect({"mystery.weight": (2, 2)}))
    assert (found.verdict, found.compatible) == ("no", False)
    only = layer_keys("{m}", blocks=1, only=["self_attn.q"])
    moved = {key.replace("blocks.0", "blocks.9"): shape for key, shape in only.items()}
    assert "No layer of the file is in Tiny" in verdict(inspect(moved)).reasons[0]


def test_roles_and_experts_in_a_verdict(inspect):
    info = inspect(musubi())
    found = verdict(info, "high")
    assert found.compatible
    assert (found.coverage["high"].matched, found.coverage["low"].total) == (20, 0)
    assert "nothing for the low-noise expert" in found.reasons[0]
    assert verdict(info, "low", ONE).verdict == "fits"
    keyed = inspect(layer_keys("diffusion_model.transformer_2.{m}"))
    lonely = judge({"both": keyed}, "one", ONE)
    assert not lonely.compatible
    pair = judge({"high": info, "low": info}, "tiny", TINY)
    assert pair.coverage["low"].matched == 20


def test_real_models_tell_families_apart(inspect):
    settings = load_settings()
    wide = {
        f"diffusion_model.blocks.{n}.self_attn.{name}.lora_{half}.weight": shape
        for n in (0, 29)
        for name in ("q", "v")
        for half, shape in (("A", (2, 5120)), ("B", (5120, 2)))
    }
    info = inspect(wide)
    assert info.family == "wan-14B"
    fits = [m for m in settings.models if m != "demo"]
    fits = [m for m in fits if judge({"both": info}, m, architecture_for(settings, m)).compatible]
    assert fits == ["t2v-A14B", "i2v-A14B"]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("style_HIGH", "high"), ("style_low", "low"), ("style-H", "high"), ("style-L", "low"),
        ("high_noise_model", "high"), ("StyleHighNoise_v2", "high"), ("w22_HIGH_style_14B", "high"),
        ("style_LOWNOISE", "low"), ("wan2.2_t2v_high_noise_lora_rank64_4step", "high"),
        ("style_high_low", "both"), ("HIGH_low_noise", "low"), ("low_noise_low_step", "low"),
        ("lowvram_style", "both"), ("low_angle_shot", "both"), ("low_cfg", "both"),
        ("low_res_fix", "both"), ("low_step_distill", "both"), ("lowStep", "both"),
        ("style", "both"), ("flow_matching", "both"), ("highlights", "both"), ("slowmo", "both"),
        ("high_heels", "both"), ("style_HIGH_step_2000", "high"), ("style_HIGH_rank32", "high"),
        ("Hollow-Knight", "both"), ("L", "both"),
    ],
)  # fmt: skip
def test_role_from_the_name(inspect, name, role):
    info = inspect(musubi(), name=name, name_hint=f"{name}.safetensors")
    assert info.expert == role, info.expert_evidence


def test_evidence_counts_in_its_order(inspect):
    high = layer_keys("diffusion_model.transformer_1.{m}")
    meta = {"modelspec.timestep_range": "0,875", "ss_sd_model_name": "wan_high_noise.safetensors"}
    hint = "high_noise/style_HIGH.safetensors"
    by_keys = inspect(high, name="style_low", metadata=meta)
    assert by_keys.expert == "high"
    assert "keys" in by_keys.expert_evidence
    by_range = inspect(musubi(), metadata=meta, name_hint=hint)
    assert by_range.expert == "low"
    assert "0,875" in by_range.expert_evidence
    del meta["modelspec.timestep_range"]
    assert inspect(musubi(), metadata=meta, name_hint="a_low.safetensors").expert == "high"
    assert inspect(musubi(), name_hint="low_noise/a.safetensors").expert == "low"
    assert inspect(musubi(), name_hint="low_noise/a_HIGH.safetensors").expert == "high"
    whole = {"modelspec.timestep_range": "0,1000"}
    assert inspect(musubi(), metadata=whole, name_hint="a_HIGH.safetensors").expert == "both"


def test_scale_from_peft_configuration(tmp_path):
    folder = tmp_path / "adapter"
    path = write_lora(folder / "adapter_model.safetensors", layer_keys("base_model.model.{m}"))
    assert inspect_lora(path).scaling.factor("blocks.0.attn1.to_q", 4, None) == 1.0
    config = {"r": 4, "lora_alpha": 8, "use_rslora": True, "alpha_pattern": {"self_attn.k": 2}}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    scaling = inspect_lora(path).scaling
    assert scaling.factor("blocks.0.attn1.to_q", 4, None) == 8 / 2
    assert scaling.factor("blocks.0.attn1.to_q", 4, 2.0) == 0.5
    assert scaling.factor("blocks.0.attn1.to_q", None, 2.0) == 1.0
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(LoRAFileError, match="configuration cannot be understood"):
        inspect_lora(path)


def test_scale_from_diffusers_metadata(inspect):
    text = json.dumps({"transformer.r": 4, "transformer.lora_alpha": 8})
    info = inspect(layer_keys("transformer.{m}"), metadata={"lora_adapter_metadata": text})
    assert info.scaling.factor("blocks.0.attn1.to_q", 4, None) == 2.0


SHAPES = {
    "linear": ({"lora_down": (4, 6), "lora_up": (8, 4)}, (8, 6)),
    "conv": ({"lora_down": (4, 3, 1, 2, 2), "lora_up": (8, 4, 1, 1, 1)}, (8, 12)),
    "tucker": (
        {"lora_down": (4, 3, 1, 1, 1), "lora_mid": (4, 4, 1, 2, 2), "lora_up": (8, 4, 1, 1, 1)},
        (8, 12),
    ),
    "loha": (
        {f"hada_w{n}_{h}": s for n in "12" for h, s in (("a", (8, 2)), ("b", (2, 6)))},
        (8, 6),
    ),
    "lokr": ({"lokr_w1": (2, 3), "lokr_w2": (4, 2)}, (8, 6)),
    "lokr factors": (
        {"lokr_w1_a": (2, 1), "lokr_w1_b": (1, 3), "lokr_w2_a": (4, 1), "lokr_w2_b": (1, 2)},
        (8, 6),
    ),
    "lokr tucker": (
        {"lokr_w1": (2, 1), "lokr_t2": (2, 2, 1, 2, 2), "lokr_w2_a": (2, 4), "lokr_w2_b": (2, 3)},
        (8, 12),
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_of_products(kind):
    shapes, wanted = SHAPES[kind]
    assert missing_half(shapes) is None
    assert matrix(shapes) == wanted
    assert mismatch(shapes, wanted, None) is None
    assert mismatch(shapes, (wanted[0] + 1, wanted[1]), None)
    for part in shapes:
        assert missing_half({k: v for k, v in shapes.items() if k != part}) or part in (
            "lora_mid",
            "lokr_t2",
        )


@pytest.mark.parametrize(
    ("shapes", "match"),
    [
        ({"lora_down": (4, 6), "lora_up": (8, 5)}, "ranks differ"),
        ({"lora_down": (4,), "lora_up": (8, 4)}, "must be matrices"),
        ({"diff": (7, 6)}, "diff has 7×6"),
        ({"diff_b": (9,)}, "diff_b has 9"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "lora_up_bias": (7,)}, "bias has 7"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "dora_scale": (7,)}, "dora_scale has 7"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "alpha": (2,)}, "alpha has 2"),
        ({"dora_scale": (8,)}, "without the weights"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "lokr_w1": (1, 1)}, "on one layer"),
        ({"lokr_w1": (2, 2), "lokr_w1_a": (2, 1), "lokr_w2": (4, 3)}, "both full"),
    ],
)
def test_shapes_that_do_not_fit(shapes, match):
    assert match in mismatch(shapes, (8, 6), (8,))


def test_data_must_be_finite_and_not_all_zero(tmp_path):
    def check(tensors):
        path = write_safetensors(tmp_path / "d.safetensors", tensors)
        validate_tensor_data(path, read_header(path))

    good = random_tensors(musubi())
    check(good)
    key = "lora_unet_blocks_1_ffn_2.lora_up.weight"
    for bad in (np.nan, np.inf, -np.inf):
        broken = {**good, key: good[key].copy()}
        broken[key][-1, -1] = bad
        with pytest.raises(LoRAFileError, match="not finite") as caught:
            check(broken)
        assert caught.value.context["tensor"] == key
        with pytest.raises(LoRAFileError, match="not finite"):
            check({"a": np.array([1, bad], np.float16)})
    with pytest.raises(LoRAFileError, match="not finite"):
        check({"a": np.array([0x3F80, 0xFF81], np.uint16)})  # bf16: 1.0, NaN
    check({"a": np.array([0x3F80, 0x8000], np.uint16)})
    zeros = {k: v if k.endswith("alpha") else np.zeros_like(v) for k, v in good.items()}
    with pytest.raises(LoRAFileError, match="all weights are zero"):
        check(zeros)
    with pytest.raises(LoRAFileError, match="all weights are zero"):
        check({"a": np.array([-0.0], np.float32)})


@pytest.mark.parametrize(("dtype", "nan"), [("F8_E4M3", 0xFF), ("F8_E5M2", 0x7D)])
def test_float8_data(tmp_path, dtype, nan):
    for value, fine in ((0x38, True), (nan, False)):
        header = {"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}}
        raw = json.dumps(header).encode()
        path = tmp_path / "f8.safetensors"
        path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes([0x10, value]))
        if fine:
            validate_tensor_data(path, read_header(path))
        else:
            with pytest.raises(LoRAFileError, match="not finite"):
                validate_tensor_data(path, read_header(path))
