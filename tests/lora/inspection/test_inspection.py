"""What files are, and whether they fit: verdicts against computed models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.loras.files import (
    DIM,
    RANK,
    TINY_CONFIG,
    diffusion_pipe,
    layer_keys,
    lokr,
    musubi,
    random_tensors,
    write_lora,
    write_raw,
    write_safetensors,
)
from wan_lora_studio.errors import LoRAFileError, UnsupportedLoRAError
from wan_lora_studio.lora.inspection.architectures import (
    Architecture,
    architecture_for,
    architecture_from_config,
)
from wan_lora_studio.lora.inspection.compatibility import Compatibility, judge
from wan_lora_studio.lora.inspection.info import Form, LoRAInfo
from wan_lora_studio.lora.inspection.inspector import FormCache, inspect_lora
from wan_lora_studio.settings import load_settings

TINY = architecture_from_config("tiny", "Tiny", ("high", "low"), TINY_CONFIG)
ONE = architecture_from_config("one", "One", ("high",), TINY_CONFIG)


def verdict(info: LoRAInfo, role: str = "both", architecture: Architecture = TINY) -> Compatibility:
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
def test_every_layout_fits_completely(inspect: Callable[..., LoRAInfo], dialect: str) -> None:
    info = inspect(LAYOUTS[dialect])
    assert info.dialects == (dialect,)
    assert info.rank == RANK
    assert info.width == DIM
    assert info.problems == ()
    found = verdict(info)
    assert (found.verdict, found.reasons, found.compatible) == ("fits", (), True)
    for item in found.coverage.values():
        assert item.matched == item.total > 0


def test_the_info_survives_the_catalogue(inspect: Callable[..., LoRAInfo]) -> None:
    for shapes in LAYOUTS.values():
        info = inspect(shapes, metadata={"modelspec.trigger_phrase": "a, b"})
        assert LoRAInfo.from_own_json(Form.from_json(info.form.to_json()), info.own_json()) == info
    with pytest.raises(ValueError, match="another version"):
        Form.from_json('{"version": 0}')


def test_facts_of_a_file(inspect: Callable[..., LoRAInfo]) -> None:
    info = inspect(musubi(), metadata={"ss_output_name": "n", "modelspec.author": "me"})
    assert info.algebras == ("lora",)
    assert info.alpha == RANK / 2
    assert info.ranks == (RANK,)
    assert (info.blocks, info.modules, info.tensors) == (2, 20, 60)
    assert info.dtypes == ("F32",)
    assert (info.description.title, info.description.author) == ("n", "me")
    assert info.parameters == (info.tensor_bytes - 20 * 4) // 4


@pytest.mark.parametrize(
    ("odd", "alphas"),
    [
        ((), (2.0,)),
        (("blocks_1_self_attn_q", "blocks_1_ffn_0"), (2.0, 3.0)),
        (("blocks_0_ffn_0", "blocks_1_ffn_0"), (2.0, 3.0)),
    ],
)
def test_alphas_that_differ_by_block_or_by_kind_of_layer(
    tmp_path: Path, odd: tuple[str, ...], alphas: tuple[float, ...]
) -> None:
    tensors = random_tensors(musubi())
    for layer in odd:
        tensors[f"lora_unet_{layer}.alpha"] = np.float32(3).reshape(())
    info = inspect_lora(write_safetensors(tmp_path / "a.safetensors", tensors))
    assert info.alphas == alphas
    assert info.alpha == (2.0 if len(alphas) == 1 else None)


def test_different_ranks_and_kinds_are_listed(inspect: Callable[..., LoRAInfo]) -> None:
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


def test_wrong_width_is_refused_with_the_layer_named(inspect: Callable[..., LoRAInfo]) -> None:
    found = verdict(inspect(musubi(dim_scale=2)))
    assert not found.compatible
    assert found.verdict == "no"
    assert "width 32" in found.reasons[0]
    assert "blocks.0.attn1.to_q" in found.reasons[1]
    assert "32×32" in found.reasons[1]
    assert found.coverage["high"].matched == 0


def test_half_a_layer_is_refused_by_name(inspect: Callable[..., LoRAInfo]) -> None:
    shapes = musubi()
    del shapes["lora_unet_blocks_1_ffn_0.lora_up.weight"]
    info = inspect(shapes)
    assert info.problems == ("blocks.1.ffn.net.0.proj: lora_down without lora_up",)
    assert not verdict(info).compatible


def test_an_algebra_that_is_not_applied_is_refused_by_name(
    inspect: Callable[..., LoRAInfo],
) -> None:
    info = inspect(musubi() | {"lora_unet_blocks_0_self_attn_q.oft_blocks": (2, 8, 8)})
    assert "OFT is not supported" in info.problems[0]
    assert not verdict(info).compatible


def test_two_values_for_one_place_are_refused(inspect: Callable[..., LoRAInfo]) -> None:
    info = inspect(musubi() | diffusion_pipe())
    assert "two values for one place" in info.problems[0]
    assert not verdict(info).compatible


def test_image_layers_of_wan21_are_ignored_and_counted(inspect: Callable[..., LoRAInfo]) -> None:
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


def test_blocks_that_the_model_lacks_are_ignored_and_unknown_keys_listed(
    inspect: Callable[..., LoRAInfo],
) -> None:
    found = verdict(inspect(musubi(blocks=3) | {"mystery.weight": (2, 2)}))
    assert found.verdict == "partly"
    assert len(found.ignored) == 30
    assert "lora_unet_blocks_2_ffn_0.alpha" in found.ignored
    assert found.unknown == ("mystery.weight",)
    assert json.dumps(found.to_dict())


def test_nothing_in_common_is_no(inspect: Callable[..., LoRAInfo]) -> None:
    found = verdict(inspect({"mystery.weight": (2, 2)}))
    assert (found.verdict, found.compatible) == ("no", False)
    only = layer_keys("{m}", blocks=1, only=["self_attn.q"])
    moved = {key.replace("blocks.0", "blocks.9"): shape for key, shape in only.items()}
    assert "Tiny has none of the file's layers" in verdict(inspect(moved)).reasons[0]


def test_roles_and_experts_in_a_verdict(inspect: Callable[..., LoRAInfo]) -> None:
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


def test_real_models_tell_families_apart(inspect: Callable[..., LoRAInfo]) -> None:
    settings = load_settings()
    wide = {
        f"diffusion_model.blocks.{n}.self_attn.{name}.lora_{half}.weight": shape
        for n in (0, 29)
        for name in ("q", "v")
        for half, shape in (("A", (2, 5120)), ("B", (5120, 2)))
    }
    info = inspect(wide)
    assert info.family == "wan-14B"
    rows = {name: row.architecture for name, row in settings.models.items() if name != "demo"}
    fits = [m for m in rows if judge({"both": info}, m, architecture_for(settings, m)).compatible]
    wanted = {"wan2.2-t2v-A14B", "wan2.2-i2v-A14B", "wan2.1-t2v-14B"}
    assert fits == [name for name, architecture in rows.items() if architecture in wanted]
    assert {rows[name] for name in fits} == wanted


def test_scale_from_peft_configuration(tmp_path: Path) -> None:
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
    with pytest.raises(UnsupportedLoRAError, match="configuration cannot be understood"):
        inspect_lora(path)


def test_scale_from_diffusers_metadata(inspect: Callable[..., LoRAInfo]) -> None:
    text = json.dumps({"transformer.r": 4, "transformer.lora_alpha": 8})
    info = inspect(layer_keys("transformer.{m}"), metadata={"lora_adapter_metadata": text})
    assert info.scaling.factor("blocks.0.attn1.to_q", 4, None) == 2.0


def test_equal_forms_are_read_once_and_tell_the_same(tmp_path: Path) -> None:
    forms = FormCache()
    plain = write_lora(tmp_path / "plain.safetensors", seed=1)
    named = write_lora(tmp_path / "named.safetensors", metadata={"name": "Ünï"}, seed=2)
    other = write_lora(tmp_path / "other.safetensors", diffusion_pipe())
    found = [inspect_lora(path, forms=forms) for path in (plain, named, other)]
    assert found == [inspect_lora(path) for path in (plain, named, other)]
    assert found[0].form is found[1].form
    assert found[1].description.title == "Ünï"
    assert found[0].form.key != found[2].form.key


@pytest.mark.parametrize(
    ("metadata", "cut"),
    [('{"a":1}', 0), ('{"a":"b","a":"c"}', 0), ("[]", 0), ('{"a":"b"}', 4)],
)
def test_a_known_form_excuses_nothing(tmp_path: Path, metadata: str, cut: int) -> None:
    forms = FormCache()
    good = write_lora(tmp_path / "good.safetensors")
    inspect_lora(good, forms=forms)
    content = good.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text, data = content[8 : 8 + length], content[8 + length :]
    header = b'{"__metadata__":' + metadata.encode() + b"," + text[1:]
    bad = write_raw(tmp_path / "bad.safetensors", header, data[: len(data) - cut])
    with pytest.raises(LoRAFileError):
        inspect_lora(bad, forms=forms)
