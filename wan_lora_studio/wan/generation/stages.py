"""Stages of one run: their times, their progress, and where it stands when it fails."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterable, Iterator, Mapping

from wan_lora_studio.errors import StudioError, VRAMError
from wan_lora_studio.texts import say
from wan_lora_studio.wan.generation.output_checks import Whereabouts
from wan_lora_studio.wan.generation.sampling import Cancel, OnProgress, check_cancel
from wan_lora_studio.wan.out_of_memory import is_out_of_memory
from wan_lora_studio.wan.task import GenerationTask, Progress

logger = logging.getLogger(__name__)

TOTAL = "total"  # among the timings

RAN_OUT = {
    "load": say("wan.generation.memory.load"),
    "apply": say("wan.generation.memory.apply"),
    "text": say("wan.generation.memory.text"),
    "sample": say("wan.generation.memory.sample"),
    "decode": say("wan.generation.memory.decode"),
    "write": say("wan.generation.memory.write"),
}


class Stages:
    """Reports progress, keeps times, and turns exhausted memory into a VRAMError.

    `tight` is set when the run was foreseen not to fit; `loras` names those in force, `left_out`
    says why each of the others is not.
    """

    def __init__(self, on_progress: OnProgress | None, cancel: Cancel) -> None:
        self.cancel = cancel
        self.tight = False
        self.loras: tuple[str, ...] = ()
        self.left_out: dict[str, str] = {}
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._timings: dict[str, float] = {}
        self._steps = 0
        self._stage = "load"
        self._last = Progress(stage="load")
        self._notes: tuple[str, ...] = ()

    @property
    def watched(self) -> bool:
        return self._on_progress is not None

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by stage, tries that failed included, and in all so far."""
        return {**self._timings, TOTAL: time.monotonic() - self._started}

    @property
    def whereabouts(self) -> Whereabouts:
        """The last step that was made."""
        return Whereabouts(self._last.step, self._steps, self._last.expert or "high", self.loras)

    def take_up(self, timings: Mapping[str, float], where: Whereabouts) -> None:
        """Go on from the last step of an earlier try; `timings` are of it, and count too."""
        for stage, spent in timings.items():
            if stage != TOTAL:
                self._timings[stage] = self._timings.get(stage, 0.0) + spent
        self._started -= timings[TOTAL]
        self._last = Progress("sample", where.step, where.steps, where.expert)
        self.say("decode", say("wan.generation.goes_on"))

    def begin(self, task: GenerationTask, notes: Iterable[str] = ()) -> None:
        """`notes` go with all progress, from before the first step."""
        self._steps = int(task.steps or 0)
        self._notes += tuple(notes)

    def report(self, progress: Progress) -> None:
        if progress.step:
            self._last = progress
        if self._on_progress is not None:
            left_out = dict(self.left_out)
            self._on_progress(dataclasses.replace(progress, notes=self._notes, left_out=left_out))

    def say(self, stage: str, message: str) -> None:
        """Tell what is being done about a failure, from now on with all progress."""
        self._notes += () if message in self._notes else (message,)
        self.report(Progress(stage=stage, steps=self._steps, message=message))

    def wait_for(self, message: str) -> None:
        """Tell what the present stage waits for, until there is other progress."""
        self.report(
            Progress(
                stage=self._stage,
                step=self._last.step,
                steps=self._steps,
                expert=self._last.expert,
                message=message,
            )
        )

    @contextlib.contextmanager
    def timed(self, stage: str, message: str = "") -> Iterator[None]:
        """One stage. Raises CancelledByUser before it, VRAMError where memory runs out in it."""
        check_cancel(self.cancel)
        started = time.monotonic()
        self._stage = stage
        try:
            self.report(Progress(stage=stage, steps=self._steps, message=message))
            logger.info("stage %s", stage)
            yield
        except StudioError as error:
            error.context.setdefault("stage", stage)
            raise
        except Exception as error:
            if not is_out_of_memory(error, tight=self.tight):
                raise
            raise self._out_of_memory(stage) from error
        finally:
            spent = time.monotonic() - started
            self._timings[stage] = self._timings.get(stage, 0.0) + spent

    def _out_of_memory(self, stage: str) -> VRAMError:
        where = self.whereabouts
        sampled = stage == "sample" and where.step
        return VRAMError(
            say("wan.generation.memory.after_step", where=where.words)
            if sampled
            else RAN_OUT[stage],
            context={**where.context(stage), "loras": list(self.loras)},
        )
