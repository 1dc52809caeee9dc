"""Selection warnings: what a person should know before generating, in words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.lora.selection import LoRASelection, accelerator_of
from wan_lora_studio.session.stack import RunSettings
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
                        f"{_title(name, records)} has strength 0 and changes nothing.",
                        (name,),
                    )
                )
        return [*found, *self._accelerators(records), *self._without_steps(records)]

    def _of_one(self, name: str, records: Mapping[str, dict[str, Any]]) -> Iterator[Warning]:
        if self.loras is None or self.model_type is None:
            return
        record, title = records.get(name), _title(name, records)
        if record is None:
            text = f"{name} is not in the library; take it out, switch it off or upload it."
            yield Warning("missing", text, (name,))
            return
        if record["status"] != "ok":
            kind = "missing" if record["status"] == "missing" else "broken"
            detail = record["status_detail"] or f"the file is {record['status']}."
            yield Warning(kind, f"{title}: {detail}", (name,))
            return
        fit = self.loras.explain_compatibility(name, self.model_type)
        if fit.verdict != "fits":
            reasons = fit.misfit or " ".join(fit.reasons) or "it is not known whether it fits."
            kind = "unfit" if fit.verdict == "no" else "partly"
            yield Warning(kind, f"{title}: {reasons}", (name,))
        if record["doubt"] and self._two_experts:
            text = f"{title} may be for one expert only, but goes to both until you say which"
            yield Warning("unsure", f"{text}: {record['doubt']}.", (name,))
        if record["missing_half"] and self._two_experts:
            half = record["missing_half"]
            text = f"{title} is half a pair: the {half}-noise half is not in the library, so it"
            yield Warning("half", f"{text} changes nothing in the {half}-noise steps.", (name,))

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
            text = f"{len(names)} accelerators are on ({titles}); use one at a time."
            yield Warning("accelerators", text, names)
        entry = self.entry
        if not names or entry is None:
            return
        high = _given(self.run.guidance_scale, entry.guidance_scale)
        low = _given(self.run.guidance_scale_2, entry.guidance_scale_2 or high)
        wrong = [value for value in ((high, low) if self._two_experts else (high,)) if value != 1.0]
        if wrong:
            title = _title(names[0], records)
            text = f"{title} is made for guidance 1, but guidance is {wrong[0]:g}; the picture"
            yield Warning(
                "guidance", f"{text} can burn out, and each step takes twice as long.", names
            )

    def _without_steps(self, records: Mapping[str, dict[str, Any]]) -> Iterator[Warning]:
        shares = self.split
        if shares is None or not self._two_experts:
            return
        for expert in EXPERTS:
            names = tuple(self._only_for(expert, records)) if shares.of(expert) == 0 else ()
            if shares.of(expert) == 0 and self.selection.items:
                steps = shares.high + shares.low
                text = (
                    f"The {expert}-noise expert gets none of the {steps} steps at this flow shift"
                )
                titles = ", ".join(_title(name, records) for name in names)
                which = f", so {titles} changes nothing" if names else ""
                yield Warning("no-step", f"{text}{which}.", names)

    def _only_for(self, expert: str, records: Mapping[str, dict[str, Any]]) -> Iterator[str]:
        """The selected LoRAs that work on this expert alone."""
        for name, strength in self.selection.items:
            other = strength.low if expert == "high" else strength.high
            own_file = records.get(name, {}).get("expert") == expert
            if own_file or not any(value for _, value in other.points):
                yield name


def _title(name: str, records: Mapping[str, dict[str, Any]]) -> str:
    """What the page calls a LoRA."""
    return str(records.get(name, {}).get("title") or name)


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
