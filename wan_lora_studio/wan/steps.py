"""Steps of a run, and how many fall to each expert, as the pipeline's scheduler shares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TRAIN_STEPS = 1000
JUST_BELOW_ONE = 1.0 - 1e-6  # diffusers keeps the first sigma a little below 1


@dataclass(frozen=True)
class StepSplit:
    """Steps of the high-noise expert, which come first, and of the low-noise expert."""

    high: int
    low: int

    @property
    def handover(self) -> float:
        """The fraction of the steps after which the low-noise expert takes over."""
        return self.high / (self.high + self.low)

    def of(self, expert: str) -> int:
        return self.high if expert == "high" else self.low


def split_steps(steps: int, flow_shift: float, boundary_ratio: float | None) -> StepSplit:
    """The split of `steps` (at least 1); without a boundary one expert makes all of them.

    As diffusers' pipeline does: the high-noise expert runs while the timestep is at least
    `boundary_ratio` of the training's thousand.
    """
    if boundary_ratio is None:
        return StepSplit(steps, 0)
    boundary = boundary_ratio * TRAIN_STEPS
    high = sum(timestep >= boundary for timestep in timesteps(steps, flow_shift))
    return StepSplit(high, steps - high)


def timesteps(steps: int, flow_shift: float) -> Sequence[int]:
    """The timesteps of a run, 999 first, as UniPC with flow sigmas spaces and shifts them."""
    last = 1.0 / TRAIN_STEPS
    plain = [1.0 + (last - 1.0) * index / steps for index in range(steps)]
    shifted = [flow_shift * sigma / (1.0 + (flow_shift - 1.0) * sigma) for sigma in plain]
    return [int(min(sigma, JUST_BELOW_ONE) * TRAIN_STEPS) for sigma in shifted]
