"""Every key layout of the wild, read key by key, alone and mixed in one file."""

from __future__ import annotations

import pytest

from tests.support.loras.files import diffusion_pipe, layer_keys, lokr, musubi
from wan_lora_studio.lora.inspection.dialects import DIALECTS, read_keys
from wan_lora_studio.lora.inspection.layer_names import (
    DIFFUSERS_BLOCK,
    DIFFUSERS_ROOT,
    ORIGINAL_BLOCK,
    ORIGINAL_ROOT,
    resolve_dotted,
    resolve_underscored,
)
from wan_lora_studio.lora.inspection.part_names import FORMS

Q = "blocks.3.attn1.to_q"

# key → (module, part, expert, dialect)
TABLE = {
    # diffusers / PEFT
    "transformer.blocks.3.attn1.to_q.lora_A.weight": (Q, "lora_down", None, "diffusers"),
    "transformer.blocks.3.attn1.to_q.lora_B.weight": (Q, "lora_up", None, "diffusers"),
    "transformer.blocks.3.attn1.to_q.lora_B.bias": (Q, "lora_up_bias", None, "diffusers"),
    "transformer_2.blocks.3.attn1.to_q.lora_A.weight": (Q, "lora_down", "low", "diffusers"),
    "blocks.3.attn1.to_q.lora_A.weight": (Q, "lora_down", None, "diffusers"),
    "transformer.condition_embedder.time_proj.lora_A.weight": (
        "condition_embedder.time_proj", "lora_down", None, "diffusers"),
    # diffusion-pipe
    "diffusion_model.blocks.3.self_attn.q.lora_A.weight": (Q, "lora_down", None, "diffusion-pipe"),
    "diffusion_model.blocks.3.attn1.to_q.lora_A.weight": (Q, "lora_down", None, "diffusion-pipe"),
    "model.diffusion_model.blocks.3.self_attn.q.lora_B.weight": (
        Q, "lora_up", None, "diffusion-pipe"),
    "diffusion_model.blocks.39.ffn.0.lora_A.weight": (
        "blocks.39.ffn.net.0.proj", "lora_down", None, "diffusion-pipe"),
    # ai-toolkit
    "diffusion_model.transformer_1.blocks.3.self_attn.q.lora_A.weight": (
        Q, "lora_down", "high", "ai-toolkit"),
    "diffusion_model.transformer_2.blocks.3.self_attn.q.lora_B.weight": (
        Q, "lora_up", "low", "ai-toolkit"),
    "diffusion_model.blocks.3.self_attn.q.lokr_w1": (Q, "lokr_w1", None, "ai-toolkit"),
    # musubi-tuner / kohya
    "lora_unet_blocks_3_self_attn_q.lora_down.weight": (Q, "lora_down", None, "musubi"),
    "lora_unet_blocks_3_self_attn_q.lora_up.weight": (Q, "lora_up", None, "musubi"),
    "lora_unet_blocks_3_cross_attn_o.lora_up.weight": (
        "blocks.3.attn2.to_out.0", "lora_up", None, "musubi"),
    "lora_unet_blocks_3_ffn_2.lora_mid.weight": (
        "blocks.3.ffn.net.2", "lora_mid", None, "musubi"),
    "lora_unet_time_embedding_0.lora_down.weight": (
        "condition_embedder.time_embedder.linear_1", "lora_down", None, "musubi"),
    "lora_unet_blocks_3_attn1_to_out_0.lora_down.weight": (
        "blocks.3.attn1.to_out.0", "lora_down", None, "musubi"),
    # kohya, dots and underscores mixed
    "lora_unet_blocks_22.self_attn.k.lora_down.weight": (
        "blocks.22.attn1.to_k", "lora_down", None, "kohya-mixed"),
    # VideoX-Fun
    "lora_unet__blocks_3_ffn_0.lora_up.weight": (
        "blocks.3.ffn.net.0.proj", "lora_up", None, "videox-fun"),
    # DiffSynth-Studio
    "blocks.3.self_attn.q.lora_A.default.weight": (Q, "lora_down", None, "diffsynth"),
    "pipe.dit.blocks.3.self_attn.q.lora_B.default.weight": (Q, "lora_up", None, "diffsynth"),
    "pipe.dit2.blocks.3.self_attn.q.lora_B.default.weight": (Q, "lora_up", "low", "diffsynth"),
    "dit.blocks.3.self_attn.q.lora_A.weight": (Q, "lora_down", None, "diffsynth"),
    # PEFT export
    "base_model.model.blocks.3.self_attn.q.lora_A.weight": (Q, "lora_down", None, "peft"),
    "base_model.model.blocks.3.attn1.to_q.lora_B.weight": (Q, "lora_up", None, "peft"),
    "base_model.model.diffusion_model.blocks.3.self_attn.q.lora_B.weight": (
        Q, "lora_up", None, "peft"),
    # LyCORIS
    "lycoris_blocks_3_self_attn_q.lokr_w2_a": (Q, "lokr_w2_a", None, "lycoris"),
    "lycoris_blocks_3_attn1_to_q.lokr_w2_b": (Q, "lokr_w2_b", None, "lycoris"),
    "lycoris_time_projection_1.hada_w1_a": (
        "condition_embedder.time_proj", "hada_w1_a", None, "lycoris"),
    "lycoris_patch_embedding.hada_t1": ("patch_embedding", "hada_t1", None, "lycoris"),
    "lycoris_blocks_3_norm3.w_norm": ("blocks.3.norm2", "diff", None, "lycoris"),
    "lycoris_blocks_3_norm3.b_norm": ("blocks.3.norm2", "diff_b", None, "lycoris"),
    "lycoris_patch_embedding.lokr_t2": ("patch_embedding", "lokr_t2", None, "lycoris"),
    "diffusion_model.blocks.3.self_attn.q.hada_w2_b": (Q, "hada_w2_b", None, "lycoris"),
    # LightX2V, Lightning
    "diffusion_model.blocks.3.self_attn.q.lora_down.weight": (Q, "lora_down", None, "lightx2v"),
    "diffusion_model.blocks.3.self_attn.q.diff_b": (Q, "diff_b", None, "lightx2v"),
    "diffusion_model.blocks.3.self_attn.norm_q.diff": (
        "blocks.3.attn1.norm_q", "diff", None, "lightx2v"),
    "diffusion_model.blocks.3.diff_m": ("blocks.3.scale_shift_table", "diff", None, "lightx2v"),
    "diffusion_model.blocks.3.modulation.diff": (
        "blocks.3.scale_shift_table", "diff", None, "lightx2v"),
    "diffusion_model.head.diff_m": ("scale_shift_table", "diff", None, "lightx2v"),
    "diffusion_model.head.head.diff": ("proj_out", "diff", None, "lightx2v"),
    "diffusion_model.patch_embedding.diff": ("patch_embedding", "diff", None, "lightx2v"),
    "diffusion_model.img_emb.proj.1.lora_down.weight": (
        "condition_embedder.image_embedder.ff.net.0.proj", "lora_down", None, "lightx2v"),
    "diffusion_model.blocks.3.cross_attn.k_img.lora_up.weight": (
        "blocks.3.attn2.add_k_proj", "lora_up", None, "lightx2v"),
    # DoRA
    "transformer.blocks.3.attn1.to_q.dora_scale": (Q, "dora_scale", None, "diffusers"),
    "base_model.model.blocks.3.attn1.to_q.lora_magnitude_vector": (Q, "dora_scale", None, "peft"),
    "base_model.model.blocks.3.attn1.to_q.lora_magnitude_vector.default.weight": (
        Q, "dora_scale", None, "peft"),
    # old diffusers
    "unet.blocks.3.attn1.to_q.lora.down.weight": (Q, "lora_down", None, "diffusers-old"),
    "transformer.blocks.3.attn1.to_q.lora.up.weight": (Q, "lora_up", None, "diffusers-old"),
    "blocks.3.attn1.processor.to_out_lora.up.weight": (
        "blocks.3.attn1.to_out.0", "lora_up", None, "diffusers-old"),
    "transformer.blocks.3.attn1.to_q_lora.down.weight": (Q, "lora_down", None, "diffusers-old"),
    # FastVideo: without `.weight`, its own names, the rank
    "transformer.blocks.3.attn1.to_q.lora_A": (Q, "lora_down", None, "diffusers"),
    "blocks.3.to_q.lora_B": (Q, "lora_up", None, "diffusers"),
    "blocks.3.ffn.fc_in.lora_A": ("blocks.3.ffn.net.0.proj", "lora_down", None, "diffusers"),
    "condition_embedder.time_modulation.linear.lora_A": (
        "condition_embedder.time_proj", "lora_down", None, "diffusers"),
    # wrappers, in any order
    "diffusion_model._orig_mod.blocks.3.self_attn.q.lora_A.weight": (
        Q, "lora_down", None, "diffusion-pipe"),
    "module.blocks.3._checkpoint_wrapped_module.attn1.to_q.lora_A.weight": (
        Q, "lora_down", None, "diffusers"),
    "transformer.base_model.model.blocks.3.attn1.to_q.lora_A.weight": (
        Q, "lora_down", None, "peft"),
    "_orig_mod.module.transformer_2.blocks.3.attn1.to_q.lora_A.weight": (
        Q, "lora_down", "low", "diffusers"),
    "lora_unet__orig_mod_blocks_3__checkpoint_wrapped_module_self_attn_q.lora_up.weight": (
        Q, "lora_up", None, "musubi"),
    "lora_unet_diffusion_model__orig_mod_blocks_3_self_attn_q.lora_up.weight": (
        Q, "lora_up", None, "musubi"),
    "lora_transformer_2_blocks_3_attn1_to_q.lora_up.weight": (Q, "lora_up", "low", "kohya"),
    # fused projections
    "diffusion_model.blocks.3.self_attn.to_qkv.lora_A.weight": (
        "blocks.3.attn1.to_qkv", "lora_down", None, "diffusion-pipe"),
    # other prefixes
    "unet.blocks.3.attn1.to_q.lora_A.weight": (Q, "lora_down", None, "diffusers"),
    "lora_transformer_blocks_3_attn1_to_q.lora_up.weight": (Q, "lora_up", None, "kohya"),
}  # fmt: skip


