"""Resolving selected LoRAs against a pipeline: which file changes what, and what is left over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from wan_lora_studio.errors import IncompatibleLoRAError, LoRAError
from wan_lora_studio.lora.inspection import another_models_layer
from wan_lora_studio.lora.roles import EXPERTS, Expert
from wan_lora_studio.lora.selection import Strength
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.factors import AdapterFile, source_of
from wan_lora_studio.wan.adapters.layer import Layer, read_layer
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.plan import Effect, Plan


class ReadsFiles(Protocol):
    """Where files come from: the cache, or the disk."""

    def read_all(self, paths: Iterable[Path]) -> Mapping[Path, AdapterFile | LoRAError]: ...


@dataclass(frozen=True)
class StackItem:
    """One selected LoRA: its files by role (`both`, `high`, `low`) and their hashes.

    `doubt` says why it may be one half of something though it goes to both experts; "" if not.
    """

    name: str
    files: Mapping[str, Path]
    strength: Strength
    sha256: Mapping[str, str]
    doubt: str = ""

    @property
    def scheduled(self) -> bool:
        """Whether a strength changes during the run."""
        return not (self.strength.high.constant and self.strength.low.constant)

    def uses(self, expert: Expert) -> bool:
        """Whether the strength for the expert is ever anything but 0."""
        return any(value for _, value in self.strength.for_expert(expert).points)

    def sources(self) -> tuple[str, ...]:
        """The files' present contents, by name only. Raises LoRAFileError for a missing file."""
        return tuple(f"{role}={source_of(path)}" for role, path in self.files.items())


@dataclass
class LoRAReport:
    """What one LoRA does to the pipeline. coverage: expert -> (matched, total) layers."""

    item: StackItem
    coverage: dict[Expert, tuple[int, int]] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "outcome": "applied",
            "reason": "",
            **hashes_of(self.item),
            "strengths": {
                # An expert for which the file has no layer gets an explicit 0.
                expert: self.item.strength.for_expert(expert).to_plain() if matched else 0.0
                for expert, (matched, _) in self.coverage.items()
            },
            "coverage": {
                expert: {"matched": matched, "total": total}
                for expert, (matched, total) in self.coverage.items()
            },
            "ignored": dict(self.ignored),
            "unknown": list(self.unknown),
            "doubt": self.item.doubt if len(self.coverage) > 1 else "",
        }


def hashes_of(item: StackItem) -> dict[str, Any]:
    """File names by role, SHA256 and AutoV2 (its first 10 digits); plain for a single file."""
    hashes = dict(item.sha256)
    short = {role: sha256[:10] for role, sha256 in hashes.items()}
    single = set(hashes) == {"both"}
    return {
        "sha256": hashes["both"] if single else hashes,
        "autov2": short["both"] if single else short,
        "files": {role: path.name for role, path in item.files.items()},
    }


@dataclass(frozen=True)
class Resolved:
    """Items with what they change in each expert, and the reports about it.

    `plans` hold every change; `effective` those of LoRAs whose strength for the expert is not 0
    all the time.
    """

    items: tuple[StackItem, ...]
    sources: tuple[tuple[str, ...], ...]
    plans: Mapping[Expert, Plan]
    effective: Mapping[Expert, Plan]
    reports: tuple[LoRAReport, ...]

    def at(self, items: Sequence[StackItem]) -> Resolved:
        """The same files at other strengths; the same plans where the same LoRAs are used."""
        reports = tuple(
            replace(report, item=item) for report, item in zip(self.reports, items, strict=True)
        )
        same_use = [_uses(item) for item in items] == [_uses(item) for item in self.items]
        effective = self.effective if same_use else _effective(self.plans, items)
        return Resolved(tuple(items), self.sources, self.plans, effective, reports)

    @property
    def scheduled(self) -> bool:
        """Whether any strength changes during the run."""
        return any(item.scheduled for item in self.items)

    def strengths(self, expert: Expert, fraction: float) -> list[float]:
        """Each item's strength for the expert at a fraction of the steps."""
        return [item.strength.for_expert(expert).at(fraction) for item in self.items]


def _uses(item: StackItem) -> tuple[bool, ...]:
    return tuple(item.uses(expert) for expert in EXPERTS)


