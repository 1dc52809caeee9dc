"""Switching LoRAs: another strength or another file, merged and unmerged.

Merged is compared with diffusers' way of the same effect: unfuse, delete and load, set, fuse.
"""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.corpus import layout
from benchmarks.files import write_lora
from benchmarks.harness import Contestant, Timing, interleave
from benchmarks.models import A14B_BLOCKS, BarePipeline, ModelShape, build, shapes_of, twin
from benchmarks.our_side import OurSide
from benchmarks.peft_side import DiffusersSide
from benchmarks.report import Cell, PartResult, Table, Target, duration, times, with_spread
from benchmarks.settings import Settings

Files = Mapping[str, Path]
TIMES = 20.0
LIMIT_MS = 5.0
STRENGTHS = (1.0, 0.6)


def measure(settings: Settings) -> PartResult:
    timings: dict[str, Timing] = {}
    merged, ratios = _merged(settings, timings)
    unmerged, slowest = _unmerged(settings, timings)
    targets = (
        *(
            Target(f"another {what}, merged (worst row)", ratio, "at least", TIMES, "x")
            for what, ratio in ratios.items()
        ),
        Target(
            f"another strength, unmerged, {settings.narrow.layers} layers (worst row)",
            1000 * slowest,
            "at most",
            LIMIT_MS,
            "ms",
        ),
    )
    return PartResult("switch", (merged, unmerged), targets, timings)


def _merged(settings: Settings, timings: dict[str, Timing]) -> tuple[Table, dict[str, float]]:
    """Strength and file switches at every rank and number of LoRAs; the least ratio of each."""
    shape = settings.full
    model = build(shape, device=settings.device)
    other = copy.deepcopy(model)
    rows: list[tuple[Cell, ...]] = []
    ratios = {"strength": float("inf"), "file": float("inf")}
    for rank, count in ((rank, count) for rank, counts in settings.stacks for count in counts):
        with _files(shapes_of(model), rank, count) as (files, spare):
            ours = OurSide(BarePipeline(model), "merge")
            theirs = DiffusersSide(other)
            with _applied_merged(ours, theirs, files):
                for what, pair in _contestants(ours, theirs, files, spare).items():
                    found = interleave(
                        pair,
                        settings.slow_rounds,
                        warmups=0,
                        synchronise=settings.synchronise,
                    )
                    group = f"{what}, rank {rank}, {count} LoRAs"
                    timings |= {f"{group}, {key}": timing for key, timing in found.items()}
                    ratio = found["ours"].ratio_to(found["diffusers"])
                    ratios[what] = min(ratios[what], ratio)
                    rows.append((what, rank, count, *_merged_cells(found, shape, ratio)))
    return _merged_table(shape, rows), ratios


def _merged_cells(found: Mapping[str, Timing], shape: ModelShape, ratio: float) -> tuple[Cell, ...]:
    whole = A14B_BLOCKS / shape.blocks
    both = (found["ours"], found["diffusers"])
    return (
        *(with_spread(timing) for timing in both),
        times(ratio),
        *(duration(timing.median * whole) for timing in both),
    )


def _merged_table(shape: ModelShape, rows: list[tuple[Cell, ...]]) -> Table:
    columns = ("other", "rank", "LoRAs", "ours", "diffusers", "ratio")
    whole = (f"ours, {A14B_BLOCKS} blocks", f"diffusers, {A14B_BLOCKS} blocks")
    return Table(
        f"Switching merged LoRAs ({shape.name})",
        columns + whole,
        tuple(rows),
        notes=(
            "ours: `change`; diffusers: `unfuse_lora`, (`delete_adapters`, `load_lora_weights`,) "
            "`set_adapters`, `fuse_lora`.",
            f"The last columns are extrapolated from {shape.blocks} blocks in proportion.",
            "No file is kept parsed: both sides read the new one, ours the others again too.",
            "With several LoRAs, `strength` changes all of them and `file` replaces one.",
        ),
    )


