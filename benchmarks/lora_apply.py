"""Applying LoRAs unmerged, from the file to the first forward pass after it.

The files lie in the system's page cache for both sides. Ours may leave work to the first forward
pass (reading factors that are only mapped, joining them), so that pass is measured as well:
what it takes beyond the second one counts as applying.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import LoRAError
from benchmarks.corpus import layout
from benchmarks.files import write_lora
from benchmarks.harness import Action, Contestant, Timing, interleave
from benchmarks.lora_layouts import EXACT, judge
from benchmarks.models import BarePipeline, build, forward, inputs, shapes_of, twin
from benchmarks.our_side import OurSide
from benchmarks.peft_side import DiffusersSide
from benchmarks.report import Cell, PartResult, Table, Target, duration, times, with_spread
from benchmarks.settings import Settings

Files = Mapping[str, Path]
ALREADY = (0, 1, 3)
TIMES = 10.0
DORA = "diffusers DoRA"
# Layouts that differ in how they are read; the others of the corpus are spelled like one of them.
MEASURED = (
    "diffusers",
    "diffusers with biases",
    "diffusion-pipe",
    "musubi",
    "LightX2V",
    "diffusers with alpha",
    "ai-toolkit, both experts",
    "kohya, dots and underscores",
    "DiffSynth-Studio",
    "PEFT export",
    "LyCORIS LoCon",
    "LyCORIS LoHa",
    "LyCORIS LoKr",
    "LightX2V with differences",
    DORA,
)
# Beside the weights, a LoHa of rank r is a LoRA of rank r²; trainers propose small ranks for it.
RANKS = {"LyCORIS LoHa": 8}


@dataclass(frozen=True)
class Side:
    """One side's way of applying a LoRA beside those that `prepare` puts there."""

    name: str
    pipeline: Any
    prepare: Action
    apply: Action
    finish: Action


