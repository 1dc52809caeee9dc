"""Merge or runtime: what decides, and what is said about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from accelerate import cpu_offload, cpu_offload_with_hook
from diffusers import WanTransformer3DModel
from torch import Tensor

from tests.support.applying import MODES, assert_bit_identical, item, shapes_of, state, two_experts
from tests.support.loras import weights as lora_weights
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.errors import LoRALoadingError
from wan_lora_studio.wan.adapters.cache import AdapterCache
from wan_lora_studio.wan.adapters.custody import custody_of
from wan_lora_studio.wan.adapters.pristine import Checkpoint
from wan_lora_studio.wan.adapters.stack import applied_stack

SCHEDULE = [[0.0, 1.0], [0.5, 0.3]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = lora_weights.lora_file(shapes_of(two_experts()), lora_weights.kohya)
    return made.save(tmp_path / "a.safetensors")


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without free memory."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 20))


def saved_experts(folder: Path) -> Any:
    """Two experts loaded from folders, so that their checkpoint is known."""
    loaded = []
    for seed in (0, 1):
        path = folder / str(seed)
        tiny_transformer(seed=seed).save_pretrained(path)
        loaded.append(WanTransformer3DModel.from_pretrained(path))
    return SimpleNamespace(transformer=loaded[0], transformer_2=loaded[1])


def test_plain_weights_with_enough_memory_are_merged(file: Path) -> None:
    with applied_stack(two_experts(), [item("a", 0.5, both=file)]) as stack:
        assert stack.mode == "merge"
        assert "there is memory for a copy" in stack.mode_reason
        report = stack.loras["a"]
    assert (report["mode"], report["mode_reason"]) == (stack.mode, stack.mode_reason)


def test_a_schedule_asks_for_runtime_and_a_constant_for_merging_again(file: Path) -> None:
    pipeline = two_experts()
    before = state(pipeline)
    with applied_stack(pipeline, [item("a", SCHEDULE, both=file)]) as stack:
        assert (stack.mode, stack.mode_reason) == (
            "runtime",
            "the strengths change during the run",
        )
        stack.change([item("a", [[0.0, 0.4], [0.5, 0.4]], both=file)])
        assert stack.mode == "merge"
        stack.change([item("a", {"high": SCHEDULE, "low": 1.0}, both=file)])
        assert stack.mode == "runtime"
    assert_bit_identical(pipeline, before)


def test_a_compiled_model_is_merged_even_for_a_schedule(file: Path) -> None:
    pipeline = two_experts()
    pipeline.transformer.compile(backend="eager")
    wrapped = SimpleNamespace(transformer=torch.compile(two_experts().transformer, backend="eager"))
    for compiled in (pipeline, wrapped):
        with applied_stack(compiled, [item("a", SCHEDULE, both=file)]) as stack:
            assert stack.mode == "merge"


def test_float8_weights_ask_for_runtime_and_refuse_merging(file: Path) -> None:
    pipeline = two_experts()
    for model in (pipeline.transformer, pipeline.transformer_2):
        model.enable_layerwise_casting(torch.float8_e4m3fn, compute_dtype=torch.float32)
    before = state(pipeline)
    with applied_stack(pipeline, [item("a", 0.5, both=file)]) as stack:
        assert stack.mode == "runtime"
        assert "float8_e4m3fn" in stack.mode_reason
    with (
        pytest.raises(LoRALoadingError, match=r"cannot be merged into .* float8") as caught,
        applied_stack(pipeline, [item("a", 0.5, both=file)], mode="merge"),
    ):
        raise AssertionError("applied")
    assert "lora_mode" in caught.value.suggestions[0]
    assert_bit_identical(pipeline, before)


def test_weights_that_are_moved_in_for_each_step_are_not_called_quantised(file: Path) -> None:
    pipeline = two_experts()
    for model in (pipeline.transformer, pipeline.transformer_2):
        cpu_offload(model, execution_device=torch.device("cpu"))
    with applied_stack(pipeline, [item("a", 0.5, both=file)]) as stack:
        assert stack.mode == "runtime"
        assert stack.mode_reason == "the model's weights move between host and device"


def test_weights_that_are_moved_in_as_a_whole_ask_for_runtime(file: Path) -> None:
    pipeline = two_experts()
    for model in (pipeline.transformer, pipeline.transformer_2):
        cpu_offload_with_hook(model, execution_device=torch.device("cpu"))
    with applied_stack(pipeline, [item("a", 0.5, both=file)]) as stack:
        assert (stack.mode, stack.mode_reason) == (
            "runtime",
            "the model's weights move between host and device",
        )
    with applied_stack(pipeline, [item("a", 0.5, both=file)], mode="merge") as stack:
        assert stack.mode == "merge"


def test_a_compiled_model_that_moves_as_a_whole_is_merged(file: Path) -> None:
    pipeline = two_experts()
    pipeline.transformer.compile(backend="eager")
    cpu_offload_with_hook(pipeline.transformer, execution_device=torch.device("cpu"))
    with applied_stack(pipeline, [item("a", 0.5, both=file)]) as stack:
        assert stack.mode == "merge"


def test_streamed_weights_ask_for_runtime(file: Path) -> None:
    pipeline = two_experts()
    for model in (pipeline.transformer, pipeline.transformer_2):
        model.enable_group_offload(
            onload_device=torch.device("cpu"), offload_type="leaf_level", use_stream=False
        )
    with applied_stack(pipeline, [item("a", 0.5, both=file)]) as stack:
        assert (stack.mode, stack.mode_reason) == (
            "runtime",
            "the model's weights move between host and device",
        )


@pytest.mark.usefixtures("no_memory")
def test_short_memory_takes_the_checkpoint_and_without_one_runtime(
    file: Path, tmp_path: Path
) -> None:
    pipeline, cache = saved_experts(tmp_path), AdapterCache(1 << 30)
    before = state(pipeline)
    with applied_stack(pipeline, [item("a", 0.5, both=file)], cache=cache) as stack:
        assert stack.mode == "merge"
        assert "read again from the model's folder" in stack.mode_reason
        assert custody_of(pipeline.transformer).copied_bytes == 0
        assert custody_of(pipeline.transformer_2).copied_bytes == 0
        stack.change([item("a", -1.0, both=file)])
    assert_bit_identical(pipeline, before)
    with applied_stack(two_experts(), [item("a", 0.5, both=file)]) as stack:
        assert stack.mode == "runtime"
        assert "no memory" in stack.mode_reason


@pytest.mark.usefixtures("no_memory")
def test_each_switch_reads_each_touched_weight_once(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = saved_experts(tmp_path)
    read, reads = Checkpoint.read, Counter[tuple[int, str]]()

    def counted(checkpoint: Checkpoint, name: str, like: Tensor) -> Tensor | None:
        reads[id(checkpoint), name] += 1
        return read(checkpoint, name, like)

    monkeypatch.setattr(Checkpoint, "read", counted)
    for strength in (0.5, -1.0):  # one run after the other
        with applied_stack(pipeline, [item("a", strength, both=file)]) as stack:
            assert "read again" in stack.mode_reason
            applied = taken(reads)
            stack.change([item("a", 0.25, both=file)])
            assert taken(reads) == applied
        assert taken(reads) == applied
        assert set(applied.values()) == {1}


def taken(reads: Counter[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """What was counted since the last time."""
    found = dict(reads)
    reads.clear()
    return found


@pytest.mark.usefixtures("no_memory")
def test_a_demand_is_followed(file: Path) -> None:
    for mode in MODES:
        with applied_stack(two_experts(), [item("a", 0.5, both=file)], mode=mode) as stack:
            assert (stack.mode, stack.mode_reason) == (mode, "the settings ask for it")
