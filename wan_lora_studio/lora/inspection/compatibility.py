"""Compatibility: whether a LoRA fits a model, layer by layer, before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from wan_lora_studio.lora.inspection.architectures import Architecture
from wan_lora_studio.lora.inspection.dialects import nothing_readable
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.interface_layers import other_task
from wan_lora_studio.lora.inspection.layers import LayerGroup
from wan_lora_studio.lora.inspection.model_hints import (
    another_models_layer,
    family_of,
    family_title,
)
from wan_lora_studio.lora.inspection.shapes import mismatch, shape_flaw
from wan_lora_studio.texts import say

Verdict = Literal["fits", "partly", "no", "unknown"]
NAMED = 3  # layers that a reason names before it counts the rest
NO_LAYER = say("lora.inspection.fit.no_layer")
NO_EXPERT: Mapping[str, str] = MappingProxyType({
    "high": say("lora.inspection.fit.no_high"), "low": say("lora.inspection.fit.no_low"),
})  # fmt: skip
_UNCHANGED: Mapping[str, str] = MappingProxyType({
    "high": say("lora.inspection.fit.high_unchanged"),
    "low": say("lora.inspection.fit.low_unchanged"),
})  # fmt: skip
_BRACKETS = re.compile(r" \(.*\)$")  # what a title says of a model besides its name


@dataclass(frozen=True)
class Coverage:
    """Layers of the file that the expert takes, out of all that the file names for it, be they
    readable or not."""

    matched: int
    total: int


@dataclass(frozen=True)
class Compatibility:
    """A verdict with its reasons, in words for a person.

    `fits`: every key is used. `partly`: usable, but some keys are not; `reasons` say which.
    `no`: refused. `unknown`: the model is not there to compare with. `coverage` has an entry
    for each expert of the model. `misfit` says what was refused in one line, "" if nothing was;
    the `reasons` then say why.
    """

    model_type: str
    compatible: bool
    verdict: Verdict
    reasons: tuple[str, ...]
    coverage: dict[str, Coverage] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    misfit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "model_type": self.model_type,
            "compatible": self.compatible,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "coverage": {
                expert: {"matched": item.matched, "total": item.total}
                for expert, item in self.coverage.items()
            },
            "ignored": dict(self.ignored),
            "unknown": list(self.unknown),
            "misfit": self.misfit,
        }


@dataclass
class _Findings:
    """What one pass over the layers collects."""

    matched: int = 0
    total: int = 0
    absent: dict[str, str] = field(default_factory=dict)
    misfits: list[str] = field(default_factory=list)
    wrong: list[tuple[str, int, str]] = field(default_factory=list)


def judge(
    infos: Mapping[str, LoRAInfo], model_type: str, architecture: Architecture
) -> Compatibility:
    """Compare the files of one LoRA with a model.

    `infos` maps a role to a file: `{"both": info}`, or `"high"` and/or `"low"`. A file in the
    role "both" goes to every expert that its keys do not exclude. A model with one transformer
    takes a single file whatever its role, and the high half of a pair.
    """
    if len(architecture.experts) == len(infos) == 1:
        infos = {"both": next(iter(infos.values()))}
    findings = {
        expert: _compare(
            _layers_for(infos, expert), architecture.of(expert), _unread_for(infos, expert)
        )
        for expert in architecture.experts
    }
    return _verdict(infos, model_type, architecture, findings)


def _layers_for(infos: Mapping[str, LoRAInfo], expert: str) -> Iterator[LayerGroup]:
    for role, info in infos.items():
        if role not in ("both", expert):
            continue
        for layer in info.layers:
            if layer.expert is None or layer.expert == expert:
                yield layer


def _without_expert(infos: Mapping[str, LoRAInfo], experts: tuple[str, ...]) -> dict[str, str]:
    """The keys of layers for an expert that the model does not have, and which that is."""
    found: dict[str, str] = {}
    for role, info in infos.items():
        for layer in info.layers:
            wanted = layer.expert or role
            if wanted not in ("both", *experts):
                for _, number in layer.modules():
                    found |= dict.fromkeys(layer.keys(number), NO_EXPERT[wanted])
    return found


def _unread_for(infos: Mapping[str, LoRAInfo], expert: str) -> int:
    """Layers that the files name for the expert in a way that cannot be read."""
    return sum(
        count
        for role, info in infos.items()
        if role in ("both", expert)
        for named, count in info.unread.items()
        if named in ("both", expert)
    )


def _compare(layers: Iterator[LayerGroup], architecture: Architecture, unread: int) -> _Findings:
    found = _Findings(total=unread)
    for layer in layers:
        found.total += layer.count
        if shape_flaw(layer.shapes):  # named among the file's own problems
            continue
        shapes = architecture.shapes_of(layer.module.replace("{n}", "0", 1))
        misfit = other_task(layer.module, layer.shapes, *shapes)
        if misfit is not None:
            found.misfits.append(misfit)
            found.absent |= dict.fromkeys(layer.keys(None), misfit)
            continue
        # Compared once for all blocks, which are alike in every model.
        problem = mismatch(layer.shapes, *shapes)
        for module, number in layer.modules():
            if not architecture.has(module):
                found.absent |= dict.fromkeys(
                    layer.keys(number), another_models_layer(module) or NO_LAYER
                )
            elif problem is None:
                found.matched += 1
        if problem is not None:
            present = [module for module, _ in layer.modules() if architecture.has(module)]
            if present:
                found.wrong.append((present[0], len(present), problem))
    return found


def _verdict(
    infos: Mapping[str, LoRAInfo],
    model_type: str,
    architecture: Architecture,
    findings: Mapping[str, _Findings],
) -> Compatibility:
    problems = [problem for info in infos.values() for problem in info.problems]
    absent = {key: why for found in findings.values() for key, why in found.absent.items()}
    absent |= _without_expert(infos, architecture.experts)
    ignored = {key: why for info in infos.values() for key, why in info.ignored.items()} | absent
    unknown = tuple(dict.fromkeys(key for info in infos.values() for key in info.unknown))
    refusals = [*problems, *_wrong_shapes(infos, findings, architecture)]
    if not refusals and not any(found.matched for found in findings.values()):
        refusals.append(_nothing_fits(infos, architecture, findings))
    verdict: Verdict = "no" if refusals else "partly" if ignored or unknown else "fits"
    notes = [] if refusals else _notes(infos, architecture, findings, ignored, unknown)
    return Compatibility(
        model_type=model_type,
        compatible=not refusals,
        verdict=verdict,
        reasons=tuple(refusals + notes),
        coverage={e: Coverage(found.matched, found.total) for e, found in findings.items()},
        ignored=ignored,
        unknown=unknown,
        misfit=_misfit(infos, architecture) if refusals else "",
    )


def _misfit(infos: Mapping[str, LoRAInfo], architecture: Architecture) -> str:
    """For which models it was made, where that is another family, and that it is none for this."""
    own = family_of(architecture.width)
    families = dict.fromkeys(info.family for info in infos.values() if info.family != own)
    titles = list(filter(None, map(family_title, families)))
    model = _BRACKETS.sub("", architecture.title)
    if len(titles) > 1:
        return say(
            "lora.inspection.misfit.made_for_two", one=titles[0], other=titles[1], model=model
        )
    if titles:
        return say("lora.inspection.misfit.made_for", family=titles[0], model=model)
    return say("lora.inspection.misfit.not_for", model=model)


def _wrong_shapes(
    infos: Mapping[str, LoRAInfo], findings: Mapping[str, _Findings], architecture: Architecture
) -> list[str]:
    wrong = list(dict.fromkeys(item for found in findings.values() for item in found.wrong))
    if not wrong:
        return []
    title, named = architecture.title, "; ".join(_wrong_shape(*item) for item in wrong[:NAMED])
    rest = sum(count for _, count, _ in wrong[NAMED:])
    widths = {info.width for info in infos.values() if info.width not in (None, architecture.width)}
    family = [
        say("lora.inspection.fit.width", width=width, model=title, own=architecture.width)
        for width in sorted(filter(None, widths))
    ]
    if rest:
        shapes = say("lora.inspection.fit.shapes_and_more", model=title, problems=named, count=rest)
    else:
        shapes = say("lora.inspection.fit.shapes", model=title, problems=named)
    return [*family, shapes]


def _wrong_shape(layer: str, count: int, problem: str) -> str:
    if count == 1:
        return say("lora.inspection.layer_problem", layer=layer, problem=problem)
    return say("lora.inspection.fit.shape_in_blocks", layer=layer, count=count - 1, problem=problem)


def _nothing_fits(
    infos: Mapping[str, LoRAInfo], architecture: Architecture, findings: Mapping[str, _Findings]
) -> str:
    if not any(info.layers for info in infos.values()):
        return say("lora.inspection.fit.unreadable", problem=_why_none(infos))
    if not any(found.total for found in findings.values()):
        return _for_another_expert(infos, architecture)
    misfits = dict.fromkeys(item for found in findings.values() for item in found.misfits)
    if misfits:
        return say(
            "lora.inspection.fit.no_layer_fits",
            model=architecture.title,
            problems="; ".join(misfits),
        )
    absent = {why: key for found in findings.values() for key, why in found.absent.items()}
    if len(absent) == 1 and NO_LAYER not in absent:
        ((why, key),) = absent.items()
        return say("lora.inspection.fit.nothing_usable", problem=why, example=key)
    return say("lora.inspection.fit.no_layer_there", model=architecture.title)


def _for_another_expert(infos: Mapping[str, LoRAInfo], architecture: Architecture) -> str:
    wanted = {layer.expert or role for role, info in infos.items() for layer in info.layers}
    if "high" in wanted:
        return say("lora.inspection.fit.for_high", model=architecture.title)
    return say("lora.inspection.fit.for_low", model=architecture.title)


def _why_none(infos: Mapping[str, LoRAInfo]) -> str:
    ignored = {key: why for info in infos.values() for key, why in info.ignored.items()}
    return nothing_readable(ignored, [key for info in infos.values() for key in info.unknown])


def _notes(
    infos: Mapping[str, LoRAInfo],
    architecture: Architecture,
    findings: Mapping[str, _Findings],
    ignored: Mapping[str, str],
    unknown: tuple[str, ...],
) -> list[str]:
    """What a person should know about a LoRA that can be used."""
    notes = []
    for expert, found in findings.items():
        if found.matched == 0:
            notes.append(_UNCHANGED[expert])
    for reason in dict.fromkeys(ignored.values()):
        if reason == NO_EXPERT["high"]:
            notes.append(say("lora.inspection.fit.high_left_out", model=architecture.title))
        elif reason == NO_EXPERT["low"]:
            notes.append(say("lora.inspection.fit.low_left_out", model=architecture.title))
        else:
            count = sum(1 for why in ignored.values() if why == reason)
            notes.append(say("lora.inspection.fit.ignored", count=count, reason=reason))
    if unknown:
        count, example = len(unknown), unknown[0]
        notes.append(say("lora.inspection.fit.not_understood", count=count, example=example))
    return notes