class Arena:
    """Both sides on models that share their weights."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        model = build(settings.deep, device=settings.device)
        self.shapes = shapes_of(model)
        self.ours = OurSide(BarePipeline(model), "runtime")
        self.theirs = DiffusersSide(twin(model))
        self._given = inputs(settings.deep, settings.few_latents, device=settings.device)

    def compare(self, new: Files, *, both: bool, rounds: int) -> dict[str, Timing]:
        """Apply `new` where nothing is, without a forward pass."""
        sides = [self._ours({}, new)] + ([self._theirs({}, new)] if both else [])
        contestants = [Contestant(f"{x.name}: apply", x.apply, finish=x.finish) for x in sides]
        wait = self.settings.synchronise
        return interleave(contestants, rounds, warmups=min(1, rounds - 1), synchronise=wait)

    def compare_with_passes(self, there: Files, new: Files) -> dict[str, Timing]:
        """Apply `new` beside what is there, then two forward passes."""
        sides = [self._ours(there, new), self._theirs(there, new)]
        contestants = [step for side in sides for step in self._steps(side)]
        rounds, wait = self.settings.slow_rounds, self.settings.synchronise
        return interleave(contestants, rounds, synchronise=wait)

    def _ours(self, there: Files, new: Files) -> Side:
        def apply() -> None:
            self.ours.change({**there, **new}) if there else self.ours.apply(new)

        def prepare() -> None:
            if there:
                self.ours.apply(there)

        return Side("ours", self.ours.pipeline, prepare, apply, self.ours.close)

    def _theirs(self, there: Files, new: Files) -> Side:
        def apply() -> None:
            for name, path in new.items():
                self.theirs.load(name, path)
            self.theirs.set(dict.fromkeys({**there, **new}, 1.0))

        def prepare() -> None:
            if there:
                self.theirs.apply(there)

        return Side("diffusers", self.theirs.pipeline, prepare, apply, self.theirs.unload)

    def _steps(self, side: Side) -> list[Contestant]:
        def sample() -> object:
            return forward(side.pipeline.transformer, self._given)

        def prepare() -> None:
            side.prepare()
            sample()  # what is there has been sampled with before

        return [
            Contestant(f"{side.name}: apply", side.apply, prepare),
            Contestant(f"{side.name}: first pass", sample),
            Contestant(f"{side.name}: second pass", sample, finish=side.finish),
        ]


def measure(settings: Settings) -> PartResult:
    arena = Arena(settings)
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as folder:
        layouts = _by_layout(arena, Path(folder), timings)
    with tempfile.TemporaryDirectory() as folder:
        counts = _by_count(arena, Path(folder), timings)
    flat = _of(timings, f"{ALREADY[-1]} there", "ours: apply").median
    flat /= _of(timings, f"{ALREADY[0]} there", "ours: apply").median
    worst = min(_ratio(timings, f"{count} there") for count in ALREADY)
    targets = (
        Target("applying cold against diffusers (worst count)", worst, "at least", TIMES, "x"),
        Target(f"applying beside {ALREADY[-1]} against beside none", flat, "at most", 1.5, "x"),
    )
    return PartResult("apply", (layouts, counts), targets, timings)


def _of(timings: Mapping[str, Timing], group: str, name: str) -> Timing:
    return timings[f"{group}, {name}"]


def _ratio(timings: Mapping[str, Timing], group: str) -> float:
    return _of(timings, group, "ours: apply").ratio_to(_of(timings, group, "diffusers: apply"))


def _by_layout(arena: Arena, folder: Path, timings: dict[str, Timing]) -> Table:
    """One file of each layout; beside diffusers where it applies that layout exactly."""
    rows: list[tuple[Cell, ...]] = []
    for verdict in judge([layout(name) for name in MEASURED], ("full",)):
        name = verdict.layout
        settings = arena.settings
        rank = min(settings.rank, RANKS.get(name, settings.rank))
        rounds = 1 if name == DORA else settings.rounds
        path = write_lora(layout(name), arena.shapes, folder, name, rank=rank)
        try:
            found = arena.compare({"new": path}, both=verdict.theirs == EXACT, rounds=rounds)
        except LoRAError as error:
            rows.append((name, rank, type(error).__name__, None, None, verdict.theirs))
        else:
            timings |= {f"{name}, {key}": timing for key, timing in found.items()}
            rows.append((name, rank, *_cells(found), verdict.theirs))
        finally:
            arena.ours.close()
            path.unlink()
    return Table(
        f"A LoRA applied unmerged, cold, by layout ({arena.settings.deep.name})",
        ("layout", "rank", "ours", "diffusers", "ratio", "diffusers applies it"),
        tuple(rows),
        notes=(
            "Median (quartiles). Cold: the file was not parsed before; it is in page cache.",
            f"{DORA} is measured once: both sides compute the norm of every weight.",
        ),
    )


def _cells(found: Mapping[str, Timing]) -> tuple[Cell, Cell, Cell]:
    ours, theirs = found["ours: apply"], found.get("diffusers: apply")
    if theirs is None:
        return with_spread(ours), None, None
    return with_spread(ours), with_spread(theirs), times(ours.ratio_to(theirs))


def _by_count(arena: Arena, folder: Path, timings: dict[str, Timing]) -> Table:
    """The same file beside 0, 1 and 3 others, with what is left to the first forward pass."""
    settings = arena.settings
    names = ["new", *(f"there{number}" for number in range(max(ALREADY)))]
    paths = {
        name: write_lora(
            layout("diffusion-pipe"), arena.shapes, folder, name, rank=settings.rank, seed=seed
        )
        for seed, name in enumerate(names)
    }
    rows = []
    for count in ALREADY:
        there = {name: paths[name] for name in names[1 : 1 + count]}
        found = arena.compare_with_passes(there, {"new": paths["new"]})
        timings |= {f"{count} there, {key}": timing for key, timing in found.items()}
        rows.append(_count_row(count, found))
    size = paths["new"].stat().st_size / 1e6
    return Table(
        f"A LoRA of {size:.0f} MB applied beside others ({settings.deep.name})",
        (
            "already there", "ours", "diffusers", "ratio", "first pass, ours",
            "first pass, diffusers", "ratio with the first pass",
        ),
        tuple(rows),
        notes=("First pass: what the first forward pass takes beyond the second.",),
    )  # fmt: skip


def _count_row(count: int, found: Mapping[str, Timing]) -> tuple[Cell, ...]:
    extra = {side: _extra(found, side) for side in ("ours", "diffusers")}
    whole = {side: found[f"{side}: apply"].median + extra[side] for side in extra}
    passes = (duration(seconds) for seconds in extra.values())
    return (count, *_cells(found), *passes, times(whole["diffusers"] / whole["ours"]))


def _extra(found: Mapping[str, Timing], side: str) -> float:
    """What the first pass takes beyond the second, in seconds; not below 0."""
    first, second = found[f"{side}: first pass"], found[f"{side}: second pass"]
    pairs = zip(first.seconds, second.seconds, strict=True)
    return max(0.0, statistics.median(one - other for one, other in pairs))
