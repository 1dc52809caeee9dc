"""Single files of weights, named and stored as other tools do: the same model, or a refusal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.support.own_names import wans_own
from tests.support.studio import Studio, decoded
from tests.support.tiny_models import save_tiny_model, table_row, tiny_transformer
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.models import ModelManager
from wan_lora_studio.wan.weights.storage import Storage
from wan_lora_studio.wan.weights.transformer_file import match_transformer

Tensors = dict[str, Tensor]
PREFIXES = ("", "model.diffusion_model.", "diffusion_model.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("weights")
    save_tiny_model(found / "t2v", "t2v")
    return found


@pytest.fixture(scope="module")
def experts(folder: Path) -> dict[str, Tensors]:
    return {
        name: load_file(folder / "t2v" / name / "diffusion_pytorch_model.safetensors")
        for name in ("transformer", "transformer_2")
    }


def settings_with(folder: Path, files: Mapping[str, Path], tmp_path: Path) -> Settings:
    row = {**table_row("t2v", folder / "t2v"), "weights": {k: str(v) for k, v in files.items()}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"models": {"t2v": row}}), encoding="utf-8")
    places = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    return load_settings(config, device="cpu", **places)


def saved(tensors: Tensors, path: Path) -> Path:
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


def pair_of(
    experts: Mapping[str, Tensors], change: Callable[[Tensors], Tensors], tmp_path: Path
) -> dict[str, Path]:
    return {
        name: saved(change(tensors), tmp_path / f"wan_{expert}_noise.safetensors")
        for (name, tensors), expert in zip(experts.items(), ("high", "low"), strict=True)
    }


@pytest.mark.slow
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("rename", [wans_own, str], ids=["wan's names", "diffusers' names"])
def test_the_video_is_that_of_the_folder(
    prefix: str,
    rename: Callable[[str], str],
    folder: Path,
    experts: dict[str, Tensors],
    tmp_path: Path,
) -> None:
    files = pair_of(
        experts, lambda own: {f"{prefix}{rename(n)}": value for n, value in own.items()}, tmp_path
    )
    videos = []
    for named in ({}, files):
        settings = settings_with(folder, named, tmp_path)
        studio = Studio(settings, ModelManager(settings))
        videos.append(decoded(studio.run(steps=2).video_path))
    first, second = (video.astype(int) for video in videos)
    assert np.abs(first - second).mean() < 0.05  # sums differ with where weights lie in memory
    for name, original in experts.items():
        now = getattr(studio.models.load("t2v").pipeline, name).state_dict()
        assert now.keys() == original.keys()
        assert all(torch.equal(now[own], value) for own, value in original.items())


def scaled(tensors: Tensors, ending: str) -> Tensors:
    found: Tensors = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    found["blocks.0.ffn.0.comfy_quant"] = torch.zeros(9, dtype=torch.uint8)  # JSON
    for name, value in tensors.items():
        own = wans_own(name)
        if value.ndim == 2 and ".ffn." in own:
            # Of the whole, or of each row.
            scale = value.abs().amax(dim=1 if ".ffn.0." in own else (0, 1), keepdim=True) / 200
            found[own] = (value / scale).to(torch.float8_e4m3fn)
            found[own.removesuffix(".weight") + ending] = scale
        else:
            found[own] = value
    return found


@pytest.mark.parametrize("ending", [".scale_weight", ".weight_scale"])
def test_scales_of_eight_bits_are_applied(
    ending: str, folder: Path, experts: dict[str, Tensors], tmp_path: Path
) -> None:
    files = pair_of(experts, lambda own: scaled(own, ending), tmp_path)
    model = ModelManager(settings_with(folder, files, tmp_path)).load("t2v")
    for name, original in experts.items():
        now = getattr(model.pipeline, name).state_dict()
        file = load_file(files[name])
        for own, value in original.items():
            if value.ndim == 2 and ".ffn." in own:
                theirs = wans_own(own)
                scale = file[theirs.removesuffix(".weight") + ending]
                assert torch.equal(now[own], file[theirs].float() * scale)
                assert (now[own] - value).abs().max() < 0.05 * value.abs().max()
            else:
                assert torch.equal(now[own], value)


def test_as_bf16_they_are_what_diffusers_makes_of_the_folder(
    folder: Path, experts: dict[str, Tensors], tmp_path: Path
) -> None:

    path = saved(
        {wans_own(n): v for n, v in experts["transformer"].items()}, tmp_path / "a.safetensors"
    )
    config = diffusers.WanTransformer3DModel.load_config(folder / "t2v" / "transformer")
    file = match_transformer(path, config, None)
    found = file.load(folder / "t2v" / "transformer", Storage("bf16", torch.bfloat16)).state_dict()
    wanted = diffusers.WanTransformer3DModel.from_pretrained(
        folder / "t2v", subfolder="transformer", torch_dtype=torch.bfloat16
    ).state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value), name


@dataclasses.dataclass(frozen=True)
class Refused:
    change: Callable[[Tensors], Tensors]
    words: str


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda own: {n: value for n, value in own.items() if n != name}


REFUSED = {
    "missing": Refused(without("blocks.1.attn1.to_q.weight"), "to_q.weight is missing"),
    "more": Refused(
        lambda own: own | {"img_emb.proj.0.weight": torch.ones(4)}, "another kind of model"
    ),
    "size": Refused(
        lambda own: own | {"patch_embedding.bias": torch.ones(7)}, "a model of another size"
    ),
    "type": Refused(
        lambda own: own | {"patch_embedding.bias": torch.ones(32, dtype=torch.int8)}, "type I8"
    ),
    "blocks": Refused(
        lambda own: own | {"blocks.1.attn1.to_q.weight_scale": torch.ones(32, 2)},
        "to_q.weight has scales of another kind",
    ),
    "scale": Refused(
        lambda own: own | {"blocks.9.ffn.0.scale_weight": torch.ones(1)}, "scales for"
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_of_another_model_is_refused_by_name(
    what: str, folder: Path, experts: dict[str, Tensors], tmp_path: Path
) -> None:
    path = saved(REFUSED[what].change(experts["transformer"]), tmp_path / "one.safetensors")
    models = ModelManager(settings_with(folder, {"transformer": path}, tmp_path))
    with pytest.raises(ModelLoadError, match=REFUSED[what].words) as caught:
        models.load("t2v")
    assert "one.safetensors" in caught.value.message and caught.value.suggestions


def test_the_wrong_expert_and_a_file_that_is_gone_are_refused(
    folder: Path, experts: dict[str, Tensors], tmp_path: Path
) -> None:
    files = pair_of(experts, dict, tmp_path)
    crossed = {"transformer": files["transformer_2"], "transformer_2": files["transformer"]}
    with pytest.raises(ModelLoadError, match="for low noise, but it is used for high"):
        ModelManager(settings_with(folder, crossed, tmp_path)).load("t2v")
    gone = {"transformer": tmp_path / "gone.safetensors"}
    with pytest.raises(ModelLoadError, match="are not at"):
        ModelManager(settings_with(folder, gone, tmp_path)).load("t2v")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(files["transformer"].read_bytes()[:-100])
    with pytest.raises(ModelLoadError, match="cannot be used"):
        ModelManager(settings_with(folder, {"transformer": cut}, tmp_path)).load("t2v")


def test_other_files_are_another_model_and_count_for_memory(
    folder: Path, experts: dict[str, Tensors], tmp_path: Path
) -> None:
    files = pair_of(experts, dict, tmp_path)
    one, other = (
        ModelManager(settings_with(folder, named, tmp_path)).load("t2v").identity.fingerprint
        for named in ({}, files)
    )
    assert one != other
    larger = saved(dict(tiny_transformer(layers=4).state_dict()), tmp_path / "larger.safetensors")
    plain = Footprint.of(folder / "t2v")
    found = Footprint.of(folder / "t2v", files={"transformer": larger})
    assert found.parameters["transformer"] > plain.parameters["transformer"]
    assert found.parameters["transformer_2"] == plain.parameters["transformer_2"]


def test_the_rest_of_the_folder_may_lack_their_weights(
    experts: dict[str, Tensors], tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    save_tiny_model(folder / "t2v", "t2v")
    files: dict[str, Any] = pair_of(experts, dict, tmp_path)
    for name in experts:
        (folder / "t2v" / name / "diffusion_pytorch_model.safetensors").unlink()
    assert ModelManager(settings_with(folder, files, tmp_path)).load("t2v").pipeline.transformer_2
    with pytest.raises(ModelLoadError):
        ModelManager(settings_with(folder, {}, tmp_path)).load("t2v")


def test_one_expert_without_weights_is_named_before_any_are_read(
    experts: dict[str, Tensors], tmp_path: Path
) -> None:
    save_tiny_model(tmp_path / "bare" / "t2v", "t2v")
    high = pair_of(experts, dict, tmp_path)["transformer"]
    gone = tmp_path / "bare" / "t2v" / "transformer_2" / "diffusion_pytorch_model.safetensors"
    gone.unlink()
    models = ModelManager(settings_with(tmp_path / "bare", {"transformer": high}, tmp_path))
    with pytest.raises(ModelLoadError, match=r"is incomplete: .*transformer_2"):
        models.load("t2v")


def test_a_file_of_the_older_model_is_refused_by_its_name(
    folder: Path, experts: dict[str, Tensors], tmp_path: Path
) -> None:
    older = saved(experts["transformer"], tmp_path / "Wan2_1-T2V-14B_fp16.safetensors")
    models = ModelManager(settings_with(folder, {"transformer": older}, tmp_path))
    with pytest.raises(ModelLoadError, match=r"for Wan 2\.1"):
        models.load("t2v")
