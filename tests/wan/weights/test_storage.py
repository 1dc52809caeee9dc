"""The numbers in which weights are kept: as diffusers would keep them, and narrow at once."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchao.quantization import Int8WeightOnlyConfig

from tests.support.offloading import stored_parts
from tests.support.own_names import wans_own
from tests.support.tiny_models import save_tiny_model, table_row, tiny_inputs
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.weights import weights_in_memory, weights_on_host
from wan_lora_studio.wan.weights.experts import ExpertReader, expert_readers

FP8 = torch.float8_e4m3fn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("storage") / "t2v", "t2v")


def reader(
    folder: Path, precision: str, dtype: torch.dtype = torch.float32, **files: Path
) -> ExpertReader:
    entry = ModelEntry.model_validate({**table_row("t2v", folder), "precision": precision})
    return expert_readers(entry, folder, files, dtype)["transformer"]


def output(model: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    with torch.no_grad():
        inputs = {name: value.to(dtype) for name, value in tiny_inputs().items()}
        found: Tensor = model(**inputs).sample
    return found


def diffusers_own(folder: Path, precision: str, dtype: torch.dtype) -> Any:
    options: dict[str, Any] = {}
    if precision == "int8":
        options["quantization_config"] = diffusers.TorchAoConfig(Int8WeightOnlyConfig())
    model = diffusers.WanTransformer3DModel.from_pretrained(
        folder, subfolder="transformer", torch_dtype=dtype, **options
    )
    if precision == "fp8":
        model.enable_layerwise_casting(storage_dtype=FP8, compute_dtype=dtype)
    return model


@pytest.mark.parametrize("precision", ["bf16", "fp8", "int8"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("form", ["folder", "shards", "file", "pickled folder"])
def test_it_is_the_model_that_diffusers_makes(
    precision: str, dtype: torch.dtype, form: str, folder: Path, tmp_path: Path
) -> None:
    tensors = load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    model = diffusers.WanTransformer3DModel.from_pretrained(folder, subfolder="transformer")
    files = {}
    if form == "file":
        files["transformer"] = tmp_path / "high.safetensors"
        save_file({wans_own(name): value for name, value in tensors.items()}, files["transformer"])
    elif form != "folder":
        for name in ("transformer", "transformer_2"):
            shards = {"max_shard_size": "50KB"} if form == "shards" else {}
            model.save_pretrained(tmp_path / name, safe_serialization=form == "shards", **shards)
    place = folder if form in ("folder", "file") else tmp_path
    found = reader(place, precision, dtype, **files)
    wanted = diffusers_own(folder, precision, dtype)
    whole = found.read()
    for name, value in wanted.named_parameters():
        own = whole.get_parameter(name)
        assert (type(own), own.dtype) == (type(value), value.dtype), name
        assert all(map(torch.equal, stored_parts(own), stored_parts(value))), name
    # Sums differ with where weights lie in memory.
    off = (output(whole, dtype) - output(wanted, dtype)).abs().max()
    assert off < (1e-5 if dtype == torch.float32 else 5e-2)
    empty = {name: (type(v), v.dtype, v.shape) for name, v in found.empty().named_parameters()}
    assert empty == {name: (type(v), v.dtype, v.shape) for name, v in whole.named_parameters()}


@pytest.mark.parametrize("precision", ["bf16", "fp8"])
def test_unscaled_weights_of_eight_bits_are_taken_as_they_are(
    precision: str, folder: Path, tmp_path: Path
) -> None:
    tensors = load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    eight_bits = {
        name: value.to(FP8) if value.ndim == 2 and "blocks." in name else value
        for name, value in tensors.items()
    }
    path = tmp_path / "Wan2_2-T2V-A14B_HIGH_fp8_e4m3fn_KJ.safetensors"
    save_file({wans_own(name): value for name, value in eight_bits.items()}, path)
    model = reader(folder, precision, transformer=path).read()
    for name, value in eight_bits.items():
        found = model.get_parameter(name)
        if value.dtype == FP8:
            assert found.dtype == (FP8 if precision == "fp8" and value.ndim == 2 else torch.float32)
            assert torch.equal(found.float(), value.float()), name


def test_what_is_not_installed_is_said_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(ModelLoadError, match="torchao") as caught:
        reader(folder, "int8")
    assert "pip install torchao" in caught.value.suggestions[0]


@pytest.mark.parametrize("precision", ["fp8", "int8"])
def test_memory_is_counted_as_it_is_stored(precision: str, folder: Path) -> None:
    found = reader(folder, precision, torch.bfloat16)
    model = found.read()
    held = sum(part.nbytes for value in model.parameters() for part in stored_parts(value))
    pipeline = SimpleNamespace(components={"transformer": model})
    assert weights_in_memory(pipeline) == {"transformer": held}
    assert weights_on_host(pipeline) == found.nbytes == held
    assert held < 0.8 * reader(folder, "bf16", torch.bfloat16).nbytes
