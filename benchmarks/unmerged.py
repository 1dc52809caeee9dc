"""Both sides' ways of applying LoRAs beside the weights, on models that share those weights."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Action, Contestant, Timing, interleave
from benchmarks.models import BarePipeline, ModelShape, build, forward, inputs, shapes_of, twin
from benchmarks.our_side import OurSide
from benchmarks.peft_side import DiffusersSide
from benchmarks.settings import Settings

Files = Mapping[str, Path]


@dataclass(frozen=True)
class Side:
    """One side's way of applying a LoRA beside those that `prepare` puts there."""

    name: str
    pipeline: Any
    prepare: Action
    apply: Action
    finish: Action


class Arena:
    """Both sides on models that share their weights."""

    def __init__(self, settings: Settings, shape: ModelShape) -> None:
        self.settings, self.shape = settings, shape
        model = build(shape, device=settings.device)
        self.shapes = shapes_of(model)
        self.ours = OurSide(BarePipeline(model), "runtime")
        self.theirs = DiffusersSide(twin(model))
        self._given = inputs(shape, settings.few_latents, device=settings.device)

    def compare(
        self, there: Files, new: Files, *, both: bool = True, rounds: int
    ) -> dict[str, Timing]:
        """Apply `new` beside what is there; no forward pass."""
        sides = [self._ours(there, new)] + ([self._theirs(there, new)] if both else [])
        contestants = [
            Contestant(f"{side.name}: apply", side.apply, side.prepare, side.finish)
            for side in sides
        ]
        wait = self.settings.synchronise
        return interleave(contestants, rounds, warmups=min(1, rounds - 1), synchronise=wait)

    def first_passes(self, there: Files, new: Files) -> dict[str, float]:
        """What each side's first forward pass after applying takes beyond its second, in seconds;
        not below 0.
        """
        sides = [self._ours(there, new), self._theirs(there, new)]
        found = interleave(
            [step for side in sides for step in self._steps(side)],
            self.settings.rounds,
            synchronise=self.settings.synchronise,
        )
        return {side.name: _extra(found, side.name) for side in sides}

    def _ours(self, there: Files, new: Files) -> Side:
        def apply() -> None:
            self.ours.change({**there, **new}) if there else self.ours.apply(new)

        def prepare() -> None:
            if there:
                self.ours.apply(there)

        return Side("ours", self.ours.pipeline, prepare, apply, self.ours.close)

    def _theirs(self, there: Files, new: Files) -> Side:
        def apply() -> None:
            for name, path in new.items():
                self.theirs.load(name, path)
            self.theirs.set(dict.fromkeys({**there, **new}, 1.0))

        def prepare() -> None:
            if there:
                self.theirs.apply(there)

        return Side("diffusers", self.theirs.pipeline, prepare, apply, self.theirs.unload)

    def _steps(self, side: Side) -> list[Contestant]:
        def sample() -> object:
            return forward(side.pipeline.transformer, self._given)

        def prepare() -> None:
            side.prepare()
            sample()  # what is there has been sampled with before

        return [
            Contestant(f"{side.name}: apply", side.apply, prepare),
            Contestant(f"{side.name}: first pass", sample),
            Contestant(f"{side.name}: second pass", sample, finish=side.finish),
        ]


def _extra(found: Mapping[str, Timing], side: str) -> float:
    """What the first pass takes beyond the second, in seconds; not below 0."""
    first, second = found[f"{side}: first pass"], found[f"{side}: second pass"]
    pairs = zip(first.seconds, second.seconds, strict=True)
    return max(0.0, statistics.median(one - other for one, other in pairs))
