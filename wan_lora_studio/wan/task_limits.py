"""Limits of a task's numbers: the one place that says what a model takes, for server and page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import shortened

SEED_LIMIT = 2**32
FRAME_STRIDE = 4  # Wan's VAE packs four frames into one latent after the first.


@dataclass(frozen=True)
class Limit:
    """Numbers from `low` to `high`, both included; of whole ones `first` and every `stride` on."""

    low: float
    high: float
    whole: bool = True
    stride: int = 1
    first: int = 0

    @property
    def advice(self) -> str:
        if self.whole:
            return say("wan.task.use_whole_number", **self._ends)
        return say("wan.task.use_number", **self._ends)

    def refusal(self, name: str, value: Any) -> str | None:
        """What is wrong with a field's value besides its place between two strides; None if
        nothing is."""
        number = _is_int(value) if self.whole else _is_number(value)
        if number and self.low <= value <= self.high:  # neither holds for NaN
            return None
        said = {"field": name, "value": shortened(value), **self._ends}
        return (
            say("wan.task.whole_number", **said) if self.whole else say("wan.task.number", **said)
        )

    @property
    def _ends(self) -> dict[str, str]:
        if self.whole:
            return {"low": str(self.low), "high": str(self.high)}
        return {"low": f"{self.low:g}", "high": f"{self.high:g}"}

    def neighbours(self, value: int) -> tuple[int, int] | None:
        """The next ones below and above; None for a value that is taken as it is."""
        over = (value - self.first) % self.stride
        return (value - over, value - over + self.stride) if over else None

    def shown(self) -> dict[str, Any]:
        """As the page's own checks read it."""
        return dataclasses.asdict(self)


def limits_of(entry: ModelEntry) -> dict[str, Limit]:
    """By field of a task, in the order in which they are checked."""
    side = Limit(entry.size_multiple, 16_384, stride=entry.size_multiple)
    guidance = Limit(0.0, 100.0, whole=False)
    return {
        "width": side,
        "height": side,
        "num_frames": Limit(1, 1_000_000, stride=FRAME_STRIDE, first=1),
        "fps": Limit(1, 120),
        "steps": Limit(1, 1000),
        "seed": Limit(0, SEED_LIMIT - 1),
        "guidance_scale": guidance,
        "guidance_scale_2": guidance,
        "flow_shift": Limit(0.01, 1000.0, whole=False),
    }


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
