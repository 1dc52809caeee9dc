"""Text encoders and decoders in files of their own, as other tools name and store them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.support.studio import Studio
from tests.support.tiny_models import Z_DIM, save_tiny_model, table_row
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.models import ModelManager
from wan_lora_studio.wan.weights import parameter_bytes
from wan_lora_studio.wan.weights.decoder import DecoderReader
from wan_lora_studio.wan.weights.encoder import EncoderReader

Tensors = dict[str, Tensor]
FP8 = torch.float8_e4m3fn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("others") / "t2v", "t2v")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Tensors:
    return load_file(folder / "text_encoder" / "model.safetensors")


def saved(tensors: Tensors, path: Path) -> Path:
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


def wans_own_encoder(name: str) -> str:
    for theirs, own in (
        ("shared.", "token_embedding."),
        ("encoder.final_layer_norm.", "norm."),
        ("encoder.block.", "blocks."),
        (".layer.0.SelfAttention.relative_attention_bias.", ".pos_embedding.embedding."),
        (".layer.0.SelfAttention.", ".attn."),
        (".layer.0.layer_norm.", ".norm1."),
        (".layer.1.layer_norm.", ".norm2."),
        (".layer.1.DenseReluDense.wi_0.", ".ffn.gate.0."),
        (".layer.1.DenseReluDense.wi_1.", ".ffn.fc1."),
        (".layer.1.DenseReluDense.wo.", ".ffn.fc2."),
    ):
        name = name.replace(theirs, own)
    return name


ENCODERS: dict[str, Callable[[Tensors], Tensors]] = {
    "ComfyUI's": lambda own: {**own, "spiece_model": torch.zeros(9, dtype=torch.uint8)},
    "with both embeddings": lambda own: {
        **own, "encoder.embed_tokens.weight": own["shared.weight"].clone()
    },
    "Wan's own": lambda own: {wans_own_encoder(name): value for name, value in own.items()},
}  # fmt: skip


@pytest.mark.parametrize("form", ENCODERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_an_encoder_is_that_of_the_folder(
    form: str, dtype: torch.dtype, folder: Path, encoder: Tensors, tmp_path: Path
) -> None:
    path = saved(ENCODERS[form](encoder), tmp_path / "umt5_xxl.safetensors")
    reader = EncoderReader.of(folder, path, dtype)
    assert reader is not None
    found = reader.read()
    wanted = transformers.UMT5EncoderModel.from_pretrained(folder / "text_encoder", dtype=dtype)
    states = found.state_dict(), wanted.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert found.shared.weight is found.encoder.embed_tokens.weight
    assert reader.nbytes == parameter_bytes(found)
    assert {value.dtype for value in states[0].values()} == {dtype} and not found.training
    tokens = torch.tensor([[5, 9, 1]])
    with torch.no_grad():
        assert torch.equal(found(tokens)[0], wanted(tokens)[0])


def test_scales_of_an_encoder_in_eight_bits_are_applied(
    folder: Path, encoder: Tensors, tmp_path: Path
) -> None:
    stored: Tensors = {"scaled_fp8": torch.zeros(0, dtype=FP8).reshape(0)}
    for name, value in encoder.items():
        if "Attention" in name or "Dense" in name:
            scale = value.abs().max() / 200
            stored[name] = (value / scale).to(FP8)
            stored[name.removesuffix(".weight") + ".scale_weight"] = scale.reshape(1)
        else:
            stored[name] = value.to(FP8)
    stored["scaled_fp8"] = torch.zeros(2, dtype=FP8)
    path = saved(stored, tmp_path / "umt5_xxl_fp8_e4m3fn_scaled.safetensors")
    reader = EncoderReader.of(folder, path, torch.float32)
    assert reader is not None
    for name, value in reader.read().named_parameters():
        scale = stored.get(name.removesuffix(".weight") + ".scale_weight", torch.ones(1))
        assert torch.equal(value, stored[name].float() * scale), name


def tiny_decoder(newer: bool) -> Any:
    """Of the blocks of the real one, narrow."""
    torch.manual_seed(3)
    options: dict[str, Any] = (
        {"is_residual": True, "patch_size": 2, "decoder_base_dim": 12, "in_channels": 12,
         "out_channels": 12, "scale_factor_spatial": 16}
        if newer
        else {}
    )  # fmt: skip
    return diffusers.AutoencoderKLWan(
        base_dim=8, z_dim=Z_DIM, latents_mean=[0.0] * Z_DIM, latents_std=[1.0] * Z_DIM, **options
    ).eval()


BLOCK = (
    ("norm1.", "residual.0."),
    ("conv1.", "residual.2."),
    ("norm2.", "residual.3."),
    ("conv2.", "residual.6."),
    ("conv_shortcut.", "shortcut."),
)
ENDS = (
    (".mid_block.resnets.0.", ".middle.0."),
    (".mid_block.resnets.1.", ".middle.2."),
    (".mid_block.attentions.0.", ".middle.1."),
    (".conv_in.", ".conv1."),
    (".norm_out.", ".head.0."),
    (".conv_out.", ".head.2."),
)


def wans_own_decoder(name: str, newer: bool) -> str:
    """Written from Wan's own code, apart from what reads it."""
    if name.startswith("quant_conv."):
        return name.replace("quant_conv.", "conv1.")
    if name.startswith("post_quant_conv."):
        return name.replace("post_quant_conv.", "conv2.")
    for theirs, own in ENDS:
        name = name.replace(theirs, own)
    parts = name.split(".")
    if parts[1] == "down_blocks":
        if newer:
            inner = parts[4:] if parts[3] == "resnets" else ["2", *parts[4:]]
            parts = [parts[0], "downsamples", parts[2], "downsamples", *inner]
        else:
            parts[1] = "downsamples"
    elif parts[1] == "up_blocks":
        stage = int(parts[2])
        place, rest = (
            (int(parts[4]), parts[5:])
            if parts[3] == "resnets"
            else (3, parts[4:] if newer else parts[5:])
        )
        where = [str(stage), "upsamples", str(place)] if newer else [str(4 * stage + place)]
        parts = [parts[0], "upsamples", *where, *rest]
    name = ".".join(parts)
    for theirs, own in BLOCK:
        if f".{theirs}" in name and "encoder.conv1." not in name and "decoder.conv1." not in name:
            name = name.replace(f".{theirs}", f".{own}")
    return name


