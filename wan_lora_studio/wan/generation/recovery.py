"""Recovery of a run after a failure: without a LoRA, or with less memory."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from wan_lora_studio.errors import LoRAError, LoRALoadingError, VRAMError
from wan_lora_studio.texts import say
from wan_lora_studio.wan.generation.lora_fallback import (
    LeftOut,
    Outcome,
    leave_out,
    with_replacements,
)
from wan_lora_studio.wan.generation.stages import Stages
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.memory import (
    Forecast,
    MemoryFallbacks,
    exhausted,
    foresee,
    largest,
    require_possible,
    tiling,
    warning,
)
from wan_lora_studio.wan.models import ORDER, LoadedModel, ModelManager, Offload, Placing
from wan_lora_studio.wan.task import GenerationTask

logger = logging.getLogger(__name__)

BEFORE_DECODING = ("load", "apply", "text", "sample")
PLACED: dict[str, Offload] = {"offload": "model", "group_offload": "group"}  # by measure
OUTCOMES: dict[str, Outcome] = {"fallback": "fallback", "skip": "skipped"}


class Recovery:
    """What was done about failures so far, and what the run therefore does.

    `taken` lists the measures, each with `action`, `stage` and `detail` in words.
    """

    def __init__(
        self,
        task: GenerationTask,
        models: ModelManager,
        loras: LoRAManager,
        stages: Stages,
        undo: ExitStack,
    ) -> None:
        self._task, self._models, self._loras, self._stages = task, models, loras, stages
        self._ladder = MemoryFallbacks(task, models, undo)
        self._left_out: dict[str, LeftOut] = {}
        self._forecast: Forecast | None = None
        self.placing: Placing | None = None  # as foreseen, of a model that is still to be loaded
        self.taken: list[dict[str, Any]] = []
        stages.loras = tuple(self.selection)

    @property
    def selection(self) -> dict[str, Any]:
        """The LoRAs that are still to be applied."""
        selected = self._task.selected_loras
        return {name: value for name, value in selected.items() if name not in self._left_out}

    @property
    def prompt(self) -> str:
        """The prompt, with what stands in for LoRAs that are left out."""
        return with_replacements(self._task.prompt, list(self._left_out.values()))

    @property
    def warnings(self) -> list[str]:
        return [measure["detail"] for measure in self.taken]

    def in_order(self, reports: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """A report on every selected LoRA, in the order of the selection."""
        everything = {**reports, **{n: item.report() for n, item in self._left_out.items()}}
        return {name: everything[name] for name in self._task.selected_loras}

    def foresee(self) -> None:
        """Decide where the weights wait and how the frames are decoded; say before the start that
        the run will hardly fit, and what would make it fit.

        Raises VRAMError if it cannot fit whatever is done.
        """
        forecast = foresee(self._task, self._models, self._loras)
        if forecast is None:
            return
        require_possible(forecast, self._models.settings)
        forecast = self._placed(forecast)
        self._forecast, self._stages.tight = forecast, not forecast.fits
        self._ladder.decoding = forecast.decoding
        self.placing = Placing(forecast.placed, forecast.reason)
        if forecast.placed != "none":
            self._stages.say("load", forecast.reason)
        if words := warning(forecast):
            self._add({"action": "forecast", "stage": "load", "detail": words})
        if words := tiling(forecast):
            self._add({"action": "vae_tiling", "stage": "load", "detail": words})

    def room_to_decode(self, model: LoadedModel) -> AbstractContextManager[None]:
        """Inside, there is the room for decoding that was foreseen to be needed, or made since."""
        return self._ladder.room_to_decode(model)

    def _placed(self, forecast: Forecast) -> Forecast:
        """The forecast with the model, if it is loaded, placed so. Where it stays on the host
        since an earlier run ran out of memory, that is told."""
        model = self._models.current
        if model is None or model.model_type != self._task.model_type:
            return forecast
        makeshift, before = model.makeshift, model.placing
        farther = ORDER.index(forecast.placed) >= ORDER.index(before.offload)
        wanted = Placing(forecast.placed, forecast.reason)
        if (farther or forecast.fits) and self._models.place(model, wanted):
            return forecast
        if makeshift:
            self._add({"action": "offload", "stage": "load", "detail": before.reason})
        return dataclasses.replace(forecast, placed=before.offload, reason=before.reason)

    def require_usable(self) -> None:
        """Raise a LoRAError that names a LoRA which is not there, cannot be read or doesn't fit."""
        for name in self.selection:
            try:
                self._loras.require_usable([name])
                self._loras.require_fit([name], self._task.model_type)
                self._loras.files(name)  # a file that was held for the run may be gone
            except LoRAError as error:
                error.context.setdefault("lora", name)
                raise

    def take_up(self, measures: Iterable[dict[str, Any]]) -> None:
        """Those that an earlier try of this run took, and that this one goes on from."""
        self.taken += [measure for measure in measures if measure not in self.taken]

    def leave_out(self, failure: LoRAError) -> None:
        """Go on without the LoRA that failed, or without all if it is not one alone.

        Raises the failure if the settings say so.
        """
        outcome = OUTCOMES.get(self._models.settings.on_lora_failure)
        if outcome is None or not self.selection:
            raise failure
        named = failure.context.get("lora")
        for name in [named] if named in self.selection else list(self.selection):
            self._note(leave_out(name, outcome, failure, self._task, self._loras))

    def make_room(self, failure: VRAMError) -> None:
        """Take the next measure against exhausted memory.

        Raises VRAMError that names a size which fits, if none is left.
        """
        stage = str(failure.context.get("stage", "load"))
        self._loras.adapter_cache.clear()
        measure = self._ladder.next_measure(stage)
        if measure is not None:
            self._add(measure)
            placed = PLACED.get(measure["action"])
            if placed is not None and self._forecast is not None:
                self._forecast = dataclasses.replace(self._forecast, placed=placed)
        elif self._models.settings.reduce_loras and self.selection and stage in BEFORE_DECODING:
            name = largest(list(self.selection), self._task.model_type, self._loras)
            reason = LoRALoadingError(say("wan.generation.reduced"))
            self._note(leave_out(name, "skipped", reason, self._task, self._loras))
        else:
            raise exhausted(failure, self._forecast)

    def _note(self, item: LeftOut) -> None:
        self._left_out[item.name] = item
        self._stages.loras = tuple(self.selection)
        self._stages.left_out[item.name] = item.reason
        self._add(
            {
                "action": f"lora_{item.outcome}",
                "stage": "apply",
                "lora": item.name,
                "detail": item.words,
            }
        )

    def _add(self, measure: dict[str, Any]) -> None:
        logger.warning("%s: %s", measure["action"], measure["detail"])
        self.taken.append(measure)
        self._stages.say(measure["stage"], measure["detail"])
