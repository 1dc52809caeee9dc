"""Timing contestants in turn, so that a change of the machine's load meets all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Action = Callable[[], object]


def nothing() -> None:
    """The preparation of a contestant that needs none."""


@dataclass(frozen=True)
class Contestant:
    """Something to time: `prepare` and `finish` run before and after it, untimed."""

    name: str
    run: Action
    prepare: Action = nothing
    finish: Action = nothing


@dataclass(frozen=True)
class Timing:
    """One contestant's seconds, in the order in which they were measured."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def fastest(self) -> float:
        return min(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and third quartile; for fewer than 4 values the least and the greatest."""
        if len(self.seconds) < 4:
            return min(self.seconds), max(self.seconds)
        first, _, third = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return first, third

    def ratio_to(self, other: Timing) -> float:
        """How many times this contestant's time the other's is, as the median over the rounds.

        A round's two values were measured one after the other, so that slow drift cancels.
        """
        return statistics.median(
            theirs / own for own, theirs in zip(self.seconds, other.seconds, strict=True)
        )


def interleave(
    contestants: Sequence[Contestant],
    rounds: int,
    *,
    warmups: int = 1,
    synchronise: Action = nothing,
) -> dict[str, Timing]:
    """Run A B C A B C ... `rounds` times, after `warmups` rounds that are not counted.

    `synchronise` waits for the device; it is called before and inside each timed stretch.
    """
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    with _small_heap():
        for number in range(warmups + rounds):
            for contestant in contestants:
                taken = _time_once(contestant, synchronise)
                if number >= warmups:
                    seconds[contestant.name].append(taken)
    return {name: Timing(name, tuple(values)) for name, values in seconds.items()}


@contextmanager
def _small_heap() -> Iterator[None]:
    """Keep what is there already out of garbage collections: the imported packages alone make
    one take a third of a second, and whom it meets would be chance.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _time_once(contestant: Contestant, synchronise: Action) -> float:
    contestant.prepare()
    # What one contestant leaves behind is not collected on another's time.
    gc.collect()
    synchronise()
    start = time.perf_counter()
    contestant.run()
    synchronise()
    taken = time.perf_counter() - start
    contestant.finish()
    return taken
