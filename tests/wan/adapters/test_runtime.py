"""Runtime mode: the same result as merging, with the weights left as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.applying import (
    TOLERANCE,
    apply,
    assert_bit_identical,
    difference,
    item,
    merged_weights,
    output,
    shapes_of,
    state,
    two_experts,
)
from tests.support.loras.algebras import LINEAR_ALGEBRAS
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.loras.weights import Made, accelerator_file, combined_file
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.errors import UnsupportedLoRAError
from wan_lora_studio.wan.adapters.stack import StackItem

MIXED = {
    "LoRA with alpha": "musubi",
    "LoRA with a bias": "diffusers",
    "DoRA, rows": "LyCORIS",
    "DoRA, vector": "PEFT export",
    "DoRA, columns": "kohya, mixed",
    "LoKr": "LyCORIS",
    "LoKr, both split": "musubi",
    "LoHa": "LyCORIS",
    "LoHa with DoRA": "LyCORIS",
}


@pytest.fixture(scope="module")
def made(fp32_experts: Any) -> dict[str, Made]:
    shapes = shapes_of(fp32_experts)
    found = {
        name: write_layers(LAYOUTS[layout], LINEAR_ALGEBRAS[name], shapes)
        for name, layout in MIXED.items()
    }
    return found | {"fast": accelerator_file(shapes), "combined": combined_file(shapes)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, made: dict[str, Made]) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("loras")
    return {
        name: one.save(folder / f"{number}.safetensors")
        for number, (name, one) in enumerate(made.items())
    }


def stack_of(files: dict[str, Path], strengths: dict[str, Any]) -> list[StackItem]:
    return [item(name, strength, both=files[name]) for name, strength in strengths.items()]


def linear_weights(model: Any) -> dict[str, torch.Tensor]:
    return {
        f"{path}.{name}": parameter.detach().clone()
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear)
        for name, parameter in module.named_parameters()
    }


def tree(model: Any) -> list[tuple[str, type, int]]:
    """What others see of the modules: path, class and identity."""
    return [(path, type(module), id(module)) for path, module in model.named_modules()]


def hooks(model: Any) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


def wanted_output(model: Any, made: dict[str, Made], strengths: dict[str, float]) -> torch.Tensor:
    changes = [(strength, made[name].exact["high"]) for name, strength in strengths.items()]
    return output(model, merged_weights(model, changes))


MOVES: tuple[dict[str, float], ...] = (
    dict.fromkeys(MIXED, 0.3) | {"fast": 0.5, "combined": -0.4},
    {"LoRA with alpha": 1.0},
    {"LoRA with alpha": -0.5},
    {"LoRA with alpha": -0.5, "LoKr": 2.0},
    {"LoKr": 2.0, "LoRA with alpha": 0.1},
    {"DoRA, vector": 0.7, "DoRA, rows": 0.4},
    {"fast": 1.0, "LoHa": 0.0},
    {},
)


def test_any_stack_equals_its_merge(
    experts: Any, made: dict[str, Made], files: dict[str, Path]
) -> None:
    model = experts.transformer
    wanted = [wanted_output(model, made, strengths) for strengths in MOVES]
    for strengths, goal in zip(MOVES, wanted, strict=True):
        with apply(experts, stack_of(files, strengths), "runtime") as stack:
            assert stack.mode == "runtime"
            assert difference(output(model), goal) <= TOLERANCE
    with apply(experts, [], "runtime") as stack:
        for strengths, goal in zip(MOVES, wanted, strict=True):
            stack.change(stack_of(files, strengths))
            assert difference(output(model), goal) <= TOLERANCE


def test_weights_modules_and_names_stay(experts: Any, files: dict[str, Path]) -> None:
    """Only parameters of layers that are not linear change, as they are merged."""
    models = (experts.transformer, experts.transformer_2)
    weights = [linear_weights(model) for model in models]
    before, trees = state(experts), [tree(model) for model in models]
    with apply(experts, stack_of(files, dict.fromkeys(files, 0.5)), "runtime"):
        for model, kept in zip(models, weights, strict=True):
            now = linear_weights(model)
            assert all(torch.equal(now[name], kept[name]) for name in kept)
            assert hooks(model) > 0
        assert state(experts).keys() == before.keys()
        assert [tree(model) for model in models] == trees
        assert {one.device for one in experts.transformer.parameters()} == {torch.device("cpu")}
    assert [hooks(model) for model in models] == [0, 0]
    assert_bit_identical(experts, before)


def test_dora_reads_the_weights_when_the_layers_first_run(
    made: dict[str, Made], files: dict[str, Path]
) -> None:
    """Until then they may be elsewhere, or still be loaded."""
    experts = two_experts()
    model = experts.transformer
    with apply(experts, stack_of(files, {"DoRA, rows": 1.0}), "runtime"):
        for module in model.modules():
            if isinstance(module, nn.Linear):
                module.weight.data = module.weight.data * 1.5
        found = output(model)
    assert difference(found, wanted_output(model, made, {"DoRA, rows": 1.0})) <= TOLERANCE


def test_a_schedule(experts: Any, made: dict[str, Made], files: dict[str, Path]) -> None:
    model, points = experts.transformer, [[0.0, 1.0], [0.4, 0.0], [0.8, -0.5]]
    names = ("LoRA with alpha", "LoKr", "DoRA, rows", "fast")
    wanted = [wanted_output(model, made, dict.fromkeys(names, strength)) for _, strength in points]
    with apply(experts, stack_of(files, dict.fromkeys(names, points)), "auto") as stack:
        assert stack.mode == "runtime"
        for number in (0, 1, 2, 1, 0):
            stack.at_fraction(points[number][0])
            assert difference(output(model), wanted[number]) <= TOLERANCE


def test_bf16_is_about_as_exact_as_a_merge(
    half_experts: Any, made: dict[str, Made], files: dict[str, Path]
) -> None:
    """Against the fp32 model that has the bf16 model's weights. A sum of two bf16 products is
    rounded once more than the one product of a merge."""
    exact = tiny_transformer()
    with torch.no_grad():
        for name, parameter in exact.named_parameters():
            parameter.copy_(half_experts.transformer.get_parameter(name))
    for strengths in MOVES[1:]:
        wanted = wanted_output(exact, made, strengths)
        found = {}
        for mode in ("merge", "runtime"):
            with apply(half_experts, stack_of(files, strengths), mode):
                found[mode] = difference(output(half_experts.transformer), wanted)
        assert found["runtime"] <= 2 * found["merge"]


@pytest.fixture
def float8() -> Iterator[Any]:
    """A pipeline with float8 storage, as diffusers' layerwise casting keeps it."""
    pipeline = SimpleNamespace(transformer=tiny_transformer(), transformer_2=None)
    pipeline.transformer.enable_layerwise_casting(
        storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.float32
    )
    before = state(pipeline)
    yield pipeline
    assert_bit_identical(pipeline, before)


