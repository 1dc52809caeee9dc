"""Step clock: how far a run is, by its scheduler's count, told before each forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from wan_lora_studio.wan.adapters.custody import COMPILED_CALL, Hooked, ReplacedCall


class StepClock:
    """Reads the fraction of the steps that are done; guidance's two passes read the same."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._run: Tensor | None = None  # each run has timesteps of its own
        self._began = False  # it was seen before its first step
        self._base: int | None = None  # the scheduler's index where the run began

    def fraction(self) -> float | None:
        """0 before the first step, less than 1 before the last; None where nothing tells."""
        scheduler: Any = getattr(self._pipeline, "scheduler", None)
        timesteps = getattr(scheduler, "timesteps", None)
        if not isinstance(timesteps, Tensor) or not len(timesteps):
            return None
        if timesteps is not self._run:
            self._run, self._began, self._base = timesteps, False, None
        if not hasattr(scheduler, "step_index"):
            return self._by_timestep(timesteps)
        index = scheduler.step_index
        if index is None:
            self._began, self._base = True, None
            return 0.0
        if self._base is None:
            # After a run's first step the index is one further than where it began.
            self._base = int(index) - 1 if self._began else int(index)
        done, total = int(index) - self._base, len(timesteps) - self._base
        if getattr(self._pipeline, "_num_timesteps", None) == len(timesteps):
            total = len(timesteps)
        return min(max(done / max(total, 1), 0.0), 1.0)

    def _by_timestep(self, timesteps: Tensor) -> float | None:
        """For a scheduler that counts no steps: by the timestep that the pipeline is at."""
        now = getattr(self._pipeline, "_current_timestep", None)
        if now is None:
            return None
        found = (timesteps == float(now)).nonzero()
        return int(found[0]) / len(timesteps) if len(found) else None


class StepDriver(Hooked):
    """Calls `bring` with the fraction before each forward pass of the models."""

    def __init__(self, clock: StepClock, bring: Callable[[float], None]) -> None:
        self._clock, self._bring = clock, bring

    def attach(self, model: nn.Module) -> None:
        """A pass through a module that was compiled in place does not look for hooks."""
        compiled = model.__dict__.get(COMPILED_CALL)
        if compiled is None:
            model.register_forward_pre_hook(self.before)
        elif not isinstance(compiled, DrivenCall):
            model.__dict__[COMPILED_CALL] = DrivenCall(self, compiled)

    def before(self, *_: Any) -> None:
        fraction = self._clock.fraction()
        if fraction is not None:
            self._bring(fraction)


class DrivenCall(ReplacedCall):
    """A compiled module's call, with the driver's before it."""

    def __init__(self, driver: StepDriver, compiled: Callable[..., Any]) -> None:
        super().__init__(compiled)
        self._driver = driver

    def __call__(self, *args: Any, **named: Any) -> Any:
        self._driver.before()
        return self.compiled(*args, **named)


def detach(model: nn.Module) -> None:
    """Take what `attach` did off again."""
    call = model.__dict__.get(COMPILED_CALL)
    if isinstance(call, DrivenCall):
        call.leave(model)
    for number, hook in list(model._forward_pre_hooks.items()):
        if isinstance(getattr(hook, "__self__", None), StepDriver):
            model._forward_pre_hooks.pop(number, None)
