"""W0: from a host copy or from the checkpoint, and always the bytes that were in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel

from tests.support.applying import same_bytes
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.pristine import Checkpoint, Pristine

NAME = "blocks.0.attn1.to_q.weight"
OTHER = "blocks.1.ffn.net.2.weight"


@pytest.fixture(params=["whole", "in shards"])
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """A model in bf16 whose checkpoint is on disk in fp32."""
    size = "10GB" if request.param == "whole" else "40KB"
    tiny_transformer().save_pretrained(tmp_path / "model", max_shard_size=size)
    return WanTransformer3DModel.from_pretrained(tmp_path / "model", dtype=torch.bfloat16)


def test_the_checkpoint_gives_the_bytes_in_memory_without_a_copy(model: Any) -> None:
    pristine = Pristine(Layout.of(model), frugal=True)
    wanted = model.get_parameter(NAME).detach().clone()
    assert same_bytes(pristine.take(NAME), wanted)
    with torch.no_grad():
        model.get_parameter(NAME).zero_()
    assert same_bytes(pristine.take(NAME), wanted)
    assert pristine.copied_bytes == 0
    assert pristine.touched() == [NAME]


def test_a_weight_that_differs_from_its_checkpoint_is_copied(model: Any) -> None:
    with torch.no_grad():
        model.get_parameter(NAME).mul_(2)
    wanted = model.get_parameter(NAME).detach().clone()
    pristine = Pristine(Layout.of(model), frugal=True)
    assert same_bytes(pristine.take(NAME), wanted)
    pristine.take(OTHER)
    assert pristine.copied_bytes == wanted.numel() * 2


def test_a_copy_is_taken_at_the_first_touch_and_let_go_at_release(model: Any) -> None:
    pristine = Pristine(Layout.of(model))
    parameter = model.get_parameter(NAME)
    wanted = parameter.detach().clone()
    pristine.take(NAME)
    with torch.no_grad():
        parameter.zero_()
    assert same_bytes(pristine.take(NAME), wanted)
    assert pristine.copied_bytes == parameter.numel() * parameter.itemsize
    pristine.release()
    assert (pristine.copied_bytes, pristine.touched()) == (0, [])
    pristine.use(Layout.of(model))
    assert same_bytes(pristine.take(NAME), parameter.detach())


def test_a_broken_or_absent_checkpoint_is_none(tmp_path: Path) -> None:
    model = tiny_transformer()
    assert Checkpoint.of(model) is None
    model.save_pretrained(tmp_path)
    loaded = WanTransformer3DModel.from_pretrained(tmp_path)
    assert Checkpoint.of(loaded) is not None
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"broken")
    assert Checkpoint.of(loaded) is None


def test_a_checkpoint_that_vanishes_in_use_is_an_error(model: Any, tmp_path: Path) -> None:
    pristine = Pristine(Layout.of(model), frugal=True)
    pristine.take(NAME)
    pristine.release()
    pristine.use(Layout.of(model))
    pristine.take(NAME)
    pristine._checkpoint = Checkpoint({})  # stands for a folder that was emptied
    with pytest.raises(OSError, match="checkpoint changed"):
        pristine.take(NAME)
