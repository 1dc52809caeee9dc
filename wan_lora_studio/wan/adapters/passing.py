"""Passing expert: LoRAs on a transformer whose weights come and go.

The LoRAs are applied each time the weights arrive, hooks and merged parts alike, and removed before
the weights leave, so the next weights that are read are the plain ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wan_lora_studio.wan.adapters.custody import Custody
from wan_lora_studio.wan.adapters.plan import Plan
from wan_lora_studio.wan.adapters.presence import Presence
from wan_lora_studio.wan.adapters.runtime import RuntimeExpert


class PassingExpert:
    """The LoRAs of one transformer, kept also while its weights are away.

    `make` gives the changes beside the weights as they are now: hooks of others come and go with
    them.
    """

    def __init__(
        self, custody: Custody, presence: Presence, make: Callable[[], RuntimeExpert]
    ) -> None:
        self._custody, self._presence, self._make = custody, presence, make
        self._state: RuntimeExpert | None = None
        self._plan: Plan = {}
        self._strengths: Sequence[float] = ()

    def bring(self, plan: Plan, strengths: Sequence[float]) -> None:
        """As `RuntimeExpert`, at once or as soon as the weights come. A change that cannot be
        made for want of their values is refused then."""
        state = self._state
        if self._presence.here:
            state = state or self._make()
            state.bring(plan, strengths)
        else:
            self._make().require_possible(plan)
        self._presence.follower = self
        self._state, self._plan, self._strengths = state, plan, strengths

    def set_strengths(self, strengths: Sequence[float]) -> None:
        """The same changes at other strengths."""
        if self._state is not None:
            self._state.set_strengths(strengths)
        self._strengths = strengths

    def restore(self) -> None:
        """Take everything off; bit-identical."""
        if self._presence.follower is self:
            self._presence.follower = None
        state, self._state = self._state, None
        self._plan, self._strengths = {}, ()
        if state is not None:
            state.restore()

    def resident_bytes(self) -> int:
        return 0 if self._state is None else self._state.resident_bytes()

    def came(self) -> None:
        """Apply the LoRAs to the weights that have arrived."""
        if not self._plan:
            return
        state = self._make()
        state.bring(self._plan, self._strengths)
        state.enter()  # the hook that does it is too late for this pass
        self._state = state

    def leaves(self) -> None:
        """Remove the LoRAs until the weights arrive again."""
        state, self._state = self._state, None
        if state is not None:
            state.restore()
            state.leave()
        self._custody.forget()
