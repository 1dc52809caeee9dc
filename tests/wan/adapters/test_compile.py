"""Compiled transformers: LoRAs come, go and change strength without a single recompilation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from tests.support.applying import (
    TOLERANCE,
    apply,
    difference,
    item,
    merged_weights,
    output,
)
from tests.support.loras.algebras import LINEAR_ALGEBRAS
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.loras.weights import Made, accelerator_file
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.errors import LoRALoadingError

Compile = Callable[[Any, str], Any]


def wrapped(model: Any, backend: str) -> Any:
    """`torch.compile(model)`: another module around the model."""
    return torch.compile(model, backend=backend)


def in_place(model: Any, backend: str) -> Any:
    """`model.compile()`: the same module with a compiled forward pass."""
    model.compile(backend=backend)
    return model


def by_block(model: Any, backend: str) -> Any:
    """diffusers' regional compilation: the repeated blocks only."""
    model.compile_repeated_blocks(backend=backend)
    return model


def block_by_block(model: Any, backend: str) -> Any:
    """Each block with another module around it, as older scripts do."""
    for number, block in enumerate(model.blocks):
        model.blocks[number] = torch.compile(block, backend=backend)
    return model


@pytest.fixture(autouse=True)
def fresh_dynamo() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture(
    params=[wrapped, in_place, by_block, block_by_block], ids=lambda kind: kind.__name__
)
def kind(request: pytest.FixtureRequest) -> Compile:
    found: Compile = request.param
    return found


@pytest.fixture
def bare() -> Any:
    return tiny_transformer(layers=2)


@pytest.fixture
def compiled(kind: Compile, bare: Any) -> Any:
    """A pipeline whose transformer is compiled and has run once."""
    pipeline = SimpleNamespace(
        transformer=kind(tiny_transformer(layers=2), "eager"), transformer_2=None
    )
    assert torch.equal(output(pipeline.transformer), output(bare))
    assert graphs() > 0
    return pipeline


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def loras(pipeline: Any) -> dict[str, Made]:
    shapes = {
        name.replace("_orig_mod.", ""): tuple(value.shape)
        for name, value in pipeline.transformer.named_parameters()
    }
    return {
        "fast": accelerator_file(shapes),
        "plain": write_layers(LAYOUTS["musubi"], LINEAR_ALGEBRAS["LoRA with alpha"], shapes),
        "dora": write_layers(LAYOUTS["PEFT export"], LINEAR_ALGEBRAS["DoRA, vector"], shapes),
        "lokr": write_layers(LAYOUTS["LyCORIS"], LINEAR_ALGEBRAS["LoKr, w2 split"], shapes),
    }


def test_nothing_recompiles(compiled: Any, bare: Any, tmp_path: Path) -> None:
    made = loras(compiled)
    files = {name: one.save(tmp_path / f"{name}.safetensors") for name, one in made.items()}
    stacks: list[dict[str, float]] = [
        {"plain": 1.0},
        {"plain": 0.3},
        {"plain": -2.0},
        {"plain": 0.0},
        {"plain": 1.0, "fast": 0.5},
        {"lokr": 1.0, "dora": 0.7, "fast": 0.5, "plain": 0.2},
        {},
        {"dora": 1.0},
    ]
    before, outputs = graphs(), []
    with apply(compiled, [], "merge") as stack:
        for strengths in stacks:
            stack.change([item(name, value, both=files[name]) for name, value in strengths.items()])
            changes = [(value, made[name].exact["high"]) for name, value in strengths.items()]
            outputs.append(output(compiled.transformer))
            wanted = output(bare, merged_weights(bare, changes))
            assert difference(outputs[-1], wanted) <= TOLERANCE
    assert torch.equal(output(compiled.transformer), output(bare))
    assert graphs() == before
    assert len({float(one.sum()) for one in outputs}) == len(stacks) - 1  # two are bare


def test_a_new_context_recompiles_nothing(compiled: Any, tmp_path: Path) -> None:
    path = loras(compiled)["plain"].save(tmp_path / "a.safetensors")
    before = graphs()
    for strength in (1.0, 0.5, -1.0, 2.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7):
        with apply(compiled, [item("a", strength, both=path)], "merge"):
            output(compiled.transformer)
    output(compiled.transformer)
    assert graphs() == before


def test_a_schedule_recompiles_nothing(compiled: Any, tmp_path: Path) -> None:
    path = loras(compiled)["plain"].save(tmp_path / "a.safetensors")
    schedule = [[0.0, 1.0], [0.3, 0.5], [0.6, -1.0]]
    before, seen = graphs(), []
    with apply(compiled, [item("a", schedule, both=path)], "merge") as stack:
        for fraction in (0.0, 0.3, 0.6):
            stack.at_fraction(fraction)
            seen.append(output(compiled.transformer))
    assert graphs() == before
    assert difference(seen[0], seen[1]) > 1e-3 and difference(seen[1], seen[2]) > 1e-3


def test_through_the_whole_of_the_compiler(bare: Any, tmp_path: Path) -> None:
    """aot_eager traces the graph as inductor does."""
    pipeline = SimpleNamespace(
        transformer=wrapped(tiny_transformer(), "aot_eager"), transformer_2=None
    )
    made = loras(pipeline)["plain"]
    output(pipeline.transformer)
    before = graphs()
    with apply(pipeline, [item("a", 1.0, both=made.save(tmp_path / "a.safetensors"))], "merge"):
        wanted = output(bare, merged_weights(bare, [(1.0, made.exact["high"])]))
        assert difference(output(pipeline.transformer), wanted) <= TOLERANCE
    assert graphs() == before


def test_runtime_is_refused(compiled: Any, bare: Any, tmp_path: Path) -> None:
    """Compiled code does not see hooks that come later: the LoRA would silently do nothing."""
    path = loras(compiled)["plain"].save(tmp_path / "a.safetensors")
    with (
        pytest.raises(LoRALoadingError, match="compiled model") as caught,
        apply(compiled, [item("a", 1.0, both=path)], "runtime"),
    ):
        pytest.fail("runtime on a compiled model")
    assert "lora_mode" in caught.value.suggestions[0]
    with apply(compiled, [item("a", 0.0, both=path)], "runtime"):
        assert torch.equal(output(compiled.transformer), output(bare))
    assert torch.equal(output(compiled.transformer), output(bare))
