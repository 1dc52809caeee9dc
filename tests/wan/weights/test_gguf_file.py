"""GGUF files: the same model in fewer bits, or a refusal by the header, whatever it claims."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import gguf
import numpy as np
import pytest
import torch
from diffusers.quantizers.gguf.utils import (
    SUPPORTED_GGUF_QUANT_TYPES,
    GGUFLinear,
    dequantize_gguf_tensor,
)
from gguf.constants import GGMLQuantizationType
from safetensors.torch import save_file
from torch import Tensor

from tests.support.gguf_files import write_gguf
from tests.support.own_names import wans_own
from tests.support.studio import Studio
from tests.support.tiny_models import save_tiny_model, table_row, tiny_inputs, tiny_transformer
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.results import read_facts
from wan_lora_studio.results.differences import of_the_precision
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.models import ModelManager
from wan_lora_studio.wan.models.identity import ModelIdentity
from wan_lora_studio.wan.weights import precision_of
from wan_lora_studio.wan.weights.gguf_header import DECODED, PLAIN, is_gguf, read_gguf_header
from wan_lora_studio.wan.weights.storage import Storage
from wan_lora_studio.wan.weights.transformer_file import TransformerFile, match_transformer

WIDTH = 256
QUANTISED = ("Q8_0", "Q5_0", "Q4_0", "Q6_K", "Q5_K", "Q4_K")
Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one transformer."""
    found = tmp_path_factory.mktemp("gguf") / "transformer"
    tiny_transformer(width=WIDTH).save_pretrained(found)
    return found


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return {
        name: value.detach() for name, value in tiny_transformer(width=WIDTH).state_dict().items()
    }