@pytest.mark.parametrize("key", TABLE)
def test_each_key(key: str) -> None:
    (found,) = read_keys([key]).mapped
    assert (found.module, found.part, found.expert, found.dialect) == TABLE[key]
    assert found.key == key


def test_all_layouts_mixed_in_one_file() -> None:
    keys = list(TABLE)
    reading = read_keys(keys)
    assert [m.key for m in reading.mapped] == keys
    assert not reading.unknown
    assert not reading.ignored
    for m in reading.mapped:
        module, part, expert, _ = TABLE[m.key]
        assert (m.module, m.part) == (module, part)
        if expert:
            assert m.expert == expert


def test_every_dialect_is_in_the_table_above() -> None:
    assert {dialect.name for dialect in DIALECTS} == {row[3] for row in TABLE.values()}
    parts = {row[1] for row in TABLE.values()}
    assert {form.part for form in FORMS} - {""} <= parts | {"alpha", "rank", "diff_m"}


def test_plain_transformer_is_high_only_beside_transformer_2() -> None:
    one = "transformer.blocks.0.attn1.to_q.lora_A.weight"
    two = "transformer_2.blocks.0.attn1.to_q.lora_A.weight"
    assert [m.expert for m in read_keys([one]).mapped] == [None]
    assert [m.expert for m in read_keys([one, two]).mapped] == ["high", "low"]
    assert [m.expert for m in read_keys([two]).mapped] == ["low"]


