"""Facts of pipelines: read from what is in memory, and right for every kind of Wan model."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel, WanVACETransformer3DModel

from tests.support.model_kinds import FLOW_SHIFT, KINDS, WIDTH, of_config, pipeline_of
from tests.support.paths import ROOT
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.lora.inspection import architecture_from_config
from wan_lora_studio.wan.pipeline_facts import PipelineFacts, facts_of

TWO = {"vace, two experts": 0.875, "2.2 t2v": 0.875, "2.2 i2v": 0.9}
IMAGE = {"2.1 i2v": "required", "2.2 i2v": "required", "2.2 ti2v": "optional"}


def full_size(kind: type = WanTransformer3DModel, **config: Any) -> Any:
    """A model of a published size, without memory for its weights."""
    with torch.device("meta"):
        return kind(**config)


def shapes_in(transformer: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in transformer.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_pipeline_is_stands_in_its_facts(kind: str) -> None:
    pipeline = KINDS[kind]()
    found = facts_of(pipeline)
    assert found.unread == ""
    assert found.architecture is not None
    assert found.architecture.parameters == shapes_in(pipeline.transformer)
    assert found.architecture.width == WIDTH
    assert found.boundary_ratio == TWO.get(kind)
    assert found.experts == (("high", "low") if kind in TWO else ("high",))
    assert found.architecture.experts == found.experts
    assert found.flow_shift == FLOW_SHIFT
    assert found.image == IMAGE.get(kind, "none")
    assert (found.defaults.steps, found.defaults.guidance_scale) == (50, 5.0)


@pytest.mark.parametrize("kind", KINDS)
def test_its_row_of_the_model_table_says_the_same(kind: str) -> None:
    found = facts_of(KINDS[kind]())
    row = found.row()
    assert (row.title, row.experts, row.boundary_ratio, row.flow_shift) == (
        found.title, found.experts, found.boundary_ratio, found.flow_shift,
    )  # fmt: skip
    assert (row.image, row.steps, row.guidance_scale) == (found.image, 50, 5.0)


I2V_21 = {"in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": 5120}
SMALL = {"num_attention_heads": 12, "num_layers": 30, "ffn_dim": 8960}
FIVE = {
    "num_attention_heads": 24, "num_layers": 30, "ffn_dim": 14336, "in_channels": 48,
    "out_channels": 48,
}  # fmt: skip
CAMERA = {**SMALL, "in_channels": 32}
TITLES: dict[str, tuple[type, dict[str, Any]]] = {
    "Wan 2.1 T2V 14B": (WanTransformer3DModel, {}),
    "Wan 2.1 T2V 1.3B": (WanTransformer3DModel, SMALL),
    "Wan 2.1 I2V 14B": (WanTransformer3DModel, I2V_21),
    "Wan 2.1 FLF2V 14B": (WanTransformer3DModel, {**I2V_21, "pos_embed_seq_len": 514}),
    "Wan 2.1 Fun InP 1.3B": (
        WanTransformer3DModel, {**SMALL, **I2V_21, "added_kv_proj_dim": 1536},
    ),
    "Wan 2.1 Fun Control 14B": (WanTransformer3DModel, {**I2V_21, "in_channels": 48}),
    "Wan 2.1 Fun Control 1.3B": (WanTransformer3DModel, CAMERA),
    "Wan 2.1 VACE 14B": (WanVACETransformer3DModel, {}),
    "Wan 2.1 VACE 1.3B": (WanVACETransformer3DModel, {**SMALL, "vace_layers": [0, 15]}),
    "Wan 2.2 TI2V 5B": (WanTransformer3DModel, FIVE),
    "Wan 2.2 I2V A14B (one expert)": (WanTransformer3DModel, {"in_channels": 36}),
    "the app's pipeline": (WanTransformer3DModel, {**SMALL, "num_layers": 2}),
}  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_a_published_model_is_called_by_its_name(title: str) -> None:
    kind, config = TITLES[title]
    found = facts_of(pipeline_of("WanPipeline", full_size(kind, **config)))
    assert found.title == title
    assert found.architecture is not None and found.architecture.title == title


@pytest.mark.parametrize(
    ("title", "name", "config"),
    [
        ("Wan 2.2 T2V A14B", "t2v-A14B", {}),
        ("Wan 2.2 I2V A14B", "i2v-A14B", {"in_channels": 36}),
        ("Wan 2.2 Fun Control A14B", "wan2.2-Fun-Control-A14B", {"in_channels": 52}),
    ],
)
def test_a_published_pair_too(title: str, name: str, config: dict[str, Any]) -> None:
    model = full_size(num_layers=40, **config)
    found = facts_of(pipeline_of("WanPipeline", model, full_size(**config), 0.9))
    assert (found.title, found.model_type, found.boundary_ratio) == (title, name, 0.9)


def test_the_class_and_its_config_agree_also_for_vace() -> None:
    model = full_size(WanVACETransformer3DModel)
    said = architecture_from_config("vace", "VACE", ("high",), dict(model.config))
    assert said.parameters == shapes_in(model)


def test_one_of_two_experts_alone() -> None:
    only_low = facts_of(pipeline_of("WanPipeline", None, tiny_transformer(), 0.875))
    assert (only_low.experts, only_low.boundary_ratio) == (("low",), None)
    idle = pipeline_of("WanPipeline", tiny_transformer(), tiny_transformer(seed=1))
    assert facts_of(idle).experts == ("high",)  # diffusers never samples with the second


def test_two_transformers_of_a_pipeline_without_a_config_are_a_pair() -> None:
    own = SimpleNamespace(transformer=tiny_transformer(), transformer_2=tiny_transformer(seed=1))
    found = facts_of(own)
    assert (found.experts, found.boundary_ratio) == (("high", "low"), 0.875)
    own.boundary_ratio = 0.6
    assert facts_of(own).boundary_ratio == 0.6
    own.transformer_2 = own.transformer  # one that serves as both
    assert facts_of(own).experts == ("high",)


def test_a_transformer_stands_for_a_pipeline() -> None:
    model = tiny_transformer()
    found = facts_of(model)
    assert found.architecture is not None
    assert found.architecture.parameters == shapes_in(model)
    assert found.experts == ("high",)


def test_a_compiled_model_is_the_one_inside() -> None:
    model = tiny_transformer()
    plain = facts_of(pipeline_of("WanPipeline", model))
    compiled = facts_of(SimpleNamespace(transformer=torch.compile(model, backend="eager")))
    assert compiled.architecture == plain.architecture
    for number, block in enumerate(model.blocks):
        model.blocks[number] = torch.compile(block, backend="eager")
    assert facts_of(model).architecture == plain.architecture


def test_a_quantised_model_is_as_large_as_before() -> None:
    """bitsandbytes keeps two weights of four bits in a byte, in one column."""
    model = tiny_transformer()
    before = facts_of(model)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            packed = torch.zeros(module.weight.numel() // 2, 1, dtype=torch.uint8)
            module.weight = torch.nn.Parameter(packed, requires_grad=False)
    assert facts_of(model) == before
    model = tiny_transformer()
    model.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32)
    assert facts_of(model) == before


def test_a_model_offloaded_by_accelerate_is_as_large_as_before() -> None:
    from accelerate import cpu_offload

    model = tiny_transformer()
    before = facts_of(model)
    cpu_offload(model, torch.device("cpu"))
    assert all(value.is_meta for value in model.parameters())
    assert facts_of(model) == before
    assert all(value.is_meta for value in model.parameters())  # nothing was fetched


def test_a_model_that_streams_its_blocks_is_as_large_as_before() -> None:
    model = tiny_transformer()
    before = facts_of(model)
    cpu = torch.device("cpu")
    model.enable_group_offload(
        onload_device=cpu, offload_device=cpu, offload_type="block_level", num_blocks_per_group=1
    )
    assert facts_of(model) == before


def test_a_model_that_shows_a_config_only_is_read_from_it() -> None:
    config = dict(of_config().config)
    found = facts_of(SimpleNamespace(transformer=SimpleNamespace(config=config)))
    assert found.architecture is not None
    assert found.architecture.parameters == shapes_in(of_config())


class Foreign(torch.nn.Module):
    """A transformer that is not diffusers' Wan."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(4, 4)])


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        (SimpleNamespace(), "has no transformer at the moment"),
        (SimpleNamespace(transformer=None), "has no transformer at the moment"),
        (SimpleNamespace(transformer=object()), "shows neither its weights nor a config"),
        (SimpleNamespace(transformer=Foreign()), "no layers of a diffusers Wan transformer"),
        (SimpleNamespace(transformer=SimpleNamespace(config={"num_attention_heads": "many"})),
         "cannot be understood"),
        (None, "has no transformer at the moment"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(pipeline: Any, why: str) -> None:
    found = facts_of(pipeline)
    assert found.architecture is None
    assert why in found.unread
    assert found.row().title == found.title  # the row can be made all the same


def replaced(pipeline: Any) -> None:
    pipeline.transformer = tiny_transformer(seed=2)


def without_one(pipeline: Any) -> None:
    pipeline.transformer_2 = None


def another_boundary(pipeline: Any) -> None:
    pipeline.register_to_config(boundary_ratio=0.5)


def another_shift(pipeline: Any) -> None:
    pipeline.scheduler.register_to_config(flow_shift=8.0)


@pytest.mark.parametrize("change", [replaced, without_one, another_boundary, another_shift])
def test_facts_know_whether_they_are_still_those_of_the_pipeline(change: Any) -> None:
    pipeline = KINDS["2.2 t2v"]()
    found = facts_of(pipeline)
    assert found.same_as(pipeline)
    change(pipeline)
    assert not found.same_as(pipeline)
    assert facts_of(pipeline).same_as(pipeline)


def test_equal_models_have_equal_facts_and_are_told_apart() -> None:
    one, other = KINDS["2.1 t2v"](), KINDS["2.1 t2v"]()
    assert facts_of(one) == facts_of(other)
    assert not facts_of(one).same_as(other)
    assert facts_of(one) != facts_of(KINDS["2.1 i2v"]())


def test_facts_keep_no_model_in_memory() -> None:
    import gc
    import weakref

    pipeline = KINDS["2.1 t2v"]()
    found, model = facts_of(pipeline), weakref.ref(pipeline.transformer)
    pipeline.transformer = None
    gc.collect()
    assert model() is None
    assert not found.same_as(pipeline)
    assert isinstance(found, PipelineFacts)


def test_the_room_loads_no_torch_until_a_pipeline_is_read() -> None:
    script = (
        "import sys; from wan_lora_studio.wan.lora_manager import LoRAManager;"
        "import wan_lora_studio.wan.pipeline_facts; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
