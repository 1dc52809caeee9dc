"""Which files apply exactly: ours and diffusers over the layout corpus.

Exact means: the fp32 output of both experts is within 1e-5 (relative) of that of a float64
merge, which is computed here from the factors and rounded once.
"""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.algebras import dora, peft_dora
from benchmarks.corpus import LAYOUTS, Layout
from benchmarks.files import VARIANTS, Case, Variant, cases
from benchmarks.models import TINY, BarePipeline, build, forward, inputs, shapes_of
from benchmarks.our_side import OurSide, item
from benchmarks.peft_side import COMPONENTS, DiffusersSide
from benchmarks.report import Cell, PartResult, Table, Target
from benchmarks.settings import Settings
from wan_lora_studio.errors import StudioError
from wan_lora_studio.lora.roles import EXPERTS, Expert

TOLERANCE = 1e-5
STRENGTHS: Mapping[Expert, float] = {"high": 0.8, "low": -0.5}
# What a part of a DoRA's strength means, peft and we define differently; at 1 we agree.
DORA_STRENGTHS: Mapping[Expert, float] = {"high": 1.0, "low": 1.0}
EXACT = "exact"
LATENTS = (2, 4, 4)
Models = Mapping[Expert, Any]
Apply = Callable[[Models, Case], Callable[[], None]]


@dataclass(frozen=True)
class Verdict:
    """What each side made of a case: "exact", or why not."""

    layout: str
    variant: str
    ours: str
    theirs: str


def measure(settings: Settings) -> PartResult:
    verdicts = judge(LAYOUTS, settings.variants)
    count = len(verdicts)
    ours = sum(verdict.ours == EXACT for verdict in verdicts)
    theirs = sum(verdict.theirs == EXACT for verdict in verdicts)
    title = f"Files that apply exactly: ours {ours} of {count}, diffusers {theirs} of {count}"
    table = Table(
        title,
        ("layout", "files", "ours", "diffusers", "diffusers' reasons"),
        tuple(_row(layout.name, verdicts) for layout in LAYOUTS),
        notes=(
            "diffusers is called as `load_lora_weights` for each expert, then `set_adapters`.",
            "Variants: all layers; attention only; one block; the high-noise expert only; a pair.",
            "DoRA is compared at strength 1, the others at 0.8 and -0.5.",
            "The totals depend on which layouts are in the corpus; the rows do not.",
        ),
    )
    target = Target("files that apply exactly, ours", 100 * ours / count, "at least", 100, "%")
    facts = {"verdicts": [vars(verdict) for verdict in verdicts]}
    return PartResult("layouts", (table,), (target,), facts=facts)


def _row(name: str, verdicts: Sequence[Verdict]) -> tuple[Cell, ...]:
    own = [verdict for verdict in verdicts if verdict.layout == name]
    reasons = Counter(verdict.theirs for verdict in own if verdict.theirs != EXACT)
    return (
        name,
        len(own),
        sum(verdict.ours == EXACT for verdict in own),
        sum(verdict.theirs == EXACT for verdict in own),
        ", ".join(f"{reason} ({count})" for reason, count in reasons.items()),
    )


def judge(layouts: Sequence[Layout], variants: Sequence[Variant] = VARIANTS) -> list[Verdict]:
    """Apply these variants of these layouts on both sides."""
    device = torch.device("cpu")
    models = {e: build(TINY, device=device, seed=seed) for seed, e in enumerate(EXPERTS)}
    given = inputs(TINY, LATENTS, device=device)
    shapes = shapes_of(models["high"])
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(layouts, shapes, Path(folder), variants):
            wanted = {e: forward(_merged(models[e], case, e), given) for e in EXPERTS}
            ours, theirs = (
                _verdict(apply, case, models, wanted, given) for apply in (_ours, _diffusers)
            )
            verdicts.append(Verdict(case.layout.name, case.variant, ours, theirs))
    return verdicts


def _strengths(case: Case) -> Mapping[Expert, float]:
    return DORA_STRENGTHS if case.layout.maker in (dora, peft_dora) else STRENGTHS


def _merged(model: Any, case: Case, expert: Expert) -> Any:
    """A copy with W0 + s·ΔW computed in float64 and rounded once."""
    merged = copy.deepcopy(model)
    parameters = dict(merged.named_parameters())
    with torch.no_grad():
        for path, change in case.exact[expert].items():
            base = parameters[path].double()
            parameters[path].copy_(base + _strengths(case)[expert] * change(base))
    return merged


class NothingLoadedError(Exception):
    """diffusers reported success without a single layer."""


def _verdict(
    apply: Apply, case: Case, models: Models, wanted: Mapping[Expert, Tensor], given: Any
) -> str:
    """ "exact", "wrong output", "0 layers", or the name of the error that was raised."""
    copies = {expert: copy.deepcopy(model) for expert, model in models.items()}
    try:
        undo = apply(copies, case)
    except NothingLoadedError:
        return "0 layers"
    except (StudioError, ValueError, KeyError, RuntimeError, AttributeError, TypeError) as error:
        return type(error).__name__
    try:
        found = {expert: forward(copies[expert], given) for expert in EXPERTS}
    except (NotImplementedError, RuntimeError) as error:
        return f"{type(error).__name__} in the forward pass"
    finally:
        undo()
    errors = [float((found[e] - wanted[e]).norm() / wanted[e].norm()) for e in EXPERTS]
    return EXACT if max(errors) <= TOLERANCE else "wrong output"


def _ours(models: Models, case: Case) -> Callable[[], None]:
    side = OurSide(BarePipeline(models["high"], models["low"]), "merge")
    side.open([item("style", dict(_strengths(case)), case.files)])
    return side.close


def _diffusers(models: Models, case: Case) -> Callable[[], None]:
    side = DiffusersSide(models["high"], models["low"])
    for role, path in case.files.items():
        for expert in EXPERTS:
            if role in ("both", expert):
                side.load("style", path, expert)
    held = side.experts_with("style")
    if not held:
        raise NothingLoadedError
    side.set({"style": {e: s for e, s in _strengths(case).items() if COMPONENTS[e] in held}})
    return lambda: None
