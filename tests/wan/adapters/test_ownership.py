"""One owner at a time: threads, nesting, contexts closed in any order, owners that vanish."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.support.applying import (
    MODES,
    apply,
    assert_bit_identical,
    item,
    output,
    shapes_of,
    state,
)
from tests.support.loras import weights as lora_weights
from wan_lora_studio.errors import CancelledByUser, InUseError, LoRALoadingError
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.adapters.stack import StackItem, applied_stack


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, fp32_experts: Any) -> list[StackItem]:
    made = lora_weights.accelerator_file(shapes_of(fp32_experts))
    path = made.save(tmp_path_factory.mktemp("loras") / "one.safetensors")
    return [item("one", 0.7, both=path)]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, fp32_experts: Any) -> list[StackItem]:
    made = lora_weights.lokr_file(shapes_of(fp32_experts))
    path = made.save(tmp_path_factory.mktemp("loras") / "other.safetensors")
    return [item("other", 0.7, both=path)]


def refused(pipeline: Any, items: list[StackItem], mode: Mode, **how: Any) -> str:
    with (
        pytest.raises(InUseError) as caught,
        applied_stack(pipeline, items, mode=mode, **how),
    ):
        pytest.fail("two owners at once")
    assert caught.value.suggestions
    return caught.value.message


@pytest.mark.parametrize("inner", MODES)
@pytest.mark.parametrize("outer", MODES)
def test_nesting_is_refused_alike_in_every_mode(
    outer: Mode, inner: Mode, experts: Any, one: list[StackItem], other: list[StackItem]
) -> None:
    with apply(experts, one, outer):
        wanted = output(experts.transformer)
        for items in (other, one, []):
            assert "LoRAs are applied" in refused(experts, items, inner)
        assert torch.equal(output(experts.transformer), wanted)
    with apply(experts, other, inner):
        assert not torch.equal(output(experts.transformer), wanted)


def test_another_pipeline_over_the_same_transformer_has_the_same_owner(
    experts: Any, one: list[StackItem], mode: Mode
) -> None:
    half = SimpleNamespace(transformer=experts.transformer_2)
    turned = SimpleNamespace(transformer=experts.transformer_2, transformer_2=experts.transformer)
    wrapped = SimpleNamespace(transformer=torch.compile(experts.transformer, backend="eager"))
    for pipeline in (half, turned, wrapped, copy.copy(experts)):
        with apply(experts, one, mode):
            refused(pipeline, one, mode, wait=False)
        with apply(pipeline, one, "merge"):
            refused(experts, one, mode, wait=False)


def test_a_copy_of_a_model_has_an_owner_of_its_own(
    experts: Any, one: list[StackItem], mode: Mode
) -> None:
    with apply(experts, one, mode), apply(copy.deepcopy(experts), one, mode):
        pass


def test_another_thread_waits_or_raises_as_asked(
    experts: Any, one: list[StackItem], other: list[StackItem], mode: Mode
) -> None:
    before = state(experts)
    asked = threading.Event()

    def wait_for_it() -> torch.Tensor:
        with applied_stack(experts, other, mode=mode, check=asked.set):
            return output(experts.transformer)

    with apply(experts, other, mode):
        wanted = output(experts.transformer)
    with ThreadPoolExecutor() as pool:
        with apply(experts, one, mode):
            mine = output(experts.transformer)
            for wait in (False, 0.01):
                words = pool.submit(refused, experts, other, mode, wait=wait).result()
                assert "in use" in words and "MainThread" in words
            waiting = pool.submit(wait_for_it)
            assert asked.wait(60)
            assert torch.equal(output(experts.transformer), mine)
        assert torch.equal(waiting.result(), wanted)
    assert_bit_identical(experts, before)


def test_who_waits_can_be_cancelled(experts: Any, one: list[StackItem], mode: Mode) -> None:
    def cancelled() -> None:
        raise CancelledByUser("stop")

    def wait_for_it() -> None:
        with applied_stack(experts, one, mode=mode, check=cancelled):
            pytest.fail("two owners at once")

    with apply(experts, one, mode), ThreadPoolExecutor() as pool:
        with pytest.raises(CancelledByUser):
            pool.submit(wait_for_it).result()
        wanted = output(experts.transformer)
    with apply(experts, one, mode):
        assert torch.equal(output(experts.transformer), wanted)


def test_many_threads_take_turns(
    experts: Any, one: list[StackItem], other: list[StackItem], mode: Mode
) -> None:
    wanted = {}
    for items in (one, other):
        with apply(experts, items, mode):
            wanted[items[0].name] = output(experts.transformer)

    def turn(number: int) -> bool:
        items = (one, other)[number % 2]
        pipeline = experts if number % 3 else SimpleNamespace(transformer=experts.transformer)
        with apply(pipeline, items, mode):
            return torch.equal(output(experts.transformer), wanted[items[0].name])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(turn, range(18)))


def test_threads_that_would_wait_for_each_other_are_told(
    experts: Any, one: list[StackItem]
) -> None:
    halves = [SimpleNamespace(transformer=m) for m in (experts.transformer, experts.transformer_2)]
    both_hold = threading.Barrier(2)

    def cross(first: int) -> str:
        with apply(halves[first], one):
            both_hold.wait(60)
            try:
                with apply(halves[1 - first], one):
                    return "had both"
            except InUseError as error:
                return error.message

    with ThreadPoolExecutor() as pool:
        said = list(pool.map(cross, (0, 1)))
    assert any("waits for this one" in words for words in said)


def test_contexts_close_in_any_order_and_by_a_stack(
    experts: Any, one: list[StackItem], mode: Mode
) -> None:
    """Each on a transformer of its own, closed first opened first; and by ExitStack."""
    before = state(experts)
    halves = [SimpleNamespace(transformer=m) for m in (experts.transformer, experts.transformer_2)]
    contexts = [apply(half, one, mode) for half in halves]
    for context in contexts:
        context.__enter__()
    for context in contexts:
        context.__exit__(None, None, None)
    with ExitStack() as everything:
        for half in halves:
            everything.enter_context(apply(half, one, mode))
    assert_bit_identical(experts, before)


def test_a_generator_that_is_dropped_gives_the_pipeline_free(
    experts: Any, one: list[StackItem], mode: Mode
) -> None:
    before = state(experts)

    def videos() -> Iterator[torch.Tensor]:
        with apply(experts, one, mode):
            while True:
                yield output(experts.transformer)

    running = videos()
    next(running)
    refused(experts, one, mode)
    del running
    assert_bit_identical(experts, before)
    with apply(experts, one, mode):
        pass


def test_what_is_left_open_by_a_thread_that_ended_is_taken_off(
    experts: Any, one: list[StackItem], other: list[StackItem], mode: Mode
) -> None:
    before, kept = state(experts), []

    def leave_open() -> None:
        context = apply(experts, one, mode)
        kept.append((context, context.__enter__()))

    thread = threading.Thread(target=leave_open)
    thread.start()
    thread.join()
    ((context, stack),) = kept
    with apply(experts, other, mode):
        wanted = output(experts.transformer)
        with pytest.raises(LoRALoadingError, match="taken off already"):
            stack.change(other)
        with pytest.raises(InUseError, match="taken off meanwhile"):
            context.__exit__(None, None, None)
        assert torch.equal(output(experts.transformer), wanted)
    assert_bit_identical(experts, before)


def test_a_stack_does_nothing_once_it_is_closed(
    experts: Any, one: list[StackItem], other: list[StackItem], mode: Mode
) -> None:
    before = state(experts)
    with apply(experts, one, mode) as stack:
        pass
    for use in (lambda: stack.change(other), lambda: stack.at_fraction(0.5)):
        with pytest.raises(LoRALoadingError, match="taken off already"):
            use()
    assert_bit_identical(experts, before)
    assert stack.loras["one"]["outcome"] == "applied"  # what was done can still be read


def test_a_failure_gives_the_pipeline_free(experts: Any, one: list[StackItem], mode: Mode) -> None:
    missing = item("gone", 1.0, both=Path("gone.safetensors"))
    for _ in range(2):
        with pytest.raises(Exception, match="gone"), apply(experts, [*one, missing], mode):
            pass
    with apply(experts, one, mode):
        pass
