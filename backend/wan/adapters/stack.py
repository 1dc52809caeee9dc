"""A stack of LoRAs on a pipeline: which file changes which expert, how strongly, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backend.errors import IncompatibleLoRAError, LoRAError, LoRALoadingError
from backend.lora.selection import EXPERTS, Expert, Strength
from backend.wan.adapters.delta import WeightDelta
from backend.wan.adapters.files import AdapterFile, read_adapter_file
from backend.wan.adapters.layer import Layer, read_layer
from backend.wan.adapters.merge import MergedExpert, Target

TRANSFORMERS: dict[Expert, str] = {"high": "transformer", "low": "transformer_2"}


@dataclass(frozen=True)
class StackItem:
    """One selected LoRA: its files by role (`both`, `high`, `low`) and their hashes."""

    name: str
    files: Mapping[str, Path]
    strength: Strength
    sha256: Mapping[str, str]


@dataclass
class LoRAReport:
    """What one LoRA does to the pipeline. coverage: expert -> (matched, total) layers."""

    item: StackItem
    coverage: dict[Expert, tuple[int, int]] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        hashes = self.item.sha256
        return {
            "outcome": "applied",
            "reason": "",
            "sha256": hashes["both"] if set(hashes) == {"both"} else dict(hashes),
            "files": {role: path.name for role, path in self.item.files.items()},
            "strengths": {
                # An expert for which the file has no layer gets an explicit 0.
                expert: self.item.strength.for_expert(expert).to_plain() if total else 0.0
                for expert, (_, total) in self.coverage.items()
            },
            "coverage": {
                expert: {"matched": matched, "total": total}
                for expert, (matched, total) in self.coverage.items()
            },
            "ignored": dict(self.ignored),
            "unknown": list(self.unknown),
        }


class AppliedStack:
    """The LoRAs as they are in force. `loras` is the report, by name."""

    def __init__(
        self,
        items: Sequence[StackItem],
        experts: Mapping[Expert, MergedExpert],
        reports: Sequence[LoRAReport],
    ) -> None:
        self._items = tuple(items)
        self._experts = experts
        self.loras: dict[str, dict[str, Any]] = {
            report.item.name: report.to_dict() for report in reports
        }

    def at_fraction(self, fraction: float) -> None:
        """Bring scheduled strengths to a fraction (0 to 1) of the steps."""
        for expert, merged in self._experts.items():
            merged.merge([item.strength.for_expert(expert).at(fraction) for item in self._items])

    def to_dict(self) -> dict[str, dict[str, Any]]:
        return self.loras


@contextmanager
def applied_stack(pipeline: Any, items: Sequence[StackItem]) -> Iterator[AppliedStack]:
    """Apply `items` to the pipeline's transformers; undo it on exit, bit-identically.

    Everything is read and checked before the first weight changes. Raises a LoRAError that
    names the LoRA; the weights are then as before.
    """
    models = {
        expert: model
        for expert in EXPERTS
        if (model := getattr(pipeline, TRANSFORMERS[expert], None)) is not None
    }
    if not models:
        raise LoRALoadingError("The pipeline has no transformer to apply LoRAs to.")
    targets, reports = _resolve(models, items)
    experts = {expert: MergedExpert(found) for expert, found in targets.items()}
    stack = AppliedStack(items, experts, reports)
    try:
        try:
            stack.at_fraction(0.0)
        except (torch.OutOfMemoryError, MemoryError) as error:
            names = ", ".join(item.name for item in items)
            raise LoRALoadingError(
                f"There is not enough memory to apply {names}.",
                suggestions=["Select fewer LoRAs, or free memory and try again."],
            ) from error
        yield stack
    finally:
        for merged in experts.values():
            merged.restore()


def _resolve(
    models: Mapping[Expert, nn.Module], items: Sequence[StackItem]
) -> tuple[dict[Expert, list[Target]], list[LoRAReport]]:
    parameters = {expert: dict(model.named_parameters()) for expert, model in models.items()}
    changes: dict[Expert, dict[str, list[tuple[int, WeightDelta]]]] = {
        expert: defaultdict(list) for expert in models
    }
    reports = []
    for index, item in enumerate(items):
        try:
            reports.append(_resolve_item(index, item, parameters, changes))
        except LoRAError as error:
            error.context.setdefault("lora", item.name)
            error.message = f"{item.name}: {error.message}"
            error.args = (error.message,)
            raise
    targets = {
        expert: [
            Target(parameters[expert][path], tuple(deltas))
            for path, deltas in changes[expert].items()
        ]
        for expert in models
    }
    return targets, reports


def _resolve_item(
    index: int,
    item: StackItem,
    parameters: Mapping[Expert, Mapping[str, Tensor]],
    changes: Mapping[Expert, dict[str, list[tuple[int, WeightDelta]]]],
) -> LoRAReport:
    report = LoRAReport(item, dict.fromkeys(parameters, (0, 0)))
    files = item.files
    if len(parameters) == len(files) == 1:
        # One transformer takes a single file whatever its role.
        files = {"both": next(iter(files.values()))}
    for role, path in files.items():
        file = read_adapter_file(path)
        report.ignored.update(file.ignored)
        report.unknown.extend(file.unknown)
        for expert, layers in _by_expert(role, file, tuple(parameters), report):
            shapes = {name: tuple(value.shape) for name, value in parameters[expert].items()}
            matched = 0
            for layer in layers:
                reading = read_layer(layer, shapes)
                report.ignored.update(reading.ignored)
                matched += bool(reading.changes)
                for change in reading.changes:
                    changes[expert][change.parameter].append((index, change.delta))
            before = report.coverage[expert]
            report.coverage[expert] = (before[0] + matched, before[1] + len(layers))
    if not any(matched for matched, _ in report.coverage.values()):
        raise IncompatibleLoRAError(
            "none of its layers exists in this model, so it would do nothing.",
            context={
                "unknown": report.unknown[:20],
                "ignored": dict(list(report.ignored.items())[:20]),
            },
        )
    return report


def _by_expert(
    role: str, file: AdapterFile, experts: tuple[Expert, ...], report: LoRAReport
) -> Iterator[tuple[Expert, tuple[Layer, ...]]]:
    """Which layers go to which expert: the keys decide, then the file's role."""
    for named, layers in file.layers.items():
        wanted = named or role
        takers = [expert for expert in experts if wanted in ("both", expert)]
        if not takers:
            keys = [key for layer in layers for key in layer.keys.values()]
            report.ignored.update(dict.fromkeys(keys, f"this model has no {wanted}-noise expert"))
        for expert in takers:
            yield expert, layers