def _effective(plans: Mapping[Expert, Plan], items: Sequence[StackItem]) -> dict[Expert, Plan]:
    found: dict[Expert, Plan] = {}
    for expert, plan in plans.items():
        used = {index for index, item in enumerate(items) if item.uses(expert)}
        found[expert] = {
            path: kept
            for path, effects in plan.items()
            if (kept := tuple(effect for effect in effects if effect.lora in used))
        }
    return found


def resolve(
    layouts: Mapping[Expert, Layout], items: Sequence[StackItem], files: ReadsFiles
) -> Resolved:
    """What the items change in each expert, with a report for each. Changes nothing.

    Raises a LoRAError that names the LoRA.
    """
    effects: dict[Expert, dict[str, list[Effect]]] = {
        expert: defaultdict(list) for expert in layouts
    }
    reports = []
    found = files.read_all(path for item in items for path in item.files.values())
    for index, item in enumerate(items):
        try:
            reports.append(_resolve_item(index, item, layouts, effects, found))
        except LoRAError as error:
            error.context.setdefault("lora", item.name)
            error.message = f"{item.name}: {error.message}"
            error.args = (error.message,)
            raise
    plans: dict[Expert, Plan] = {
        expert: {path: tuple(changes) for path, changes in found.items()}
        for expert, found in effects.items()
    }
    sources = tuple(item.sources() for item in items)
    return Resolved(tuple(items), sources, plans, _effective(plans, items), tuple(reports))


def _resolve_item(
    index: int,
    item: StackItem,
    layouts: Mapping[Expert, Layout],
    effects: Mapping[Expert, dict[str, list[Effect]]],
    found: Mapping[Path, AdapterFile | LoRAError],
) -> LoRAReport:
    report = LoRAReport(item, dict.fromkeys(layouts, (0, 0)))
    files = item.files
    if len(layouts) == len(files) == 1:
        # One transformer takes a single file whatever its role.
        files = {"both": next(iter(files.values()))}
    misfits: list[str | None] = []
    for role, path in files.items():
        file = found[path]
        if isinstance(file, LoRAError):
            raise file
        report.ignored.update(file.ignored)
        report.unknown.extend(file.unknown)
        for expert, unread in _unread(role, file, tuple(layouts)):
            matched, total = report.coverage[expert]
            report.coverage[expert] = matched, total + unread
        for expert, layers in _by_expert(role, file, tuple(layouts), report):
            matched = 0
            for layer in layers:
                reading = read_layer(layer, layouts[expert].shapes)
                report.ignored.update(reading.ignored)
                misfits.append(reading.misfit or another_models_layer(layer.module))
                matched += bool(reading.changes)
                for change in reading.changes:
                    effect = Effect(index, file.source, change.delta)
                    effects[expert][layouts[expert].first_path[change.parameter]].append(effect)
            before = report.coverage[expert]
            report.coverage[expert] = (before[0] + matched, before[1] + len(layers))
    if not any(matched for matched, _ in report.coverage.values()):
        others = "; ".join(dict.fromkeys(filter(None, misfits)))
        raise IncompatibleLoRAError(
            say("wan.adapters.no_layer_fits", reasons=others)
            if others
            else say("wan.adapters.no_layer"),
            context={
                "unknown": report.unknown[:20],
                "ignored": dict(list(report.ignored.items())[:20]),
            },
        )
    return report


def _unread(
    role: str, file: AdapterFile, experts: tuple[Expert, ...]
) -> Iterator[tuple[Expert, int]]:
    """How many layers each expert would have had if they could be read."""
    for named, count in file.unread.items():
        for expert in experts:
            if (named or role) in ("both", expert):
                yield expert, count


def _by_expert(
    role: str, file: AdapterFile, experts: tuple[Expert, ...], report: LoRAReport
) -> Iterator[tuple[Expert, tuple[Layer, ...]]]:
    """Which layers go to which expert: the keys decide, then the file's role."""
    for named, layers in file.layers.items():
        wanted = named or role
        takers = [expert for expert in experts if wanted in ("both", expert)]
        if not takers:
            keys = [key for layer in layers for key in layer.keys.values()]
            why = say("wan.adapters.no_expert", expert=wanted)
            report.ignored.update(dict.fromkeys(keys, why))
        for expert in takers:
            yield expert, layers
