"""Stack of LoRAs on a pipeline: applied, switched and taken off."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import nn

from wan_lora_studio.errors import InUseError, LoRALoadingError, VRAMError
from wan_lora_studio.lora.roles import EXPERTS, Expert
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.apply_mode import Choice, Mode, WantedMode, choose
from wan_lora_studio.wan.adapters.cache import AdapterCache
from wan_lora_studio.wan.adapters.custody import custody_of
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.merge import MergedExpert
from wan_lora_studio.wan.adapters.metering import LoadMeter
from wan_lora_studio.wan.adapters.passing import PassingExpert
from wan_lora_studio.wan.adapters.pipeline_parts import transformers_of
from wan_lora_studio.wan.adapters.plan import Plan
from wan_lora_studio.wan.adapters.resolve import Resolved, StackItem, resolve
from wan_lora_studio.wan.adapters.runtime import Residency, RuntimeExpert
from wan_lora_studio.wan.adapters.step_clock import StepClock, StepDriver, detach
from wan_lora_studio.wan.ownership import Check, Claim, nothing

__all__ = ["AppliedStack", "StackItem", "applied_stack"]


class ExpertState(Protocol):
    """What is in force on one transformer, in either mode."""

    def bring(self, plan: Plan, strengths: Sequence[float]) -> None: ...
    def set_strengths(self, strengths: Sequence[float]) -> None: ...
    def restore(self) -> None: ...
    def resident_bytes(self) -> int: ...


class AppliedStack:
    """The LoRAs that are applied now. Made by `applied_stack`, whose `claim` it works under.

    Scheduled strengths follow the steps of the pipeline that is run.
    """

    def __init__(
        self,
        models: Mapping[Expert, nn.Module],
        wanted: WantedMode,
        cache: AdapterCache,
        claim: Claim,
        clock: StepClock,
        *,
        meter: LoadMeter | None,
    ) -> None:
        self._models = list(models.values())
        self._layouts = {expert: Layout.of(model) for expert, model in models.items()}
        self._wanted = wanted
        self._cache = cache
        # Weak: what drops the claim is to end it, whoever still looks at the stack.
        self._claim = weakref.ref(claim)
        self._resolved = resolve(self._layouts, (), cache)
        self._choice = Choice("merge", say("wan.adapters.mode.nothing"))
        self._states: dict[Expert, ExpertState] = {}
        self._in_force: dict[Expert, tuple[Plan, list[float]]] = {}
        self._fraction = 0.0
        self._driver = StepDriver(clock, self._bring_to)
        self._by_hand = False
        self._meter = meter
        self.lora_metadata: dict[str, Any] = {}

    @property
    def mode(self) -> Mode:
        """merge or runtime."""
        return self._choice.mode

    @property
    def mode_reason(self) -> str:
        """Why that mode, in words for the user."""
        return self._choice.reason

    @property
    def loras(self) -> dict[str, dict[str, Any]]:
        """What each LoRA does, by name."""
        mode = {"mode": self.mode, "mode_reason": self.mode_reason}
        return {report.item.name: report.to_dict() | mode for report in self._resolved.reports}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        return self.loras

    @property
    def lora_load_time(self) -> float:
        """Seconds that applying took; 0 where nothing measured it."""
        return self._meter.seconds if self._meter else 0.0

    @property
    def lora_memory_usage(self) -> float:
        """Bytes that the LoRAs take now, on the host and on an accelerator: their files, their
        factors, and copies of the weights that they change."""
        if self._meter is None or not self._resolved.items:
            return 0.0
        measured = self._meter.measured(self.mode, self.resident_bytes())
        return float(measured.host + measured.gpu)

    def held(self) -> dict[str, Any]:
        """What is applied now, by name, as `LoRALibrary.follow_worker` takes it."""
        return {
            item.name: {
                "state": "applied",
                "strength": {
                    expert: item.strength.for_expert(expert).at(self._fraction)
                    for expert in EXPERTS
                },
            }
            for item in self._resolved.items
        }

    def change(self, items: Sequence[StackItem]) -> None:
        """Bring other LoRAs, or the same at other strengths, into force.

        Only the difference is done: nothing for the same stack, no file is read for other
        strengths, and only files that are not in memory are read. Raises a LoRAError that names
        the LoRA; what was in force then still is.
        """
        self._require_open()
        present = self._resolved
        same_files = tuple(item.sources() for item in items) == present.sources
        if same_files and tuple(items) == present.items and self._states:
            return
        resolved = present.at(items) if same_files else resolve(self._layouts, items, self._cache)
        choice = self._choice
        if (
            resolved.effective is not present.effective
            or resolved.scheduled != present.scheduled
            or not self._states
        ):
            choice = choose(
                self._wanted,
                self._layouts,
                resolved.effective,
                scheduled=resolved.scheduled,
                held_bytes=sum(custody_of(model).copied_bytes for model in self._models),
            )
        self._enforce(resolved, choice)

    def at_fraction(self, fraction: float) -> None:
        """Bring scheduled strengths to a fraction (0 to 1) of the steps.

        Who calls this drives the schedule by hand: it follows the pipeline's steps no longer.
        """
        self._require_open()
        self._by_hand = True
        self._enter(fraction)

    def resident_bytes(self) -> dict[Expert, int]:
        """Bytes of LoRA factors on an accelerator, by expert."""
        return {expert: state.resident_bytes() for expert, state in self._states.items()}

    def _bring_to(self, fraction: float) -> None:
        """As the pipeline's steps go."""
        if not self._by_hand and fraction != self._fraction:
            self._enter(fraction)

    def _enter(self, fraction: float) -> None:
        for expert, state in self._states.items():
            strengths = self._resolved.strengths(expert, fraction)
            state.set_strengths(strengths)
            self._in_force[expert] = self._in_force[expert][0], strengths
        self._fraction = fraction

    def _require_open(self) -> None:
        claim = self._claim()
        if claim is None or claim.ended:
            raise LoRALoadingError(
                say("wan.adapters.taken_off"),
                suggestions=[say("wan.adapters.apply_again")],
            )

    def _follow_steps(self) -> None:
        """Have the pipeline's steps drive the strengths if any is scheduled."""
        for model in self._models:
            detach(model)
            if self._resolved.scheduled:
                custody_of(model).hooked.append(model)
                self._driver.attach(model)

    def _enforce(self, resolved: Resolved, choice: Choice) -> None:
        """All of it, or what was in force before."""
        old = self._states
        new = old if old and choice.mode == self._choice.mode else self._new_states(choice)
        wanted = {
            expert: (resolved.effective[expert], resolved.strengths(expert, self._fraction))
            for expert in new
        }
        try:
            if new is not old:
                _restore(old)
            for expert, state in new.items():
                plan, strengths = wanted[expert]
                if new is old and plan is self._in_force[expert][0]:
                    state.set_strengths(strengths)
                else:
                    state.bring(plan, strengths)
        except BaseException:
            if new is not old:
                _restore(new)
            for expert, state in old.items():
                state.bring(*self._in_force[expert])
            raise
        self._resolved, self._choice = resolved, choice
        self._states, self._in_force = new, wanted
        self._follow_steps()

    def _new_states(self, choice: Choice) -> dict[Expert, ExpertState]:
        residency = Residency()
        states: dict[Expert, ExpertState] = {}
        for expert, layout in self._layouts.items():
            custody = custody_of(layout.model)
            if custody.presence is not None:
                make = partial(self._beside, layout.model, residency)
                states[expert] = PassingExpert(custody, custody.presence, make)
                continue
            pristine = self._cache.pristine(layout, frugal=choice.frugal)
            merged = MergedExpert(layout, pristine)
            runtime = choice.mode == "runtime"
            states[expert] = RuntimeExpert(layout, merged, residency) if runtime else merged
        return states

    def _beside(self, model: nn.Module, residency: Residency) -> RuntimeExpert:
        """Beside the weights that a model has now."""
        layout = Layout.of(model)
        merged = MergedExpert(layout, self._cache.pristine(layout, frugal=False))
        return RuntimeExpert(layout, merged, residency)


