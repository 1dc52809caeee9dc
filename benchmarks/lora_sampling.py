"""What LoRAs cost in every forward pass: merged, unmerged, and peft's unmerged layers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from benchmarks.corpus import layout
from benchmarks.files import write_lora
from benchmarks.harness import Contestant, Timing, interleave
from benchmarks.models import (
    BarePipeline,
    ModelShape,
    build,
    forward,
    inputs,
    shapes_of,
    tokens,
    twin,
)
from benchmarks.our_side import OurSide
from benchmarks.peft_side import DiffusersSide
from benchmarks.report import Cell, PartResult, Table, Target, duration, with_spread
from benchmarks.settings import Settings

Files = Mapping[str, Path]
MERGED_LIMIT = 1.0  # percent
RUNTIME_LIMIT = 0.5  # of peft's overhead
NARROW_LATENTS = (1, 16, 16)


@dataclass(frozen=True)
class Overhead:
    """What a way of applying costs, in percent of the bare model's forward pass."""

    name: str
    count: int
    percent: float


def measure(settings: Settings) -> PartResult:
    timings: dict[str, Timing] = {}
    tables, targets = [], []
    stages = [(settings.full, rank, counts) for rank, counts in settings.stacks]
    for shape, rank, counts in (*stages, (settings.narrow, settings.rank, settings.counts)):
        latents = settings.latents if shape is settings.full else NARROW_LATENTS
        found = Stage(settings, shape, rank, latents, counts).run()
        timings |= {f"{shape.name}, rank {rank}, {key}": value for key, value in found.items()}
        overheads = _overheads(found, counts)
        title = f"A forward pass ({shape.name}, {tokens(latents)} tokens, rank {rank})"
        tables.append(_table(title, found, overheads))
        targets += _targets(f"{shape.name}, rank {rank}", overheads)
    return PartResult("sampling", tables, targets, timings)


class Stage:
    """One model, its files, and every contestant on the same weights.

    Bare and merged are the same model, changed in place between its turns: two copies of the
    weights could differ in speed by where they lie in memory.
    """

    def __init__(
        self,
        settings: Settings,
        shape: ModelShape,
        rank: int,
        latents: tuple[int, int, int],
        counts: tuple[int, ...],
    ) -> None:
        self._settings, self._rank, self._counts = settings, rank, counts
        self._model = build(shape, device=settings.device)
        self._given = inputs(shape, latents, device=settings.device)

    def run(self) -> dict[str, Timing]:
        with tempfile.TemporaryDirectory() as folder:
            files = {
                f"l{seed}": write_lora(
                    layout("diffusion-pipe"),
                    shapes_of(self._model),
                    Path(folder),
                    f"l{seed}",
                    rank=self._rank,
                    seed=seed,
                )
                for seed in range(max(self._counts))
            }
            # The unmerged models come first: their copies are of the bare model's modules.
            unmerged = [
                contestant
                for count in self._counts
                for contestant in self._unmerged(dict(list(files.items())[:count]), count)
            ]
            return interleave(
                [*self._same_weights(files), *unmerged],
                self._settings.rounds,
                synchronise=self._settings.synchronise,
            )

    def _same_weights(self, files: Files) -> list[Contestant]:
        side = OurSide(BarePipeline(self._model), "merge")
        return [
            Contestant("bare", lambda: self._pass(self._model)),
            Contestant(
                "merged", lambda: self._pass(self._model), lambda: side.apply(files), side.close
            ),
        ]

    def _unmerged(self, files: Files, count: int) -> list[Contestant]:
        ours = OurSide(BarePipeline(twin(self._model)), "runtime")
        theirs = DiffusersSide(twin(self._model))
        ours.apply(files)
        theirs.apply(files)
        return [
            Contestant(f"runtime {count}", lambda: self._pass(ours.pipeline.transformer)),
            Contestant(f"peft {count}", lambda: self._pass(theirs.pipeline.transformer)),
        ]

    def _pass(self, model: Any) -> Tensor:
        return forward(model, self._given)


def _overheads(found: Mapping[str, Timing], counts: tuple[int, ...]) -> list[Overhead]:
    names = [("merged", "merged", max(counts))]
    names += [(f"{way} {n}", way, n) for n in counts for way in ("runtime", "peft")]
    return [
        Overhead(way, count, _percent(found[name], found["bare"])) for name, way, count in names
    ]


def _percent(timing: Timing, bare: Timing) -> float:
    """By the fastest passes: what else runs on the machine only ever adds time, often more than
    the few percent that are looked for here.
    """
    return 100 * (timing.fastest / bare.fastest - 1)


def _table(title: str, found: Mapping[str, Timing], overheads: list[Overhead]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        ("bare", 0, with_spread(found["bare"]), duration(found["bare"].fastest), None)
    ]
    for overhead in overheads:
        name = "merged" if overhead.name == "merged" else f"{overhead.name} {overhead.count}"
        cells = (with_spread(found[name]), duration(found[name].fastest))
        rows.append((overhead.name, overhead.count, *cells, f"{overhead.percent:+.2f} %"))
    columns = ("way", "LoRAs", "median (quartiles)", "fastest", "over bare (fastest)")
    return Table(title, columns, tuple(rows))


def _targets(place: str, overheads: list[Overhead]) -> list[Target]:
    by_name = {(overhead.name, overhead.count): overhead.percent for overhead in overheads}
    targets = []
    for (name, count), percent in by_name.items():
        if name == "merged":
            text = f"merged over bare ({place})"
            targets.append(Target(text, percent, "at most", MERGED_LIMIT, "%"))
        if name == "runtime":
            share = percent / by_name["peft", count] if by_name["peft", count] > 0 else 1.0
            text = f"runtime's overhead as a share of peft's ({place}, {count} LoRAs)"
            targets.append(Target(text, share, "at most", RUNTIME_LIMIT))
    return targets
