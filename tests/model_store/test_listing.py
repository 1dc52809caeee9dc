"""Which files of a repository a row needs."""

from __future__ import annotations

import pytest

from wan_lora_studio.model_store.listing import RemoteFile, needed


def paths(*names: str, without: tuple[str, ...] = ()) -> list[str]:
    return [file.path for file in needed([RemoteFile(name, 1, name) for name in names], without)]


def test_pictures_texts_and_pickles_are_left_out_and_the_index_comes_last() -> None:
    found = paths(
        "model_index.json",
        "README.md",
        ".gitattributes",
        "assets/logo.png",
        "examples/i2v_input.JPG",
        "models_t5_umt5-xxl-enc-bf16.pth",
        "text_encoder/pytorch_model.bin",
        "tokenizer/spiece.model",
        "tokenizer/tokenizer.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    )
    assert found == [
        "tokenizer/spiece.model",
        "tokenizer/tokenizer.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "model_index.json",
    ]


@pytest.mark.parametrize("variant", ["fp16", "bf16", "fp32", "non_ema"])
def test_of_weights_in_two_types_the_plain_ones_are_taken(variant: str) -> None:
    plain = [
        "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
        "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
        "transformer/diffusion_pytorch_model.safetensors.index.json",
    ]
    others = [
        f"transformer/diffusion_pytorch_model.{variant}-00001-of-00001.safetensors",
        f"transformer/diffusion_pytorch_model.safetensors.index.{variant}.json",
    ]
    assert paths(*plain, *others) == plain
    assert paths(*others) == others, "unless there are no others"


def test_components_with_weights_of_their_own_keep_only_their_configuration() -> None:
    names = (
        "transformer/config.json",
        "transformer/diffusion_pytorch_model-00001-of-00001.safetensors",
        "transformer/diffusion_pytorch_model.safetensors.index.json",
        "transformer_2/config.json",
        "transformer_2/diffusion_pytorch_model.safetensors",
    )
    assert paths(*names, without=("transformer",)) == [names[0], *names[3:]]