@pytest.mark.parametrize("newer", [False, True], ids=["2.1", "2.2"])
@pytest.mark.parametrize("named", ["Wan's own", "diffusers'"])
def test_a_decoder_is_that_of_the_folder(newer: bool, named: str, tmp_path: Path) -> None:
    wanted = tiny_decoder(newer)
    wanted.save_config(tmp_path / "vae")
    tensors = {
        wans_own_decoder(name, newer) if named == "Wan's own" else name: value
        for name, value in wanted.state_dict().items()
    }
    assert len(tensors) == len(wanted.state_dict())
    assert (named == "diffusers'") != ("decoder.middle.1.to_qkv.weight" in tensors)
    path = saved(tensors, tmp_path / "wan_vae.safetensors")
    found = DecoderReader.of(tmp_path, path).read()
    for name, value in wanted.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    latents = torch.randn(1, Z_DIM, 2, 4, 4)
    with torch.no_grad():
        assert torch.allclose(
            found.decode(latents).sample, wanted.decode(latents).sample, atol=1e-5
        )


def test_the_decoder_of_another_model_is_refused(tmp_path: Path) -> None:
    tiny_decoder(newer=True).save_config(tmp_path / "vae")
    older = {
        wans_own_decoder(name, False): value
        for name, value in tiny_decoder(newer=False).state_dict().items()
    }
    with pytest.raises(ModelLoadError, match=r"another size|missing"):
        DecoderReader.of(tmp_path, saved(older, tmp_path / "wan_2.1_vae.safetensors"))


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x80\x02"])
@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_pickles_are_refused_with_what_to_do(
    part: str, start: bytes, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "Wan2.1_VAE.pth"
    path.write_bytes(start + bytes(2000))
    models = ModelManager(settings_with(folder, {part: str(path)}, tmp_path))
    with pytest.raises(ModelLoadError, match="pickle") as caught:
        models.load("t2v")
    assert "never opened" in caught.value.suggestions[0]
    assert "model folder's own" in caught.value.suggestions[1]


def settings_with(folder: Path, weights: Mapping[str, str], tmp_path: Path) -> Settings:
    config = tmp_path / "config.json"
    rows = {"t2v": {**table_row("t2v", folder), "weights": dict(weights)}}
    config.write_text(json.dumps({"models": rows}), encoding="utf-8")
    places = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    return load_settings(config, device="cpu", **places)


def test_a_folder_without_these_weights_makes_a_video(encoder: Tensors, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "t2v", "t2v")
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    weights = {
        "text_encoder": str(saved(encoder, tmp_path / "umt5.safetensors")),
        "vae": str(saved(vae, tmp_path / "vae.safetensors")),
    }
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "text_encoder" / "model.safetensors").unlink()
    settings = settings_with(folder, weights, tmp_path)
    result = Studio(settings, ModelManager(settings)).run(steps=1)
    assert Path(result.video_path).is_file()
