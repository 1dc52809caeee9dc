"""Models that other programs keep, as rows of the model table: full-size files, headers only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support import full_size
from tests.support import header_only as made
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.model_store import row_files
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.found_models import found_models, load_settings
from wan_lora_studio.wan.found_models.rows import FoundModels
from wan_lora_studio.wan.memory import Footprint

T2V, I2V = made.transformer("wan2.2-t2v-A14B"), made.transformer("wan2.2-i2v-A14B")
HIGH, LOW = "transformer", "transformer_2"


def settings_of(folder: Path, *, program: str = "ComfyUI", **more: object) -> Settings:
    places = {name: folder / name for name in ("models_dir", "data_dir", "loras_dir")}
    return load_settings(extra_model_paths=[folder / program], **places, **more)


def new_rows(settings: Settings) -> dict[str, dict[str, str]]:
    """The rows that the shipped table does not have, each with its files' names."""
    shipped = load_settings().models
    return {
        name: {part: Path(path).name for part, path in row.weights.items()}
        for name, row in settings.models.items()
        if name not in shipped
    }


def left_out(settings: Settings) -> FoundModels:
    found = found_models(settings)
    assert all(each.why and each.advice for each in found.left_out)
    return found


def comfy(folder: Path) -> Path:
    """What many have in ComfyUI."""
    models = folder / "ComfyUI" / "models"
    for noise in ("high", "low"):
        name = f"wan2.2_t2v_{noise}_noise_14B"
        made.safetensors(
            models / f"diffusion_models/{name}_fp8_scaled.safetensors", T2V, "F8_E4M3", scaled=True
        )
        made.safetensors(models / f"diffusion_models/{name}_bf16.safetensors", T2V)
        quantised = f"Wan2.2-I2V-A14B-{noise.title()}Noise-Q6_K.gguf"
        made.gguf_file(models / "unet" / "wan" / quantised, I2V, "Q6_K")
    five = made.transformer("wan2.2-ti2v-5B")
    made.safetensors(models / "diffusion_models/wan2.2_ti2v_5B_fp16.safetensors", five, "F16")
    made.safetensors(
        models / "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors", made.UMT5, "F8_E4M3",
        scaled=True,
    )  # fmt: skip
    made.safetensors(models / "text_encoders/umt5_xxl_fp16.safetensors", made.UMT5, "F16")
    made.safetensors(models / "vae/wan_2.1_vae.safetensors", made.vae(16, 384), "F32")
    made.safetensors(models / "vae/wan2.2_vae.safetensors", made.vae(48, 1024), "F32")
    return models


def test_what_lies_in_comfyui_is_rows(tmp_path: Path) -> None:
    comfy(tmp_path)
    settings = settings_of(tmp_path)
    shared = {"text_encoder": "umt5_xxl_fp16.safetensors", "vae": "wan_2.1_vae.safetensors"}
    assert new_rows(settings) == {
        "wan2.2_t2v_14B_bf16": {
            **shared,
            HIGH: "wan2.2_t2v_high_noise_14B_bf16.safetensors",
            LOW: "wan2.2_t2v_low_noise_14B_bf16.safetensors",
        },
        "Wan2.2-I2V-A14B-Q6_K": {
            **shared,
            HIGH: "Wan2.2-I2V-A14B-HighNoise-Q6_K.gguf",
            LOW: "Wan2.2-I2V-A14B-LowNoise-Q6_K.gguf",
        },
        "wan2.2_ti2v_5B_fp16": {
            **shared,
            "vae": "wan2.2_vae.safetensors",
            HIGH: "wan2.2_ti2v_5B_fp16.safetensors",
        },
    }
    assert left_out(settings).left_out == ()
    row = settings.model("Wan2.2-I2V-A14B-Q6_K")
    assert row.title == "Wan2.2 I2V-A14B · GGUF Q6_K (Wan2.2-I2V-A14B-Q6_K)"
    like = settings.model("i2v-A14B")
    assert row == like.model_copy(update={"title": row.title, "weights": row.weights})
    assert settings.model("wan2.2_ti2v_5B_fp16").architecture == "wan2.2-ti2v-5B"


def test_a_ready_row_takes_its_files_from_there(tmp_path: Path) -> None:
    models = comfy(tmp_path)
    found = settings_of(tmp_path).weight_files("t2v-A14B-fp8")
    name = "wan2.2_t2v_{}_noise_14B_fp8_scaled.safetensors"
    assert found == {
        HIGH: models / "diffusion_models" / name.format("high"),
        LOW: models / "diffusion_models" / name.format("low"),
        "text_encoder": models / "text_encoders/umt5_xxl_fp16.safetensors",
        "vae": models / "vae/wan_2.1_vae.safetensors",
    }


