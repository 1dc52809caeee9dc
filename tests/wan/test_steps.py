"""The steps of each expert, beside the scheduler that really shares them."""

from __future__ import annotations

import pytest
from diffusers import UniPCMultistepScheduler

from wan_lora_studio.wan.steps import split_steps, timesteps


def scheduler(shift: float) -> UniPCMultistepScheduler:
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
        num_train_timesteps=1000,
    )


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0, 5.0, 7.5, 8.0, 12.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 6, 8, 20, 30, 40, 50])
def test_the_timesteps_are_those_of_the_scheduler(steps: int, shift: float) -> None:
    real = scheduler(shift)
    real.set_timesteps(steps)
    expected = real.timesteps.tolist()
    assert all(
        abs(ours - theirs) <= 1
        for ours, theirs in zip(timesteps(steps, shift), expected, strict=True)
    )
    for boundary in (0.875, 0.9):
        high = sum(value >= boundary * 1000 for value in expected)
        assert split_steps(steps, shift, boundary).high == high


def test_four_steps_at_shift_three_are_shared_evenly() -> None:
    split = split_steps(4, 3.0, 0.875)
    assert (split.high, split.low, split.handover) == (2, 2, 0.5)
    assert list(timesteps(4, 3.0)) == [999, 900, 750, 500]


def test_a_model_with_one_expert_has_no_handover() -> None:
    split = split_steps(30, 5.0, None)
    assert (split.of("high"), split.of("low"), split.handover) == (30, 0, 1.0)


def test_an_expert_may_get_no_step() -> None:
    assert split_steps(2, 12.0, 0.875).low == 0
