"""An interrupt at any line of the work, and tied parameters: every weight comes back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
import torch

from tests.support.applying import (
    apply,
    assert_bit_identical,
    difference,
    item,
    output,
    shapes_of,
    state,
)
from tests.support.loras import weights as lora_weights
from tests.support.loras.weights import Made
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.adapters.stack import StackItem, applied_stack
from wan_lora_studio.wan.ownership import Claim, Ownership, nothing

OURS = str(Path("wan_lora_studio") / "wan")
LOOKING = ("layout.py", "resolve.py", "files.py", "layer.py")  # they change nothing
MOST = 250  # interrupts for each case


class InterruptAt:
    """Raises KeyboardInterrupt once, at the line of this number that our code runs."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.count = 0

    def __enter__(self) -> InterruptAt:
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        # What is raised in a finaliser goes nowhere.
        ours = OURS in name and not name.endswith(LOOKING) and frame.f_code.co_name != "__del__"
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            number, self.count = self.count, self.count + 1
            if number == self.at:
                raise KeyboardInterrupt
        return self._line


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, fp32_experts: Any) -> list[StackItem]:
    """A LoRA of a few layers: linear ones, a bias, a norm and the patch embedding."""
    made = lora_weights.accelerator_file(shapes_of(fp32_experts))
    wanted = ("blocks.0.self_attn.q.", "blocks.0.self_attn.norm_q", "patch_embedding")
    tensors = {key: value for key, value in made.tensors.items() if any(w in key for w in wanted)}
    path = Made(tensors=tensors).save(tmp_path_factory.mktemp("loras") / "few.safetensors")
    return [item("few", [[0.0, 0.7], [0.5, -0.3]], both=path)]


def use(experts: Any, items: list[StackItem], mode: Mode) -> None:
    with apply(experts, items, mode) as stack:
        stack.at_fraction(0.5)
        stack.change([])
        stack.change(items)


def hooks(experts: Any) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks)
        for model in (experts.transformer, experts.transformer_2)
        for module in model.modules()
    )


def points(run: Callable[[], None]) -> range:
    with InterruptAt() as counting:
        run()
    return range(0, counting.count, max(1, counting.count // MOST))


def test_an_interrupt_at_any_line_leaves_every_weight_as_before(
    experts: Any, few: list[StackItem], mode: Mode
) -> None:
    before = state(experts)
    for at in points(lambda: use(experts, few, mode)):
        try:
            with InterruptAt(at):
                use(experts, few, mode)
        except KeyboardInterrupt:
            pass
        else:
            pytest.fail(f"the interrupt at line {at} was lost")
        assert_bit_identical(experts, before)
        assert hooks(experts) == 0
        with applied_stack(experts, [], wait=False):
            pass


def test_an_interrupt_at_any_line_of_a_claim_leaves_nothing_locked() -> None:
    def take(thing: Ownership) -> None:
        claim = Claim("a test", {thing: nothing})
        try:
            claim.take(wait=False)
        finally:
            claim.end()

    with InterruptAt() as counting:
        take(Ownership())
    assert counting.count > 10
    for at in range(counting.count):
        thing = Ownership()
        with suppress(KeyboardInterrupt), InterruptAt(at):
            take(thing)
        take(thing)


def test_an_interrupt_while_a_schedule_moves_on(experts: Any, few: list[StackItem]) -> None:
    """Caught inside, what is in force can be brought to any point afterwards."""
    with apply(experts, few) as stack:
        stack.at_fraction(0.5)
        wanted = output(experts.transformer)
        stack.at_fraction(0.0)
        for at in points(lambda: stack.at_fraction(0.5)):
            stack.at_fraction(0.0)
            with suppress(KeyboardInterrupt), InterruptAt(at):
                stack.at_fraction(0.5)
            stack.at_fraction(0.5)
            assert torch.equal(output(experts.transformer), wanted)


class InterruptedWrites(torch.utils._python_dispatch.TorchDispatchMode):
    """Raises at each of the first writes into a weight, as often as it is told."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.times and func is torch.ops.aten.copy_.default:
            self.times -= 1
            raise KeyboardInterrupt
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("times", [1, 2, 5])
def test_several_interrupts_in_a_row_while_everything_is_taken_off(
    times: int, experts: Any, few: list[StackItem]
) -> None:
    before = state(experts)
    interrupts = InterruptedWrites(times)
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117 - the order counts
        with apply(experts, few):
            interrupts.__enter__()
    interrupts.__exit__(None, None, None)
    assert interrupts.times == 0
    assert_bit_identical(experts, before)


def tied(kind: str) -> Any:
    """A model of which one weight, or one module, stands under two names."""
    model = tiny_transformer()
    first, second = model.blocks[0].attn1, model.blocks[1].attn1
    if kind == "parameter":
        second.to_q.weight = first.to_q.weight
    elif kind == "norm":
        second.norm_q.weight = first.norm_q.weight
    else:
        model.blocks[1].attn1 = first
    return SimpleNamespace(transformer=model, transformer_2=None)


@pytest.mark.parametrize("kind", ["parameter", "norm", "module"])
def test_what_stands_under_two_names_is_restored(kind: str, mode: Mode, tmp_path: Path) -> None:
    pipeline = tied(kind)
    before, bare = state(pipeline), output(pipeline.transformer)
    shapes = {name: tuple(v.shape) for name, v in tiny_transformer().named_parameters()}
    made = lora_weights.accelerator_file(shapes)
    items = [item("a", 0.7, both=made.save(tmp_path / "a.safetensors"))]
    with apply(pipeline, items, mode) as stack:
        changed = output(pipeline.transformer)
        assert stack.loras["a"]["ignored"] == {}
        stack.change([item("a", -0.4, **items[0].files)])
    assert difference(changed, bare) > 1e-3
    assert_bit_identical(pipeline, before)
    assert torch.equal(output(pipeline.transformer), bare)


@pytest.mark.parametrize("kind", ["parameter", "module"])
def test_both_ways_do_the_same_to_what_stands_under_two_names(kind: str, tmp_path: Path) -> None:
    pipeline = tied(kind)
    shapes = {name: tuple(v.shape) for name, v in tiny_transformer().named_parameters()}
    made = lora_weights.lora_file(shapes, lora_weights.kohya)
    items = [item("a", 0.7, both=made.save(tmp_path / "a.safetensors"))]
    found = []
    for mode in ("merge", "runtime"):
        with applied_stack(pipeline, items, mode=mode):  # type: ignore[arg-type]
            found.append(output(pipeline.transformer))
    assert difference(*found) <= 1e-5


def test_one_transformer_that_serves_as_both_experts(mode: Mode, tmp_path: Path) -> None:
    model = tiny_transformer()
    pipeline = SimpleNamespace(transformer=model, transformer_2=model)
    before = state(pipeline)
    made = lora_weights.lora_file(shapes_of(pipeline), lora_weights.kohya)
    path = made.save(tmp_path / "a.safetensors")
    with apply(SimpleNamespace(transformer=model), [item("a", 1.0, both=path)], mode):
        wanted = output(model)
    with apply(pipeline, [item("a", 1.0, both=path)], mode):
        assert torch.equal(output(model), wanted)
    assert_bit_identical(pipeline, before)