def _restore(states: Mapping[Expert, ExpertState]) -> None:
    """Restore every expert, also where one of them fails."""
    with ExitStack() as all_of_them:
        for state in states.values():
            all_of_them.callback(state.restore)


@contextmanager
def applied_stack(
    pipeline: Any,
    items: Sequence[StackItem],
    *,
    mode: WantedMode = "auto",
    cache: AdapterCache | None = None,
    wait: bool | float = True,
    check: Check = nothing,
    meter: LoadMeter | None = None,
) -> Iterator[AppliedStack]:
    """Apply `items` to the pipeline's transformers; undo it on exit, bit-identically.

    `cache` keeps parsed files from one use to the next, `meter` measures. Everything is read and
    checked before the first weight changes. Raises a LoRAError that names the LoRA, or VRAMError;
    the weights are then as before.

    The transformers have one owner at a time, whatever pipelines they are in: while they have
    another, this waits, and calls `check` meanwhile. Raises InUseError as `Claim.take`, also at
    the end where the LoRAs were taken off because the thread that applied them had ended.
    """
    models = _transformers(pipeline)
    custodies = [custody_of(model) for model in models.values()]
    claim = Claim(
        say("wan.adapters.in_use"),
        {custody.owner: custody.take_off for custody in custodies},
    )
    # Twice, because an interrupt may come on the way into the first; the second then does it.
    try:
        try:
            claim.take(wait, check)
            for custody in custodies:
                custody.take_off()  # what an interrupted owner has left behind
            if meter is not None:
                meter.begin()
            cache = cache or AdapterCache(0)
            stack = AppliedStack(models, mode, cache, claim, StepClock(pipeline), meter=meter)
            _bring(stack, items)
            if meter is not None:
                meter.applied()
            yield stack
        finally:
            claim.end()
    finally:
        claim.end()
    if claim.lost:
        raise InUseError(
            say("wan.adapters.lost"),
            cause=say("wan.adapters.lost_cause"),
            suggestions=[say("wan.adapters.one_thread")],
        )


def _transformers(pipeline: Any) -> dict[Expert, nn.Module]:
    """By expert. Raises LoRALoadingError if the pipeline has none."""
    found: dict[Expert, nn.Module] = transformers_of(pipeline)
    if not found:
        raise LoRALoadingError(say("wan.adapters.no_transformer"))
    return found


def _bring(stack: AppliedStack, items: Sequence[StackItem]) -> None:
    try:
        stack.change(items)
    except (torch.OutOfMemoryError, MemoryError) as error:
        names = ", ".join(item.name for item in items)
        raise VRAMError(
            say("wan.adapters.no_memory", loras=names),
            suggestions=[say("wan.adapters.fewer_loras")],
            context={"stage": "apply", "loras": [item.name for item in items]},
        ) from error