@pytest.mark.parametrize("name", [name for name in MIXED if "DoRA" not in name])
def test_float8_weights(
    name: str, float8: Any, made: dict[str, Made], files: dict[str, Path]
) -> None:
    """The result is that of a merge into the float8 values, computed in fp32."""
    reference = tiny_transformer()
    with torch.no_grad():
        for path, parameter in reference.named_parameters():
            parameter.copy_(float8.transformer.get_parameter(path))
    assert difference(output(float8.transformer), output(reference)) <= TOLERANCE
    wanted = wanted_output(reference, made, {name: 0.6})
    with apply(float8, stack_of(files, {name: 0.6}), "auto") as stack:
        assert stack.mode == "runtime" and "float8" in stack.mode_reason
        found = output(float8.transformer)
    assert bool(torch.isfinite(found).all())
    assert difference(found, wanted) <= TOLERANCE


@pytest.mark.parametrize("name", [name for name in MIXED if "DoRA" in name])
def test_dora_on_float8_weights_is_refused_by_name(
    name: str, float8: Any, files: dict[str, Path]
) -> None:
    with (
        pytest.raises(UnsupportedLoRAError, match="DoRA"),
        apply(float8, stack_of(files, {name: 1.0}), "auto"),
    ):
        pytest.fail("DoRA was guessed")
    assert hooks(float8.transformer) == 0