def test_a_folder_that_has_an_encoder_keeps_its_own(tmp_path: Path) -> None:
    comfy(tmp_path)
    own = tmp_path / "models_dir" / "Wan2.2-I2V-A14B-Diffusers" / "text_encoder"
    own.mkdir(parents=True)
    (own / "model.safetensors").touch()
    rows = settings_of(tmp_path).models
    assert set(rows["Wan2.2-I2V-A14B-Q6_K"].weights) == {HIGH, LOW, "vae"}
    assert set(rows["wan2.2_t2v_14B_bf16"].weights) == {HIGH, LOW, "vae", "text_encoder"}


def test_with_the_small_files_of_its_kind_a_found_row_is_whole(tmp_path: Path) -> None:
    comfy(tmp_path)
    name = "wan2.2_t2v_14B_bf16"
    settings = settings_of(tmp_path)
    assert row_files(settings, name).missing == ("model_index.json",)
    full_size.install(settings, "t2v-A14B")
    for file in settings.model_folder(name).rglob("*.safetensors"):
        file.unlink()
    settings = settings_of(tmp_path)
    assert row_files(settings, name).state == "here"
    assert row_files(settings, "t2v-A14B-fp8").state == "here"
    assert row_files(settings, "t2v-A14B").state == "partly"
    found = Footprint.of(settings.model_folder(name), "bf16", settings.weight_files(name))
    assert found.weights(2)["transformer_2"] == pytest.approx(28.58e9, rel=0.01)
    assert found.weights(2)["text_encoder"] == pytest.approx(11.36e9, rel=0.01)


def test_a_found_row_may_be_the_one_that_the_page_begins_with(tmp_path: Path) -> None:
    comfy(tmp_path)
    assert settings_of(tmp_path, default_model="wan2.2_ti2v_5B_fp16").default_model
    with pytest.raises(SettingsError, match="'gone' is not in models"):
        settings_of(tmp_path, default_model="gone")


def test_what_lies_in_wangp_is_rows(tmp_path: Path) -> None:
    ckpts = tmp_path / "WanGP" / "ckpts"
    for noise in ("high", "low"):
        made.safetensors(ckpts / f"wan2.2_text2video_14B_{noise}_mbf16.safetensors", T2V)
    one = made.transformer("wan2.1-t2v-14B")
    made.safetensors(ckpts / "wan2.1_text2video_14B_mbf16.safetensors", one)
    small = made.transformer("wan2.1-t2v-1.3B")
    made.safetensors(ckpts / "wan2.1_text2video_1.3B_mbf16.safetensors", small)
    packed = {
        **{name: shape for name, shape in T2V.items() if len(shape) != 2},
        **{f"{name}._data": shape for name, shape in T2V.items() if len(shape) == 2},
    }
    quanto = "wan2.2_text2video_14B_high_quanto_mbf16_int8.safetensors"
    made.safetensors(ckpts / quanto, packed, "I8")
    settings = settings_of(tmp_path, program="WanGP")
    assert new_rows(settings) == {
        "wan2.2_text2video_14B_mbf16": {
            HIGH: "wan2.2_text2video_14B_high_mbf16.safetensors",
            LOW: "wan2.2_text2video_14B_low_mbf16.safetensors",
        },
        "wan2.1_text2video_14B_mbf16": {HIGH: "wan2.1_text2video_14B_mbf16.safetensors"},
        "wan2.1_text2video_1.3B_mbf16": {HIGH: "wan2.1_text2video_1.3B_mbf16.safetensors"},
    }
    assert settings.model("wan2.1_text2video_14B_mbf16").architecture == "wan2.1-t2v-14B"
    (other,) = left_out(settings).left_out
    assert (other.path.name, "I8" in other.why) == (quanto, True)


@pytest.mark.parametrize("named", ["Wan2.2-T2V-A14B", ""])
def test_wans_own_layout_is_a_row(tmp_path: Path, named: str) -> None:
    """The folder itself, or one of several in a program's folder."""
    folder = tmp_path / "models" / "diffusion_models" / "Wan2.2-T2V-A14B"
    for noise in ("high", "low"):
        made.shards(folder / f"{noise}_noise_model", T2V)
    (folder / "models_t5_umt5-xxl-enc-bf16.pth").write_bytes(b"never opened")
    program = str(folder.relative_to(tmp_path)) if named else "models"
    settings = settings_of(tmp_path, program=program)
    assert new_rows(settings) == {
        "Wan2.2-T2V-A14B": {HIGH: "high_noise_model", LOW: "low_noise_model"}
    }
    assert settings.model("Wan2.2-T2V-A14B").path == settings.model("t2v-A14B").path
    assert left_out(settings).left_out == ()