def test_alpha_takes_its_layers_dialect() -> None:
    reading = read_keys(
        [
            "diffusion_model.blocks.0.self_attn.q.alpha",
            "diffusion_model.blocks.0.self_attn.q.lora_A.weight",
            "diffusion_model.blocks.0.self_attn.q.lora_B.weight",
        ]
    )
    assert reading.dialects == ("diffusion-pipe",)
    assert reading.mapped[0].part == "alpha"


def test_the_rank_belongs_to_its_layer() -> None:
    keys = [f"blocks.3.to_q.lora_{part}" for part in ("A", "B", "alpha", "rank")]
    reading = read_keys(keys)
    assert [m.part for m in reading.mapped] == ["lora_down", "lora_up", "alpha", "rank"]
    assert read_keys(keys[2:]).ignored.keys() == set(keys[2:])


def test_orphan_alphas_and_text_encoder_keys_are_ignored_with_a_reason() -> None:
    orphan = "lora_unet_blocks_1_self_attn_q.alpha"
    text = "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"
    reading = read_keys([*musubi(blocks=1), orphan, text])
    assert set(reading.ignored) == {orphan, text}
    assert "no weights" in reading.ignored[orphan]
    assert "text encoder" in reading.ignored[text]
    assert not reading.unknown


@pytest.mark.parametrize(
    "key",
    [
        "blocks.0.self_attn.w.lora_A.weight",
        "blocks.007.self_attn.q.lora_A.weight",
        "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
        "diffusion_model.blocks.0.self_attn.q.weight",
        "diffusion_model.blocks.0.self_attn_q.lora_A.weight",
        "lora_unet_blocks_0_self_attn_q",
        "lora_A.weight",
        ".alpha",
        "anything",
    ],
)
def test_other_keys_are_unknown(key: str) -> None:
    reading = read_keys([key])
    assert reading.unknown == (key,)
    assert not reading.mapped


