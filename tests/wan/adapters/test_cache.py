"""What a change of the stack reads from disk: only files that are not in memory."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import wan_lora_studio.wan.adapters.cache
from tests.support.applying import difference, item, output, shapes_of, two_experts
from tests.support.loras import weights as lora_weights
from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.adapters.cache import AdapterCache
from wan_lora_studio.wan.adapters.factors import AdapterFile, read_adapter_file
from wan_lora_studio.wan.adapters.stack import applied_stack

ROOMY = 1 << 30


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three different LoRAs."""
    shapes = shapes_of(two_experts())
    made = [lora_weights.lora_file(shapes, lora_weights.kohya, seed=seed) for seed in (3, 4, 5)]
    return [file.save(tmp_path / f"{index}.safetensors") for index, file in enumerate(made)]


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_only_what_is_new_is_read(mode: Mode, files: list[Path]) -> None:
    pipeline, cache = two_experts(), AdapterCache(ROOMY)
    first, second, third = files
    with applied_stack(pipeline, [item("a", 1.0, both=first)], mode=mode, cache=cache) as stack:
        assert cache.reads == 1
        stack.change([item("a", 1.0, both=first)])
        stack.change([item("a", -0.5, both=first)])
        stack.change([item("a", {"high": [[0, 1], [0.5, 0]], "low": 0.0}, both=first)])
        stack.at_fraction(0.7)
        assert cache.reads == 1
        stack.change([item("b", 1.0, both=second), item("a", 0.2, both=first)])
        assert cache.reads == 2
        stack.change([item("c", 1.0, both=third)])
        stack.change([item("b", 1.0, both=second)])
        assert cache.reads == 3
    with applied_stack(pipeline, [item("a", 1.0, both=first)], mode=mode, cache=cache):
        assert cache.reads == 3


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_the_same_stack_again_writes_no_weight(mode: Mode, files: list[Path]) -> None:
    pipeline = two_experts()
    chosen = [item("a", 0.4, both=files[0]), item("b", 1.0, both=files[1])]
    with applied_stack(pipeline, chosen, mode=mode, cache=AdapterCache(ROOMY)) as stack:
        versions = {name: p._version for name, p in pipeline.transformer.named_parameters()}
        stack.change(chosen)
        stack.at_fraction(0.5)
        assert versions == {n: p._version for n, p in pipeline.transformer.named_parameters()}


def test_only_layers_whose_form_changes_are_written(tmp_path: Path, files: list[Path]) -> None:
    pipeline = two_experts()
    whole = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya, seed=9)
    part = {key: value for key, value in whole.tensors.items() if "blocks_0_self_attn_q" in key}
    small = lora_weights.Made(part, {}, {}).save(tmp_path / "part.safetensors")
    kept = item("a", 1.0, both=files[0])
    with applied_stack(pipeline, [kept, item("p", 1.0, both=small)], mode="merge") as stack:
        before = {name: p._version for name, p in pipeline.transformer.named_parameters()}
        stack.change([kept, item("p", 0.5, both=small)])
        after = {name: p._version for name, p in pipeline.transformer.named_parameters()}
    assert [name for name in before if before[name] != after[name]] == [
        "blocks.0.attn1.to_q.weight"
    ]


def test_the_least_recently_used_file_goes_first(files: list[Path]) -> None:
    size = files[0].stat().st_size
    cache = AdapterCache(2 * size)
    for path in (files[0], files[1], files[0], files[2]):
        cache.read(path)
    assert (cache.reads, cache.size) == (3, 2 * size)
    cache.read(files[0])
    assert cache.reads == 3
    cache.read(files[1])
    assert cache.reads == 4


def test_a_cache_of_nothing_keeps_nothing(files: list[Path]) -> None:
    cache = AdapterCache(0)
    cache.read(files[0])
    assert cache.size == 0
    cache.read(files[0])
    assert cache.reads == 2


def test_a_file_that_changed_on_disk_is_read_again(files: list[Path]) -> None:
    pipeline, cache = two_experts(), AdapterCache(ROOMY)
    with applied_stack(pipeline, [item("a", 1.0, both=files[0])], cache=cache) as stack:
        before = output(pipeline.transformer)
        files[1].replace(files[0])
        stack.change([item("a", 1.0, both=files[0])])
        assert difference(output(pipeline.transformer), before) > 1e-3
    assert cache.reads == 2
    assert cache.size == files[0].stat().st_size


def test_the_files_of_a_stack_are_read_side_by_side(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read waits until all have begun, which one after the other never would."""
    all_begun = threading.Barrier(len(files))

    def read(path: Path) -> AdapterFile:
        all_begun.wait(60)
        return read_adapter_file(path)

    monkeypatch.setattr(wan_lora_studio.wan.adapters.cache, "read_adapter_file", read)
    cache = AdapterCache(ROOMY)
    items = [item(path.stem, 1.0, both=path) for path in files]
    with applied_stack(two_experts(), items, cache=cache) as stack:
        assert list(stack.loras) == [path.stem for path in files]
    assert cache.reads == len(files)


def test_of_files_read_together_the_broken_one_is_named(files: list[Path]) -> None:
    files[1].write_bytes(files[1].read_bytes()[:100])
    cache = AdapterCache(ROOMY)
    items = [item(path.stem, 1.0, both=path) for path in files]
    with pytest.raises(LoRAFileError) as caught, applied_stack(two_experts(), items, cache=cache):
        pytest.fail("applied")
    assert caught.value.context["lora"] == files[1].stem
    with applied_stack(two_experts(), [items[0], items[2]], cache=cache):
        assert cache.reads == len(files)