def test_a_model_of_one_transformer_in_wans_own_layout_is_a_row(tmp_path: Path) -> None:
    made.shards(tmp_path / "ckpts" / "Wan2.2-TI2V-5B", made.transformer("wan2.2-ti2v-5B"))
    settings = settings_of(tmp_path, program="")
    assert new_rows(settings) == {"Wan2.2-TI2V-5B": {HIGH: "Wan2.2-TI2V-5B"}}


def test_shards_of_which_one_is_missing_are_left_out(tmp_path: Path) -> None:
    folder = made.shards(tmp_path / "ckpts" / "five", made.transformer("wan2.2-ti2v-5B"))
    next(folder.glob("*-00002-*")).unlink()
    (other,) = left_out(settings_of(tmp_path, program="")).left_out
    assert "1 of its 3 files is missing" in other.why


@pytest.mark.parametrize(
    "name", ["wan2.2_t2v_high_noise_14B.safetensors", "Wan2.2-T2V-A14B-HighNoise-v1.5.safetensors"]
)
def test_an_expert_without_its_other_half_is_asked_about(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "ckpts"
    made.safetensors(folder / name, T2V)
    settings = settings_of(tmp_path, program="")
    assert new_rows(settings) == {}
    (asked,) = left_out(settings).left_out
    assert asked.why.startswith("it is one expert of Wan2.2 T2V-A14B")
    assert '"transformer_2": "THE OTHER FILE"' in asked.advice


@pytest.mark.parametrize("name", ["my_finetune.safetensors", "wan22_t2v_tuned.safetensors"])
def test_what_a_row_is_to_be_is_asked_where_the_header_cannot_tell(
    tmp_path: Path, name: str
) -> None:
    """What is advised makes a row, as it stands."""
    made.safetensors(tmp_path / "ckpts" / name, T2V)
    settings = settings_of(tmp_path, program="")
    assert new_rows(settings) == {}
    (asked,) = left_out(settings).left_out
    assert "may be Wan2.1 T2V-14B, or one expert of Wan2.2 T2V-A14B" in asked.why
    written, _ = json.JSONDecoder().raw_decode(asked.advice[asked.advice.index("{") :])
    (tmp_path / "own.json").write_text(json.dumps(written))
    own = load_settings(tmp_path / "own.json", models_dir=tmp_path / "models_dir")
    (row,) = new_rows(own)
    assert own.weight_files(row) == {HIGH: tmp_path / "ckpts" / name}


def test_of_several_halves_one_is_offered_and_none_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    for name in ("wan_t2v_high_noise_1", "wan_t2v_low_noise_2", "wan_t2v_low_noise_3"):
        made.safetensors(folder / f"{name}.safetensors", T2V)
    settings = settings_of(tmp_path, program="")
    assert new_rows(settings) == {}
    asked = {each.path.stem: each.advice for each in left_out(settings).left_out}
    assert str(folder / "wan_t2v_low_noise_2.safetensors") in asked["wan_t2v_high_noise_1"]
    assert str(folder / "wan_t2v_high_noise_1.safetensors") in asked["wan_t2v_low_noise_3"]


def test_halves_in_different_storage_are_not_paired(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    made.gguf_file(folder / "Wan2.2-T2V-A14B-HighNoise-Q4_K_M.gguf", T2V, "Q4_K")
    made.gguf_file(folder / "Wan2.2-T2V-A14B-LowNoise-Q8_0.gguf", T2V, "Q8_0")
    settings = settings_of(tmp_path, program="")
    assert new_rows(settings) == {}
    assert len(left_out(settings).left_out) == 2


def test_a_text_encoder_is_known_by_each_naming(tmp_path: Path) -> None:
    models = comfy(tmp_path)
    for file in (models / "text_encoders").iterdir():
        file.unlink()
    own = {"token_embedding.weight": (256_384, 4096), "blocks.0.attn.q.weight": (4096, 4096)}
    made.safetensors(models / "clip" / "umt5-xxl-enc-bf16.safetensors", own)
    gguf = {"token_embd.weight": (256_384, 4096), "enc.blk.0.attn_q.weight": (4096, 4096)}
    made.gguf_file(models / "clip" / "umt5-xxl-encoder-Q8_0.gguf", gguf, "Q8_0")
    settings = settings_of(tmp_path)
    encoder = settings.model("wan2.2_t2v_14B_bf16").weights["text_encoder"]
    assert Path(encoder).name == "umt5-xxl-enc-bf16.safetensors"
    (other,) = left_out(settings).left_out
    assert "not for a text encoder" in other.why


def test_a_vae_that_another_model_may_have_is_not_taken(tmp_path: Path) -> None:
    models = comfy(tmp_path)
    (models / "vae/wan_2.1_vae.safetensors").rename(models / "vae/qwen_image_vae.safetensors")
    settings = settings_of(tmp_path)
    assert "vae" not in settings.model("wan2.2_t2v_14B_bf16").weights
    (other,) = left_out(settings).left_out
    assert other.path.name == "qwen_image_vae.safetensors"


def test_other_models_are_passed_over(tmp_path: Path) -> None:
    shapes = {"double_blocks.0.img_attn.qkv.weight": (9216, 3072), "img_in.weight": (3072, 64)}
    made.safetensors(tmp_path / "ckpts" / "flux1-dev.safetensors", shapes)
    settings = settings_of(tmp_path, program="")
    assert (new_rows(settings), left_out(settings).left_out) == ({}, ())


def test_a_kind_of_wan_that_is_not_known_is_left_out_with_the_reason(tmp_path: Path) -> None:
    shapes = {**T2V, "vace_patch_embedding.weight": (5120, 96, 1, 2, 2)}
    made.safetensors(tmp_path / "ckpts" / "vace.safetensors", shapes)
    narrow = {name: (64, *shape[1:]) for name, shape in T2V.items()}
    made.safetensors(
        tmp_path / "ckpts" / "narrow.safetensors", {**narrow, "blocks.0.big": (5000, 5000)}
    )
    found = {
        each.path.stem: each.why for each in left_out(settings_of(tmp_path, program="")).left_out
    }
    assert "vace_patch_embedding" in found["vace"]
    assert "64 wide" in found["narrow"]


def hostile(folder: Path) -> None:
    folder.mkdir(parents=True)
    size = 30_000_000
    for name, start in {
        "empty.safetensors": b"",
        "noise.safetensors": b"\xff" * 64,
        "deep.safetensors": (4000).to_bytes(8, "little") + b"[" * 4000,
        "cut.gguf": b"GGUF" + (3).to_bytes(4, "little") + (2**60).to_bytes(8, "little") * 2,
        "text.gguf": b"not a model",
        "pickle.safetensors": b"\x80\x04" + b"." * 32,
    }.items():
        with (folder / name).open("wb") as file:
            file.write(start)
            file.truncate(size)
    os.mkfifo(folder / "fifo.safetensors")
    (folder / "gone.safetensors").symlink_to(folder / "nowhere")
    (folder / "folder.safetensors").mkdir()
    (folder / "round").symlink_to(folder)
    shards = folder / "shards"
    shards.mkdir()
    (shards / made.SHARD_INDEX).write_text(json.dumps({"weight_map": {"a": "../../secret"}}))


def test_broken_and_hostile_files_are_left_out_with_the_reason(tmp_path: Path) -> None:
    comfy(tmp_path)
    hostile(tmp_path / "ComfyUI" / "models" / "diffusion_models" / "bad")
    settings = settings_of(tmp_path)
    assert len(new_rows(settings)) == 3
    names = {each.path.name for each in left_out(settings).left_out}
    assert names == {
        "empty.safetensors", "noise.safetensors", "deep.safetensors", "cut.gguf", "text.gguf",
        "pickle.safetensors", "shards",
    }  # fmt: skip


def test_headers_are_read_once_for_each_state_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wan_lora_studio.wan.found_models import looking

    comfy(tmp_path)
    first = settings_of(tmp_path)
    read: list[str] = []
    plain = looking.tensors_of
    monkeypatch.setattr(looking, "tensors_of", lambda path: read.append(path.name) or plain(path))
    assert settings_of(tmp_path) == first
    assert read == []
    changed = tmp_path / "ComfyUI/models/vae/wan2.2_vae.safetensors"
    os.utime(changed, ns=(0, 0))
    assert settings_of(tmp_path) == first
    assert read == ["wan2.2_vae.safetensors"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1, "files": {"x": 5}}', "\xff"])
def test_a_damaged_note_of_headers_is_made_anew(tmp_path: Path, content: str) -> None:
    comfy(tmp_path)
    first = settings_of(tmp_path)
    note = tmp_path / "data_dir" / "found_models.json"
    whole = note.read_text()
    note.write_text(content, encoding="latin-1")
    assert settings_of(tmp_path) == first
    assert note.read_text() == whole


def test_a_row_has_the_same_name_whatever_else_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "ckpts"
    five = made.transformer("wan2.2-ti2v-5B")
    made.safetensors(folder / "b" / "ti2v-5B.safetensors", five)
    made.safetensors(folder / "t2v-A14B.safetensors", five)
    found = new_rows(settings_of(tmp_path, program=""))
    assert set(found) == {"ti2v-5B-2", "t2v-A14B-2"}