@pytest.mark.parametrize(
    "key",
    [
        "lora_unet_transformer_blocks_0_attn1_to_q.lora_down.weight",
        "lycoris_transformer_blocks_0_attn1_to_q.lokr_w1",
        "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight",
        "transformer_1.transformer_2.blocks.0.attn1.to_q.lora_A.weight",
        "teacher.blocks.0.attn1.to_q.lora_A.weight",
        "image_encoder.blocks.0.attn1.to_q.lora_A.weight",
        "control_model.blocks.0.attn1.to_q.lora_A.weight",
    ],
)
def test_names_that_only_look_like_wrapped_ones(key: str) -> None:
    assert read_keys([key]).unknown == (key,)


def test_a_variants_layer_is_ignored_by_name_and_counted() -> None:
    added = [f"blocks.{n}.cross_attn.k_ip.lora_{half}.weight" for n in (0, 1) for half in "AB"]
    reading = read_keys([*musubi(blocks=1), *added])
    assert set(reading.ignored) == set(added)
    assert all("an IP adapter" in reason for reason in reading.ignored.values())
    assert reading.unread == {None: 2}


@pytest.mark.parametrize(
    ("key", "module"),
    [
        ("vace_blocks.7.self_attn.q.lora_A.default.weight", "vace_blocks.7.attn1.to_q"),
        ("pipe.vace.vace_blocks.7.ffn.0.lora_A.default.weight", "vace_blocks.7.ffn.net.0.proj"),
        ("transformer.vace_blocks.0.proj_in.lora_A.weight", "vace_blocks.0.proj_in"),
        ("diffusion_model.vace_blocks.0.before_proj.lora_B.weight", "vace_blocks.0.proj_in"),
        ("diffusion_model.vace_blocks.7.after_proj.lora_B.weight", "vace_blocks.7.proj_out"),
        (
            "lora_unet__vace_blocks_7_cross_attn_k_img.lora_up.weight",
            "vace_blocks.7.attn2.add_k_proj",
        ),
        ("lora_unet_vace_blocks_0_after_proj.lora_up.weight", "vace_blocks.0.proj_out"),
        ("lora_unet__vace_patch_embedding.lora_up.weight", "vace_patch_embedding"),
    ],
)
def test_a_layer_of_vace_in_each_naming(key: str, module: str) -> None:
    (found,) = read_keys([key]).mapped
    assert found.module == module


@pytest.mark.parametrize("name", ["before_proj", "proj_in", "after_proj"])
def test_only_blocks_of_vace_have_projections_around_them(name: str) -> None:
    key = f"diffusion_model.blocks.0.{name}.lora_A.weight"
    assert read_keys([key]).unknown == (key,)


def test_a_fused_layer_and_one_of_its_projections_are_a_conflict() -> None:
    first = "blocks.0.attn1.to_qkv.lora_A.weight"
    second = "blocks.0.attn1.to_k.lora_A.weight"
    assert read_keys([first, second]).conflicts == ((first, second),)


def test_two_keys_for_one_place_are_a_conflict() -> None:
    first = "lora_unet_blocks_0_self_attn_q.lora_down.weight"
    second = "blocks.0.self_attn.q.lora_A.weight"
    assert read_keys([first, second]).conflicts == ((first, second),)


def resolved(path: str) -> str | None:
    found = resolve_dotted(path)
    return found[0] if found else None


def test_both_namings_resolve_to_the_same_layers() -> None:
    for block, root in ((ORIGINAL_BLOCK, ORIGINAL_ROOT), (DIFFUSERS_BLOCK, DIFFUSERS_ROOT)):
        for name, target in block.items():
            dotted = f"blocks.12.{name}"
            assert resolved(dotted) == f"blocks.12.{target}"
            assert resolve_underscored(dotted.replace(".", "_")) == f"blocks.12.{target}"
        for name, target in root.items():
            assert resolved(name) == target
            assert resolve_underscored(name.replace(".", "_")) == target


@pytest.mark.parametrize(
    "shapes",
    [
        musubi(),
        diffusion_pipe(),
        lokr(),
        layer_keys("blocks.x{m}"),
        layer_keys("transformer.{m}", diffusers=True),
    ],
)
def test_every_key_ends_in_exactly_one_list(shapes: dict[str, tuple[int, ...]]) -> None:
    reading = read_keys(shapes)
    ended = [m.key for m in reading.mapped] + list(reading.ignored) + list(reading.unknown)
    assert sorted(ended) == sorted(shapes)