def config_of(folder: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = diffusers.WanTransformer3DModel.load_config(folder)
    return found


def read(path: Path, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return match_transformer(path, config_of(folder), None).load(folder, Storage("bf16", dtype))


@pytest.mark.parametrize("kind", QUANTISED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_it_computes_with_the_weights_that_its_blocks_stand_for(
    kind: str, dtype: torch.dtype, folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    model = read(write_gguf(tmp_path / "a.gguf", tensors, kind), folder, dtype)
    stored = model.blocks[0].ffn.net[0].proj
    assert isinstance(stored, GGUFLinear) and stored.weight.dtype == torch.uint8
    plain = tiny_transformer(width=WIDTH).to(dtype)
    state = {name: dequantize_gguf_tensor(value) for name, value in model.state_dict().items()}
    plain.load_state_dict({n: v.to(plain.state_dict()[n].dtype) for n, v in state.items()})
    for name, value in plain.named_parameters():
        if "time_embedder" in name or "scale_shift" in name:
            assert model.get_parameter(name).dtype == torch.float32, name
            value.data = state[name].float()
    inputs = {n: v.to(dtype) for n, v in tiny_inputs().items()}
    with torch.no_grad():
        found, wanted = (each(**inputs).sample for each in (model, plain))
    assert (found - wanted).abs().max() <= (1e-6 if dtype == torch.float32 else 5e-2)


@pytest.mark.parametrize("kind", QUANTISED)
def test_its_blocks_stand_for_what_the_format_says(
    kind: str, folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "a.gguf", tensors, kind)
    model = read(path, folder)
    for tensor in gguf.GGUFReader(path).tensors:
        wanted = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        own = next(n for n in tensors if wans_own(n) == tensor.name)
        found = dequantize_gguf_tensor(model.get_parameter(own)).detach().float().numpy()
        # diffusers decodes in fp16.
        assert np.abs(found - wanted.reshape(found.shape)).max() <= 2e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("plain", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_what_is_not_quantised_is_as_in_the_folder(
    plain: str, prefix: str, folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    path = write_gguf(
        tmp_path / "a.gguf", tensors, plain, lambda name: prefix + wans_own(name), plain
    )
    exact = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[plain]
    for name, value in read(path, folder).state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, tensors[name].to(exact).float())


def test_the_name_of_the_file_does_not_count(
    folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "a.safetensors", tensors, "Q8_0", str)
    assert is_gguf(path) and isinstance(read(path, folder).proj_out, GGUFLinear)
    assert not is_gguf(tmp_path / "gone") and not is_gguf(tmp_path)


def test_a_shape_that_a_converter_noted_is_the_tensors(
    folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "wan")
    for name, value in tensors.items():
        shape = value.shape
        if value.ndim > 4:
            writer.add_array(f"comfy.gguf.orig_shape.{wans_own(name)}", [int(n) for n in shape])
            shape = torch.Size([shape[0], value.numel() // shape[0]])
        writer.add_tensor(wans_own(name), value.reshape(shape).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read(tmp_path / "a.gguf", folder).patch_embedding.weight
    assert torch.equal(found, tensors["patch_embedding.weight"])


def test_every_type_that_diffusers_decodes_is_read_and_no_other() -> None:
    names = {GGMLQuantizationType(kind).name for kind in SUPPORTED_GGUF_QUANT_TYPES}
    assert names | PLAIN == DECODED


def test_the_kind_is_that_of_most_of_the_file(tensors: Tensors, tmp_path: Path) -> None:
    assert read_gguf_header(write_gguf(tmp_path / "a.gguf", tensors, "Q5_K")).kind == "Q5_K"


@pytest.mark.parametrize("kind", ["Q5_K", "F16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_without_values_it_is_the_same_model(
    kind: str, dtype: torch.dtype, folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "a.gguf", tensors, kind)
    same_without_values(match_transformer(path, config_of(folder), None), folder, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_so_is_that_of_a_file_of_plain_weights(
    dtype: torch.dtype, folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    save_file(tensors, path)
    same_without_values(match_transformer(path, config_of(folder), None), folder, dtype)


def same_without_values(file: TransformerFile, folder: Path, dtype: torch.dtype) -> None:
    storage = Storage("bf16", dtype)
    whole, empty = (
        {
            name: (type(value), value.shape, value.dtype, getattr(value, "quant_type", None))
            for name, value in model.named_parameters()
        }
        for model in (
            file.load(folder, Storage("bf16", dtype)),
            file.empty(folder, Storage("bf16", dtype)),
        )
    )
    assert whole == empty
    empty_one, whole_one = file.empty(folder, storage), file.load(folder, storage)
    assert all(value.is_meta for value in empty_one.parameters())
    buffers = dict(whole_one.named_buffers())
    assert buffers and all(torch.equal(v, buffers[n]) for n, v in empty_one.named_buffers())


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda own: {n: value for n, value in own.items() if n != name}


OTHERS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "missing": (without("blocks.1.attn1.to_q.weight"), "to_q.weight is missing"),
    "more": (lambda own: own | {"img_emb.proj.0.weight": torch.ones(4)}, "another kind of model"),
    "width": (
        lambda own: own | {"blocks.0.ffn.net.2.weight": torch.ones(WIDTH, 2 * WIDTH)},
        "another size: blocks.0.ffn.net.2.weight is 256×512 in it, and 256×256",
    ),
    "channels": (
        lambda own: own | {"patch_embedding.weight": torch.ones(WIDTH, 36, 1, 2, 2)},
        "another size: patch_embedding.weight is 256×36×1×2×2 in it, and 256×4×1×2×2",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_file_of_another_model_is_refused_by_name(
    what: str, folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    change, words = OTHERS[what]
    path = write_gguf(tmp_path / "other.gguf", change(tensors), "Q8_0")
    with pytest.raises(ModelLoadError, match=words) as caught:
        match_transformer(path, config_of(folder), None)
    assert "other.gguf" in caught.value.message and caught.value.suggestions


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def head(tensors: int, values: int, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, values) + rest


def tensor(name: str, sizes: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    packed = struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
    return text(name) + packed


def array(inner: int, length: int) -> bytes:
    return text("a") + struct.pack("<IIQ", 9, inner, length)


HUGE = 2**62
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "incomplete download"),
    "another file": (b"PK\x03\x04" + bytes(40), "not a GGUF file"),
    "magic alone": (b"GGUF", "incomplete download"),
    "version 1": (head(1, 0, version=1), "version of GGUF, 1"),
    "the other byte order": (b"GGUF" + struct.pack(">IQQ", 3, 1, 0), "version of GGUF"),
    "no tensors": (head(0, 0), "no tensors"),
    "many tensors": (head(HUGE, 0), "claims"),
    "many values": (head(1, HUGE), "claims"),
    "a long key": (head(1, 1, struct.pack("<Q", HUGE)), "claims 4611686018427387904 bytes"),
    "a long text": (head(1, 1, text("a") + struct.pack("<IQ", 8, HUGE)), "incomplete download"),
    "a long array": (head(1, 1, array(4, HUGE)), "incomplete download"),
    "an array of texts": (head(1, 1, array(8, HUGE)), "more than 1000000 texts"),
    "texts beyond the end": (head(1, 1, array(8, 1000)), "incomplete download"),
    "an array of arrays": (head(1, 1, array(9, HUGE)), "unknown type 9"),
    "a value of no type": (head(1, 1, text("a") + struct.pack("<I", 99)), "unknown type 99"),
    "a value twice": (
        head(1, 2, 2 * (text("a") + struct.pack("<IB", 0, 1))),
        "'a' is there twice",
    ),
    "no alignment": (
        head(1, 1, text("general.alignment") + struct.pack("<II", 4, 0)),
        "aligned to 0 bytes",
    ),
    "a strange alignment": (
        head(1, 1, text("general.alignment") + struct.pack("<II", 4, 33)),
        "aligned to 33 bytes",
    ),
    "a name of no text": (head(1, 0, struct.pack("<Q", 2) + b"\xff\xff"), "is not text"),
    "a hidden name": (head(1, 0, tensor("a\x1b[2J", (4,))), "cannot be shown"),
    "no dimensions": (head(1, 0, tensor("a", ())), "has 0 dimensions"),
    "many dimensions": (head(1, 0, text("a") + struct.pack("<I", 2**31)), "dimensions"),
    "no numbers": (head(1, 0, tensor("a", (4, 0))), "sizes that F32 cannot have"),
    "half a block": (head(1, 0, tensor("a", (33,), 8)), "sizes that Q8_0 cannot have"),
    "an overflow": (head(1, 0, tensor("a", (HUGE, HUGE))), "download: .* end of a"),
    "a far offset": (head(1, 0, tensor("a", (4,), 0, HUGE)), "download: .* end of a"),
    "an odd offset": (head(1, 0, tensor("a", (4,), 0, 3)), "begins where no data begins"),
    "twice": (head(2, 0, 2 * tensor("a", (4,)) + bytes(64)), "a is there twice"),
    "an unknown type": (head(1, 0, tensor("a", (4,), 77) + bytes(64)), "77 is not supported"),
    "a type nobody decodes": (head(1, 0, tensor("a", (256,), 16) + bytes(600)), "IQ2_XXS"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_header_that_claims_too_much_costs_nothing(what: str, tmp_path: Path) -> None:
    data, words = HOSTILE[what]
    path = tmp_path / "hostile.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelLoadError, match=words) as caught:
        read_gguf_header(path)
    assert "hostile.gguf" in caught.value.message and caught.value.suggestions


def test_it_is_cut_wherever_it_is_cut(tensors: Tensors, tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "a.gguf", tensors, "Q8_0").read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in (4, 20, 30, 200, 3000, len(whole) // 2, len(whole) - 64):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelLoadError, match="incomplete download"):
            read_gguf_header(cut)


def settings_with(folder: Path, row: Mapping[str, Any], tmp_path: Path) -> Settings:
    config = tmp_path / "config.json"
    rows = {"t2v": {**table_row("t2v", folder), **row}}
    config.write_text(json.dumps({"models": rows}), encoding="utf-8")
    places = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    return load_settings(config, device="cpu", **places)


def test_a_row_names_each_experts_file(tensors: Tensors, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "t2v", "t2v", width=WIDTH)
    for name in ("transformer", "transformer_2"):
        (folder / name / "diffusion_pytorch_model.safetensors").unlink()
    files = {
        part: str(write_gguf(tmp_path / f"wan2.2_{expert}_noise.gguf", tensors, "Q5_K"))
        for part, expert in (("transformer", "high"), ("transformer_2", "low"))
    }
    model = ModelManager(settings_with(folder, {"weights": files}, tmp_path)).load("t2v")
    assert isinstance(model.pipeline.transformer_2.blocks[0].attn1.to_q, GGUFLinear)
    high, low = files["transformer"], files["transformer_2"]
    refused: dict[str, Mapping[str, Any]] = {
        "for low noise, but it is used": {"weights": {"transformer": low, "transformer_2": high}},
        "is incomplete: .*transformer_2": {"weights": {"transformer": high}},
        "quantised already": {"weights": files, "precision": "fp8"},
    }
    for words, row in refused.items():
        with pytest.raises(ModelLoadError, match=words):
            ModelManager(settings_with(folder, row, tmp_path)).load("t2v")


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K"])
def test_memory_is_counted_as_it_is_stored(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "t2v", "t2v", width=WIDTH)
    wide = tiny_transformer(layers=6, width=WIDTH).state_dict()
    path = write_gguf(tmp_path / "high.gguf", wide, kind)
    config = {**config_of(folder / "transformer"), "num_layers": 6}
    loaded = match_transformer(path, config, None).empty(
        saved_config(config, tmp_path), Storage("bf16", torch.bfloat16)
    )
    found = Footprint.of(folder, files={"transformer": path})
    held = sum(value.numel() * value.element_size() for value in loaded.parameters())
    # The few weights that stay in fp32 are counted as bf16.
    assert found.weights(2)["transformer"] == pytest.approx(held, rel=0.1)
    streamed = found.weights_at_once(2)["transformer"]
    assert found.weights(2)["transformer"] / 3 < streamed < found.weights(2)["transformer"] / 1.5
    assert found.weights(2)["transformer_2"] == Footprint.of(folder).weights(2)["transformer_2"]


def saved_config(config: Mapping[str, Any], folder: Path) -> Path:
    diffusers.WanTransformer3DModel.from_config(dict(config)).save_config(folder / "config")
    return folder / "config"


def test_the_file_is_part_of_what_the_model_is_and_the_unused_one_is_not(
    tensors: Tensors, tmp_path: Path
) -> None:
    folder = save_tiny_model(tmp_path / "t2v", "t2v", width=WIDTH)
    files = [write_gguf(tmp_path / f"{kind}.gguf", tensors, kind) for kind in ("Q8_0", "Q4_0")]
    prints = [ModelIdentity.of(folder, files={"transformer": path}).fingerprint for path in files]
    assert len({*prints, ModelIdentity.of(folder).fingerprint}) == 3
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    again = ModelIdentity.of(folder, files={"transformer": files[0]})
    assert again.fingerprint == prints[0]


def test_a_video_says_what_its_weights_were_in(tensors: Tensors, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "t2v", "t2v", width=WIDTH)
    path = write_gguf(tmp_path / "high.gguf", tensors, "Q5_K")
    settings = settings_with(folder, {"weights": {"transformer": str(path)}}, tmp_path)
    result = Studio(settings, ModelManager(settings)).run(steps=1)
    with Path(result.video_path).open("rb") as file:
        facts = read_facts(file)
    assert facts.metadata["environment"]["precision"] == "gguf Q5_K and bf16"
    row = settings.model("t2v")
    assert precision_of(row, settings.weight_files("t2v")) == "gguf Q5_K and bf16"
    assert of_the_precision(facts, row.title, "gguf Q5_K and bf16") == []
    (told,) = of_the_precision(facts, row.title, "bf16")
    assert "gguf Q5_K" in told
