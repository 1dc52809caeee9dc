"""Selection warnings: what a person should know before generating, in words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.lora.selection import LoRASelection, accelerator_of
from wan_lora_studio.session.stack import RunSettings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.steps import StepSplit
from wan_lora_studio.wan.steps import split_steps as split

if TYPE_CHECKING:
    from wan_lora_studio.settings import ModelEntry

EXPERTS = ("high", "low")


@dataclass(frozen=True)
class Warning:
    """`kind` is missing, broken, unfit, partly, unsure, half, zero, accelerators, guidance or
    no-step."""

    kind: str
    text: str
    loras: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, "loras": list(self.loras)}


@dataclass(frozen=True)
class SelectionCheck:
    """Looks at a selection as it would be sent. Without a library only strengths are known."""

    selection: LoRASelection
    loras: LoRAManager | None
    model_type: str | None
    run: RunSettings = field(default_factory=RunSettings)

    @property
    def entry(self) -> ModelEntry | None:
        if self.loras is None or self.model_type is None:
            return None
        return self.loras.settings.models.get(self.model_type)

    @property
    def split(self) -> StepSplit | None:
        """How the experts share the steps; None where the model is not known."""
        entry = self.entry
        if entry is None:
            return None
        steps, shift = self.run.steps or entry.steps, self.run.flow_shift or entry.flow_shift
        return split(steps, shift, entry.boundary_ratio)

    def records(self) -> dict[str, dict[str, Any]]:
        """The library's records of the selected LoRAs, of those that it has."""
        found: dict[str, dict[str, Any]] = {}
        if self.loras is None:
            return found
        for name in self.selection.names:
            with contextlib.suppress(LoRANotFoundError):
                found[name] = self.loras.record(name)
        return found

    def warnings(self) -> list[Warning]:
        records = self.records()
        found: list[Warning] = []
        for name, strength in self.selection.items:
            found += self._of_one(name, records)
            if not any(value for part in (strength.high, strength.low) for _, value in part.points):
                found.append(
                    Warning(
                        "zero",
                        say("session.warnings.zero", title=_title(name, records)),
                        (name,),
                    )
                )
        return [*found, *self._accelerators(records), *self._without_steps(records)]

    def _of_one(self, name: str, records: Mapping[str, dict[str, Any]]) -> Iterator[Warning]:
        if self.loras is None or self.model_type is None:
            return
        record, title = records.get(name), _title(name, records)
        if record is None:
            text = say("session.warnings.missing", name=name)
            yield Warning("missing", text, (name,))
            return
        if record["status"] != "ok":
            kind, plain = "broken", say("session.warnings.file_unusable")
            if record["status"] == "missing":
                kind, plain = "missing", say("session.warnings.file_missing")
            detail = record["status_detail"] or plain
            yield Warning(kind, f"{title}: {detail}", (name,))
            return
        fit = self.loras.explain_compatibility(name, self.model_type)
        if fit.verdict != "fits":
            unknown = say("session.warnings.unknown_fit")
            reasons = fit.misfit or " ".join(fit.reasons) or unknown
            kind = "unfit" if fit.verdict == "no" else "partly"
            yield Warning(kind, f"{title}: {reasons}", (name,))
        if record["doubt"] and self._two_experts:
            text = say("session.warnings.unsure", title=title, doubt=record["doubt"])
            yield Warning("unsure", text, (name,))
        if record["missing_half"] and self._two_experts:
            if record["missing_half"] == "high":
                text = say("session.warnings.no_high_half", title=title)
            else:
                text = say("session.warnings.no_low_half", title=title)
            yield Warning("half", text, (name,))

    def _runs(self, name: str, record: Mapping[str, Any]) -> bool:
        """Whether it can run on the model; else nothing more about it matters."""
        if self.loras is None or self.model_type is None:
            return True
        fit = self.loras.explain_compatibility(name, self.model_type)
        return record["status"] == "ok" and fit.verdict != "no"

    @property
    def _two_experts(self) -> bool:
        return self.entry is not None and len(self.entry.experts) == 2

    def _accelerators(self, records: Mapping[str, dict[str, Any]]) -> Iterator[Warning]:
        names = tuple(
            name
            for name, record in records.items()
            if accelerator_of(record) is not None and self._runs(name, record)
        )
        if len(names) > 1:
            titles = ", ".join(_title(name, records) for name in names)
            text = say("session.warnings.accelerators", count=len(names), titles=titles)
            yield Warning("accelerators", text, names)
        entry = self.entry
        if not names or entry is None:
            return
        high = _given(self.run.guidance_scale, entry.guidance_scale)
        low = _given(self.run.guidance_scale_2, entry.guidance_scale_2 or high)
        wrong = [value for value in ((high, low) if self._two_experts else (high,)) if value != 1.0]
        if wrong:
            title = _title(names[0], records)
            text = say("session.warnings.guidance", title=title, guidance=f"{wrong[0]:g}")
            yield Warning("guidance", text, names)

    def _without_steps(self, records: Mapping[str, dict[str, Any]]) -> Iterator[Warning]:
        shares = self.split
        if shares is None or not self._two_experts:
            return
        for expert in EXPERTS:
            names = tuple(self._only_for(expert, records)) if shares.of(expert) == 0 else ()
            if shares.of(expert) == 0 and self.selection.items:
                titles = [_title(name, records) for name in names]
                yield Warning("no-step", _no_step(expert, shares.high + shares.low, titles), names)

    def _only_for(self, expert: str, records: Mapping[str, dict[str, Any]]) -> Iterator[str]:
        """The selected LoRAs that work on this expert alone."""
        for name, strength in self.selection.items:
            other = strength.low if expert == "high" else strength.high
            own_file = records.get(name, {}).get("expert") == expert
            if own_file or not any(value for _, value in other.points):
                yield name


def _no_step(expert: str, steps: int, titles: Sequence[str]) -> str:
    """That an expert has no step, and whose work is in vain for it."""
    count, named = len(titles), ", ".join(titles)
    if expert == "high":
        if not titles:
            return say("session.warnings.no_high_step", steps=steps)
        return say("session.warnings.no_high_step_for", steps=steps, titles=named, count=count)
    if not titles:
        return say("session.warnings.no_low_step", steps=steps)
    return say("session.warnings.no_low_step_for", steps=steps, titles=named, count=count)


def _title(name: str, records: Mapping[str, dict[str, Any]]) -> str:
    """What the page calls a LoRA."""
    return str(records.get(name, {}).get("title") or name)


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
