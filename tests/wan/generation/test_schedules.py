"""Schedules follow the steps of whatever run the pipeline makes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from torch import Tensor

from tests.support.studio import Studio
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.adapters.stack import AppliedStack
from wan_lora_studio.wan.adapters.step_clock import StepClock

SCHEDULE = {"high": [[0.0, 0.2], [0.2, 1.0], [0.4, -0.5]], "low": [[0.0, 0.0], [0.5, 1.5]]}
SCHEDULERS = {UniPCMultistepScheduler: "flow_shift", FlowMatchEulerDiscreteScheduler: "shift"}
SELECTION = {"combined": SCHEDULE, "lokr": [[0.0, 1.0], [0.75, 0.1]]}


@pytest.fixture
def pipeline(studio: Studio) -> Any:
    return studio.models.load("t2v").pipeline


def latents(pipeline: Any, steps: int, after: Callable[[int], None] | None = None) -> Tensor:
    """`after` is called with the number of steps that are done."""

    def stepped(_: Any, index: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if after is not None and index + 1 < steps:
            after(index + 1)
        return tensors

    found: Tensor = pipeline(
        "a shape", width=32, height=32, num_frames=1, num_inference_steps=steps,
        guidance_scale=2.0, output_type="latent", return_dict=False,
        callback_on_step_end=stepped, generator=torch.Generator().manual_seed(1),
    )[0]  # fmt: skip
    return found


def by_hand(pipeline: Any, stack: AppliedStack, steps: int) -> Tensor:
    stack.at_fraction(0.0)
    return latents(pipeline, steps, lambda done: stack.at_fraction(done / steps))


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_it_is_as_if_driven_by_hand_in_every_run(mode: Mode, studio: Studio, pipeline: Any) -> None:
    """Also with another number of steps, and with another scheduler."""
    counts = (4, 7, 1, 4)
    with studio.loras.applied(pipeline, SELECTION, mode) as stack:
        wanted = [by_hand(pipeline, stack, steps) for steps in counts]
        first = latents(pipeline, 4, lambda _: stack.at_fraction(0.0))
    assert not torch.equal(first, wanted[0])
    before = studio.weights()
    with studio.loras.applied(pipeline, SELECTION, mode):
        for steps, goal in zip(counts, wanted, strict=True):
            assert torch.equal(latents(pipeline, steps), goal)
    kept = pipeline.scheduler
    for kind, shift in (
        (UniPCMultistepScheduler, "flow_shift"),
        (FlowMatchEulerDiscreteScheduler, "shift"),
    ):
        with studio.loras.applied(pipeline, SELECTION, mode) as stack:
            pipeline.scheduler = kind.from_config(kept.config, **{shift: 7.0})
            found = latents(pipeline, 6)
            assert torch.equal(found, by_hand(pipeline, stack, 6))
        pipeline.scheduler = kept
    for name, value in studio.weights().items():
        assert torch.equal(value, before[name])


def test_a_run_that_was_stopped_is_followed_by_one_from_the_start(
    studio: Studio, pipeline: Any
) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise ValueError("stop")

    with studio.loras.applied(pipeline, SELECTION) as stack:
        wanted = by_hand(pipeline, stack, 4)
    with studio.loras.applied(pipeline, SELECTION):
        with pytest.raises(ValueError, match="stop"):
            latents(pipeline, 5, stop)
        assert torch.equal(latents(pipeline, 4), wanted)


def test_who_drives_by_hand_is_left_alone(studio: Studio, pipeline: Any) -> None:
    constant = {"combined": {"high": 1.0, "low": 0.0}, "lokr": 1.0}
    with studio.loras.applied(pipeline, constant, "runtime"):
        wanted = latents(pipeline, 4)
    with studio.loras.applied(pipeline, SELECTION, "runtime") as stack:
        stack.at_fraction(0.3)
        assert torch.equal(latents(pipeline, 4), wanted)


def test_one_transformer_with_a_timestep_for_each_token(studio: Studio) -> None:
    pipeline = studio.models.load("ti2v").pipeline
    with studio.loras.applied(pipeline, {"lokr": SCHEDULE["high"]}) as stack:
        wanted = by_hand(pipeline, stack, 5)
    with studio.loras.applied(pipeline, {"lokr": SCHEDULE["high"]}):
        assert torch.equal(latents(pipeline, 5), wanted)


def test_a_change_to_a_schedule_and_back_within_one_context(studio: Studio, pipeline: Any) -> None:
    with studio.loras.applied(pipeline, SELECTION) as stack:
        wanted = latents(pipeline, 4)
        stack.change(studio.loras.stack_items({"lokr": 1.0}))
        constant = latents(pipeline, 4)
        stack.change(studio.loras.stack_items(SELECTION))
        assert torch.equal(latents(pipeline, 4), wanted)
    with studio.loras.applied(pipeline, {"lokr": 1.0}):
        assert torch.equal(latents(pipeline, 4), constant)


@pytest.mark.parametrize("kind", ["in place", "wrapped"])
def test_a_compiled_model(kind: str, studio: Studio, pipeline: Any) -> None:
    with studio.loras.applied(pipeline, SELECTION, "merge") as stack:
        wanted = by_hand(pipeline, stack, 4)
    names, kept = ("transformer", "transformer_2"), {}
    for name in names:
        model = kept[name] = getattr(pipeline, name)
        if kind == "in place":
            model.compile(backend="eager")
        else:
            setattr(pipeline, name, torch.compile(model, backend="eager"))
    try:
        calls = [model._compiled_call_impl for model in kept.values()]
        with studio.loras.applied(pipeline, SELECTION) as stack:
            assert stack.mode == "merge"
            assert torch.equal(latents(pipeline, 4), wanted)
        assert [model._compiled_call_impl for model in kept.values()] == calls
    finally:
        for name, model in kept.items():
            setattr(pipeline, name, model)
            model._compiled_call_impl = None


class Counting:
    """A scheduler as far as a clock looks at it."""

    def __init__(self, steps: int) -> None:
        self.timesteps = torch.linspace(999, 1, steps)
        self.step_index: int | None = None


def seen(clock: StepClock, scheduler: Any, first: int, steps: int) -> list[float | None]:
    """What is read in a run that begins at an index of the scheduler."""
    found = []
    for index in range(first, steps):
        found.append(clock.fraction())
        found.append(clock.fraction())  # guidance's other pass
        scheduler.step_index = index + 1
    return found[::2] if found[::2] == found[1::2] else []


def test_a_clock_counts_from_where_the_run_began() -> None:
    """Video to video begins in the middle of the scheduler's timesteps."""
    pipeline = SimpleNamespace(scheduler=Counting(10))
    clock = StepClock(pipeline)
    assert seen(clock, pipeline.scheduler, 0, 10) == [number / 10 for number in range(10)]
    pipeline.scheduler = Counting(10)
    assert seen(clock, pipeline.scheduler, 6, 10) == [0.0, 0.25, 0.5, 0.75]
    pipeline.scheduler = Counting(8)
    pipeline.scheduler.step_index = 4  # known before the first step
    assert seen(clock, pipeline.scheduler, 4, 8) == [0.0, 0.25, 0.5, 0.75]


def test_a_clock_without_a_count_goes_by_the_timestep_and_without_that_by_nothing() -> None:
    scheduler = SimpleNamespace(timesteps=torch.tensor([900, 600, 300, 100]))
    pipeline = SimpleNamespace(scheduler=scheduler, _current_timestep=torch.tensor(300))
    assert StepClock(pipeline).fraction() == 0.5
    for other in (SimpleNamespace(), SimpleNamespace(scheduler=scheduler)):
        assert StepClock(other).fraction() is None
