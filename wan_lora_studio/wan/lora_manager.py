"""LoRA manager: the library together with the means to apply what is in it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_lora_studio.errors import (
    GenerationError,
    IncompatibleLoRAError,
    LoRAError,
    LoRAFileError,
    LoRANotFoundError,
)
from wan_lora_studio.keyword_names import either_name
from wan_lora_studio.lora.index import Clock, Pins
from wan_lora_studio.lora.library import LibraryParts, LoRALibrary
from wan_lora_studio.lora.selection import LoRASelection
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.wan.ownership import Check, nothing
from wan_lora_studio.wan.pipeline_facts import PipelineFacts, given_model
from wan_lora_studio.wan.task import GenerationTask, unreadable_prompt

PROMPTS = ("prompt", "negative_prompt")

if TYPE_CHECKING:
    from wan_lora_studio.wan.adapters import AdapterCache, AppliedStack, StackItem, WantedMode


@dataclasses.dataclass(frozen=True)
class ParsedFiles:
    """Holds the cache of a manager and its views, which needs torch and is made on first use."""

    settings: Settings

    @cached_property
    def cache(self) -> AdapterCache:
        from wan_lora_studio.wan.adapters import AdapterCache

        return AdapterCache(int(self.settings.lora_cache_mb * MB))


@either_name
class LoRAManager(LoRALibrary):
    """The LoRA library rooted at `settings.loras_dir`, and its application to a pipeline."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = time.monotonic,
        *,
        parts: LibraryParts | None = None,
        parsed: ParsedFiles | None = None,
    ) -> None:
        """`parts` and `parsed` are those of another manager, for a view of it."""
        super().__init__(settings, clock, parts=parts)
        self._parsed = parsed or ParsedFiles(settings)

    def with_pins(self, pins: Pins) -> LoRAManager:
        """A view of this library where each of these names means its pinned files.

        It shares everything with this one but what those names mean.
        """
        return LoRAManager(self.settings, parts=self._parts.pinned(pins), parsed=self._parsed)

    @property
    def adapter_cache(self) -> AdapterCache:
        """The parsed files that are kept from one use to the next."""
        return self._parsed.cache

    def set_model(self, model_type: str | None, facts: PipelineFacts | None = None) -> bool:
        """Judge LoRAs for this model alone from now on, by the facts of the pipeline that holds it.

        Verdicts, coverage, estimates, warnings and `settings.models` are those of the model as
        soon as this returns. Without facts the model is one of the settings' table; with neither,
        all of that table count again. Without a `model_type` the facts name one. False if nothing
        changed by it. Raises SettingsError for a model that is neither known nor described.
        """
        return self.use_model(given_model(model_type, facts))

    def checked(self, task: GenerationTask) -> GenerationTask:
        """The task with every default filled in, ready to run with its LoRAs.

        LoRAs that its prompts name are selected and leave the prompts. Raises GenerationError
        that tells every problem of the task and its LoRAs, or, when only the LoRAs are in the
        way, a LoRAError that tells all of theirs. Loads no weights.
        """
        task, unread = self.without_notation(task)
        selected = task.selected_loras
        names = list(selected) if isinstance(selected, Mapping) else []
        try:
            resolved = task.resolved(self.settings)
        except GenerationError as error:
            lacking = [problem.message for problem in self.usability_problems(names)]
            found = {"prompt": " ".join(unread), "selected_loras": " ".join(lacking)}
            fields = {name: text for name, text in found.items() if text}
            raise GenerationError(
                " ".join((error.message, *unread, *lacking)),
                context={
                    "problems": [*error.context["problems"], *unread, *lacking],
                    "fields": {**fields, **error.context["fields"]},
                },
            ) from error
        if unread:
            lacking = [problem.message for problem in self.usability_problems(names)]
            raise unreadable_prompt([*unread, *lacking])
        self.require_usable(names)
        self.require_fit(names, resolved.model_type)
        return resolved

    def without_notation(self, task: GenerationTask) -> tuple[GenerationTask, list[str]]:
        """The task with the LoRAs of its prompts selected and out of the prompts, and a sentence
        on each that cannot be read. What a prompt says wins over what was selected."""
        found = {
            field: self.loras_in_prompt(text)
            for field in PROMPTS
            if isinstance(text := getattr(task, field), str)
        }
        named = {name: value for each in found.values() for name, value in each.selected.items()}
        unread = [problem for each in found.values() for problem in each.problems]
        if not named:
            return task, unread
        texts: dict[str, Any] = {field: each.text for field, each in found.items()}
        selected = {**task.selected_loras, **named}
        return dataclasses.replace(task, **texts, selected_loras=selected), unread

    def doubts(self, task: GenerationTask) -> list[str]:
        """A sentence on each selected LoRA that may be for one of the model's two experts only."""
        entry = self.settings.models.get(task.model_type)
        if entry is None or len(entry.experts) < 2:
            return []
        found = []
        for name in task.selection.names:
            with suppress(LoRAError):  # one that is not there is told elsewhere
                if doubt := self.record(name).get("doubt"):  # a job may be older than the question
                    found.append(say("wan.loras.doubt", lora=name, doubt=doubt))
        return found

    def usability_problems(self, names: Sequence[str]) -> list[LoRAError]:
        """An error for each LoRA that is not in the library or cannot be read."""
        problems: list[LoRAError] = []
        for name in names:
            try:
                record = self.record(name)
            except LoRANotFoundError as error:
                problems.append(error)
                continue
            if record["status"] != "ok":
                reason = record["status_detail"] or record["status"]
                problems.append(
                    LoRAFileError(
                        say("wan.loras.unusable", lora=name, reason=reason),
                        context={"lora": name, "status": record["status"]},
                    )
                )
        return problems

    def require_usable(self, names: Sequence[str]) -> None:
        """Raise one LoRAError that tells all of `usability_problems`, of the first one's type."""
        problems = self.usability_problems(names)
        if problems:
            raise type(problems[0])(
                " ".join(problem.message for problem in problems),
                suggestions=list(dict.fromkeys(s for p in problems for s in p.suggestions)),
                context={"loras": [problem.to_dict() for problem in problems]},
            )

    def require_fit(self, names: Sequence[str], model_type: str) -> None:
        """Raise IncompatibleLoRAError that names every LoRA that cannot run on the model.

        A model whose architecture is not known yet refuses nothing here; `applied` decides.
        """
        verdicts = {name: self.explain_compatibility(name, model_type) for name in names}
        refused = {
            name: found
            for name, found in verdicts.items()
            if not found.compatible and found.verdict != "unknown"
        }
        if refused:
            raise IncompatibleLoRAError(
                " ".join(
                    f"{name}: {' '.join([found.misfit, *found.reasons]).strip()}"
                    for name, found in refused.items()
                ),
                context={name: found.to_dict() for name, found in refused.items()},
            )

    @contextmanager
    def applied(
        self,
        pipeline: Any,
        selection: Mapping[str, Any],
        mode: WantedMode | None = None,
        *,
        model_type: str | None = None,
        wait: bool | float = True,
        check: Check = nothing,
    ) -> Iterator[AppliedStack]:
        """Apply LoRAs to a pipeline's `transformer` (and `transformer_2`) while inside.

        `selection` is `{name: strength}` as in the contract; `mode` overrules the settings'
        `lora_mode`. With `model_type`, what it cost teaches the estimates for that model. Yields
        the report. Everything is read and checked before the first weight changes; on exit, and
        on any failure, every weight is bit-identical to before.

        A pipeline has one owner at a time. While another thread owns its transformers this waits,
        calling `check`; with `wait=False`, or after so many seconds, it raises InUseError. So it
        does at once within an `applied` of the same thread, in every mode: select all LoRAs
        together, or use the open stack's `change`. Schedules follow the steps of the runs of
        `pipeline` that are made inside, or `at_fraction` once that is called.

        Raises a LoRAError that names the LoRA, GenerationError for a strength that cannot be
        read, or InUseError.
        """
        from wan_lora_studio.wan.adapters import LoadMeter, applied_stack

        items = self.stack_items(selection)
        meter = LoadMeter(self.adapter_cache, pipeline, items)
        with applied_stack(
            pipeline,
            items,
            mode=mode or self.settings.lora_mode,
            cache=self.adapter_cache,
            wait=wait,
            check=check,
            meter=meter,
        ) as stack:
            stack.lora_metadata = self.texts_of([item.name for item in items])
            with self.reporting(stack.held):
                yield stack
            measured = meter.measured(stack.mode, stack.resident_bytes())
        if model_type is not None:
            with suppress(LoRAError):  # of no consequence for what was asked for
                self.record_load([item.name for item in items], model_type, measured)

    def texts_of(self, names: Iterable[str]) -> dict[str, Any]:
        """What the library says of those LoRAs now, for a result to keep; by name."""
        found = {}
        for name in names:
            with suppress(LoRAError):
                found[name] = self.record(name)["metadata"]
        return found

    def preload(self, names: Iterable[str]) -> None:
        """Read LoRAs that are likely to be used next, side by side. What cannot be read is left
        to the use that needs it."""
        paths: list[Path] = []
        for name in names:
            with suppress(LoRAError):
                paths += self.files(name).values()
        self.adapter_cache.preload(paths)

    def stack_items(self, selection: Mapping[str, Any]) -> list[StackItem]:
        """The selected LoRAs with their files, as `AppliedStack.change` takes them.

        Raises a LoRAError for one that cannot be used, GenerationError for a bad strength.
        """
        from wan_lora_studio.wan.adapters import StackItem

        parsed = LoRASelection.parse(selection)
        self.require_usable(parsed.names)
        return [
            StackItem(
                name,
                self.files(name),
                strength,
                self.sha256(name),
                doubt=self.record(name).get("doubt", ""),  # a job may be older than the question
            )
            for name, strength in parsed.items
        ]
