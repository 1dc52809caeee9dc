"""Host memory: which weights of a model are in the computer's own memory at once.

One rule for the page's estimate, the worker's forecast and the loading itself; no torch here. It
is about weights that wait or compute on the host: those of a model that stays on its GPU are there
only while it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wan_lora_studio.wan.components import ENCODER, TRANSFORMERS

ENCODER_STAYS_FROM = 48_000_000_000  # bytes of memory; a computer sold with 48 GB has more
RESERVE = 6_000_000_000  # bytes; for the system, the app, and the frames of a video


@dataclass(frozen=True)
class HostMemory:
    """What of a model's weights, in bytes by component, is held at once in `memory` bytes, all
    that the computer has."""

    weights: Mapping[str, int]
    memory: int

    @property
    def one_expert_at_a_time(self) -> bool:
        """Whether each expert is read when its steps begin, in place of the other.

        So it is where both experts and the text encoder do not fit together.
        """
        both = all(self.weights.get(name) for name in TRANSFORMERS)
        return both and not self._holds(sum(self.weights.values()))

    @property
    def encoder_leaves(self) -> bool:
        """Whether the text encoder goes after each prompt and is read again for the next one.

        So it is where memory is small, and where the encoder does not fit beside one expert.
        """
        if not self.weights.get(ENCODER):
            return False
        absent = (self.weights[name] for name in TRANSFORMERS if self.one_expert_at_a_time)
        beside = sum(self.weights.values()) - min(absent, default=0)
        return self.memory < ENCODER_STAYS_FROM or not self._holds(beside)

    @property
    def on_call(self) -> tuple[str, ...]:
        """The components that are in memory only while they are used, never two at once."""
        experts = TRANSFORMERS if self.one_expert_at_a_time else ()
        return (*((ENCODER,) if self.encoder_leaves else ()), *experts)

    @property
    def most(self) -> int:
        """The most bytes of weights that are held at once."""
        passing = [self.weights.get(name, 0) for name in self.on_call]
        return sum(self.weights.values()) - sum(passing) + max(passing, default=0)

    def _holds(self, weights: int) -> bool:
        return weights + RESERVE <= self.memory
