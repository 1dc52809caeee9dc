"""Use reports: which LoRAs are loaded or applied at the moment, by whoever applies them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wan_lora_studio.lora.index import Held, held_of

Report = Callable[[], Mapping[str, Any]]  # by name: {"state": …, "strength": …}


class UseReports:
    """Asked anew each time: a worker, what this process applies, and what was said by hand."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        self._worker: Report = dict
        self._here: dict[int, Report] = {}

    def say(self, applied: Mapping[str, float]) -> bool:
        """Take strengths by name, where nobody else reports; False if that is no news."""
        news = dict(applied) != self._said
        self._said = dict(applied)
        return news

    def follow(self, worker: Report) -> None:
        """Ask this worker from now on."""
        self._worker = worker

    @contextmanager
    def of(self, report: Report) -> Iterator[None]:
        """Ask `report` too while inside."""
        key = id(report)
        self._here[key] = report
        try:
            yield
        finally:
            del self._here[key]

    def held(self) -> dict[str, Held]:
        """By name, how each LoRA is held now, as records show it."""
        reported = dict(self._worker())
        for here in list(self._here.values()):
            reported |= here()
        return held_of(self._said, reported)