@contextmanager
def _files(
    shapes: Mapping[str, tuple[int, ...]], rank: int, count: int
) -> Iterator[tuple[dict[str, Path], Path]]:
    """`count` LoRAs by name, and one more that the first can be replaced with."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            write_lora(
                layout("diffusion-pipe"), shapes, Path(folder), f"l{seed}", rank=rank, seed=seed
            )
            for seed in range(count + 1)
        ]
        yield {path.stem: path for path in paths[:-1]}, paths[-1]


@contextmanager
def _applied_merged(ours: OurSide, theirs: DiffusersSide, files: Files) -> Iterator[None]:
    ours.apply(files)
    theirs.apply(files)
    theirs.fuse(tuple(files))
    try:
        yield
    finally:
        ours.close()
        theirs.unfuse()
        theirs.unload()


def _contestants(
    ours: OurSide, theirs: DiffusersSide, files: dict[str, Path], spare: Path
) -> dict[str, list[Contestant]]:
    """Each run switches to the other of two strengths, or of two files."""
    first = next(iter(files))
    other = {("spare" if name == first else name): path for name, path in files.items()}
    other["spare"] = spare
    rest = {name: path for name, path in files.items() if name != first}

    def their_strength(strength: float) -> None:
        theirs.unfuse()
        theirs.set(dict.fromkeys(files, strength))
        theirs.fuse(tuple(files))

    def their_file(old: str, new: tuple[str, Path]) -> None:
        theirs.unfuse()
        theirs.delete(old)
        theirs.load(*new)
        names = (new[0], *rest)
        theirs.set(dict.fromkeys(names, 1.0))
        theirs.fuse(names)

    return {
        "strength": [
            Contestant("ours", _alternating(ours.change, *((files, s) for s in STRENGTHS))),
            Contestant("diffusers", _alternating(their_strength, *((s,) for s in STRENGTHS))),
        ],
        "file": [
            Contestant("ours", _alternating(ours.change, (files,), (other,)), ours.forget),
            Contestant(
                "diffusers",
                _alternating(
                    their_file, ("spare", (first, files[first])), (first, ("spare", spare))
                ),
            ),
        ],
    }


def _alternating(act: Callable[..., None], *calls: tuple[object, ...]) -> Callable[[], None]:
    """An action that makes the second call first, then the first, and so on in turn."""
    order = itertools.cycle(calls[1:] + calls[:1])
    return lambda: act(*next(order))


def _unmerged(settings: Settings, timings: dict[str, Timing]) -> tuple[Table, float]:
    """Another strength of LoRAs beside the weights; the slowest median in seconds."""
    rows: list[tuple[Cell, ...]] = []
    slowest = 0.0
    for shape in dict.fromkeys((settings.narrow, settings.deep)):
        model = build(shape, device=settings.device)
        for count in (settings.counts[0], settings.counts[-1]):
            found = _unmerged_strength(settings, model, count)
            group = f"unmerged strength, {shape.name}, {count} LoRAs"
            timings |= {f"{group}, {key}": timing for key, timing in found.items()}
            slowest = max(slowest, found["ours"].median)
            ratio = times(found["ours"].ratio_to(found["diffusers"]))
            cells = (with_spread(found[key]) for key in ("ours", "diffusers"))
            rows.append((shape.name, shape.layers, count, *cells, ratio))
    columns = ("model", "layers", "LoRAs", "ours", "diffusers (`set_adapters`)", "ratio")
    return Table("Another strength of unmerged LoRAs", columns, tuple(rows)), slowest


def _unmerged_strength(settings: Settings, model: object, count: int) -> dict[str, Timing]:
    ours, theirs = OurSide(BarePipeline(model), "runtime"), DiffusersSide(twin(model))
    with _files(shapes_of(model), settings.rank, count) as (files, _):
        ours.apply(files)
        theirs.apply(files)
        pair = [
            Contestant("ours", _alternating(ours.change, *((files, s) for s in STRENGTHS))),
            Contestant(
                "diffusers",
                _alternating(theirs.set, *((dict.fromkeys(files, s),) for s in STRENGTHS)),
            ),
        ]
        found = interleave(pair, 3 * settings.rounds, synchronise=settings.synchronise)
        ours.close()
    return found
