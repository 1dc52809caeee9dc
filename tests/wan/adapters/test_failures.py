"""A failure in the middle of the work, at any point of it, leaves everything as before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.applying import apply, assert_bit_identical, item, output, shapes_of, state
from tests.support.loras.algebras import LINEAR_ALGEBRAS
from tests.support.loras.layouts import LAYOUTS, write_layers
from tests.support.loras.weights import accelerator_file
from wan_lora_studio.errors import VRAMError
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.adapters.stack import StackItem

# How far into the work memory runs out.
SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


class MemoryThatRunsOut(TorchDispatchMode):
    """Stands for an accelerator whose memory is full once, at the operation of this number.

    Without a number it only counts the operations.
    """

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.at = at
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        number, self.count = self.count, self.count + 1
        if number == self.at:
            raise torch.OutOfMemoryError("no memory is left for this operation")
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory, fp32_experts: Any) -> list[StackItem]:
    """Several algebras, norms and convolutions among them."""
    folder, shapes = tmp_path_factory.mktemp("loras"), shapes_of(fp32_experts)
    files = {
        "fast": accelerator_file(shapes),
        "dora": write_layers(LAYOUTS["PEFT export"], LINEAR_ALGEBRAS["DoRA, vector"], shapes),
        "lokr": write_layers(LAYOUTS["LyCORIS"], LINEAR_ALGEBRAS["LoKr, w2 split"], shapes),
    }
    return [
        item(name, 0.7, both=made.save(folder / f"{name}.safetensors"))
        for name, made in files.items()
    ]


def hooks(experts: Any) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks)
        for model in (experts.transformer, experts.transformer_2)
        for module in model.modules()
    )


def operations(experts: Any, items: list[StackItem], mode: Mode) -> int:
    """How many operations it takes to apply the stack."""
    with MemoryThatRunsOut() as memory, apply(experts, items, mode):
        return memory.count


@pytest.mark.parametrize("share", SHARES)
def test_memory_runs_out_while_applying(
    share: float, experts: Any, items: list[StackItem], mode: Mode
) -> None:
    before, number = state(experts), operations(experts, items, mode)
    assert number > 100
    with (
        MemoryThatRunsOut(int(share * (number - 1))) as memory,
        pytest.raises(VRAMError, match="Not enough memory to apply fast, dora, lokr"),
        apply(experts, items, mode),
    ):
        pytest.fail("the failure was passed over")
    assert memory.count > int(share * (number - 1))
    assert_bit_identical(experts, before)
    assert hooks(experts) == 0


@pytest.mark.parametrize("share", SHARES)
def test_memory_runs_out_while_switching(
    share: float, experts: Any, items: list[StackItem], mode: Mode
) -> None:
    """What was in force still is, and the switch can be tried again."""
    first, second = items[:2], [items[2], items[0]]
    with apply(experts, first, mode) as stack:
        with MemoryThatRunsOut() as counting:
            stack.change(second)
        wanted = output(experts.transformer)
        stack.change(first)
        in_force, before, report = state(experts), output(experts.transformer), stack.loras
        with (
            MemoryThatRunsOut(int(share * (counting.count - 1))),
            pytest.raises(torch.OutOfMemoryError),
        ):
            stack.change(second)
        assert_bit_identical(experts, in_force)
        assert torch.equal(output(experts.transformer), before)
        assert stack.loras == report
        stack.change(second)
        assert torch.equal(output(experts.transformer), wanted)
    assert hooks(experts) == 0


@pytest.mark.parametrize("share", SHARES)
def test_memory_runs_out_at_a_point_of_the_schedule(
    share: float, experts: Any, items: list[StackItem], mode: Mode
) -> None:
    scheduled = [item(one.name, [[0.0, 0.7], [0.5, -0.4]], **one.files) for one in items]
    with apply(experts, scheduled, mode) as stack:
        in_force, before = state(experts), output(experts.transformer)
        with MemoryThatRunsOut() as counting:
            stack.at_fraction(0.5)
        wanted = output(experts.transformer)
        stack.at_fraction(0.0)
        with (
            MemoryThatRunsOut(int(share * (counting.count - 1))),
            pytest.raises(torch.OutOfMemoryError),
        ):
            stack.at_fraction(0.5)
        stack.at_fraction(0.0)
        assert_bit_identical(experts, in_force)
        assert torch.equal(output(experts.transformer), before)
        stack.at_fraction(0.5)
        assert torch.equal(output(experts.transformer), wanted)


@pytest.mark.parametrize("number", range(3))
def test_an_error_inside_the_context(
    number: int, experts: Any, items: list[StackItem], mode: Mode
) -> None:
    before = state(experts)
    with pytest.raises(KeyboardInterrupt), apply(experts, items[: number + 1], mode):
        raise KeyboardInterrupt
    assert_bit_identical(experts, before)
    assert hooks(experts) == 0


def test_a_file_that_goes_away_while_it_is_in_force(
    experts: Any, items: list[StackItem], mode: Mode, tmp_path: Path
) -> None:
    """Its factors are mapped; on a system that lets it be deleted, it keeps working."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(items[0].files["both"].read_bytes())
    schedule = [[0.0, 1.0], [0.5, 0.5]]
    with apply(experts, [item("a", schedule, both=items[0].files["both"])], mode) as stack:
        stack.at_fraction(0.5)
        wanted = output(experts.transformer)
    with apply(experts, [item("a", schedule, both=path)], mode) as stack:
        path.unlink()
        stack.at_fraction(0.5)
        assert torch.equal(output(experts.transformer), wanted)
