"""Applying LoRAs unmerged, from the file to the first forward pass after it.

The files lie in the system's page cache for both sides. Ours may leave work to the first forward
pass (reading factors that are only mapped, joining them), so that pass is measured as well:
what it takes beyond the second one counts as applying.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.corpus import layout
from benchmarks.files import write_lora
from benchmarks.harness import Timing
from benchmarks.lora_layouts import EXACT, judge
from benchmarks.report import Cell, PartResult, Table, Target, duration, times, with_spread
from benchmarks.settings import Settings
from benchmarks.unmerged import Arena

ALREADY = (0, 1, 3)
TIMES = 10.0
FLAT = 1.5
DORA = "diffusers DoRA"
USUAL = "diffusion-pipe"
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


def measure(settings: Settings) -> PartResult:
    arena = Arena(settings, settings.deep)
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as folder:
        layouts = _by_layout(arena, Path(folder), timings)
    with tempfile.TemporaryDirectory() as folder:
        counts = _by_count(arena, Path(folder), timings)
    passes, left = _first_passes(settings, timings)
    none, most = (_of(timings, f"{count} there", "ours: apply") for count in (0, ALREADY[-1]))
    targets = (
        Target(
            "applying cold against diffusers (worst count)",
            min(_ratio(timings, f"{count} there") for count in ALREADY),
            "at least", TIMES, "x",
        ),
        Target("the same with the first forward pass (worst count)", left, "at least", TIMES, "x"),
        Target(
            f"applying beside {ALREADY[-1]} against beside none",
            most.median / none.median, "at most", FLAT, "x",
        ),
    )  # fmt: skip
    return PartResult("apply", (layouts, counts, passes), targets, timings)


def _of(timings: Mapping[str, Timing], group: str, name: str) -> Timing:
    return timings[f"{group}, {name}"]


def _ratio(timings: Mapping[str, Timing], group: str) -> float:
    return _of(timings, group, "ours: apply").ratio_to(_of(timings, group, "diffusers: apply"))


def _by_layout(arena: Arena, folder: Path, timings: dict[str, Timing]) -> Table:
    """One file of each layout; beside diffusers where it applies that layout exactly."""
    settings = arena.settings
    few = Arena(settings, settings.full)
    rows: list[tuple[Cell, ...]] = []
    for verdict in judge([layout(name) for name in MEASURED], ("full",)):
        name = verdict.layout
        place = few if name == DORA else arena
        rank = min(settings.rank, RANKS.get(name, settings.rank))
        path = write_lora(layout(name), place.shapes, folder, name, rank=rank)
        both = verdict.theirs == EXACT
        found = place.compare({}, {"new": path}, both=both, rounds=settings.rounds)
        path.unlink()
        timings |= {f"{name}, {key}": timing for key, timing in found.items()}
        rows.append((name, rank, place.shape.blocks, *_cells(found), verdict.theirs))
    return Table(
        f"A LoRA applied unmerged, cold, by layout ({arena.shape.name})",
        ("layout", "rank", "blocks", "ours", "diffusers", "ratio", "diffusers applies it"),
        tuple(rows),
        notes=(
            "Median (quartiles). Cold: the file was not parsed before; it is in page cache.",
            "DoRA is measured on fewer blocks: both sides compute the norm of every weight.",
        ),
    )


def _cells(found: Mapping[str, Timing]) -> tuple[Cell, Cell, Cell]:
    ours, theirs = found["ours: apply"], found.get("diffusers: apply")
    if theirs is None:
        return with_spread(ours), None, None
    return with_spread(ours), with_spread(theirs), times(ours.ratio_to(theirs))


def _several(arena: Arena, folder: Path) -> dict[str, Path]:
    """A new file, and as many others as are there at most."""
    names = ["new", *(f"there{number}" for number in range(max(ALREADY)))]
    rank = arena.settings.rank
    return {
        name: write_lora(layout(USUAL), arena.shapes, folder, name, rank=rank, seed=seed)
        for seed, name in enumerate(names)
    }


def _split(files: dict[str, Path], count: int) -> tuple[dict[str, Path], dict[str, Path]]:
    """(`count` that are there, the new one)"""
    return {name: files[name] for name in list(files)[1 : 1 + count]}, {"new": files["new"]}


def _by_count(arena: Arena, folder: Path, timings: dict[str, Timing]) -> Table:
    """The same file beside 0, 1 and 3 others."""
    files = _several(arena, folder)
    rows = []
    for count in ALREADY:
        found = arena.compare(*_split(files, count), rounds=arena.settings.rounds)
        timings |= {f"{count} there, {key}": timing for key, timing in found.items()}
        rows.append((count, *_cells(found)))
    size = files["new"].stat().st_size / 1e6
    columns = ("already there", "ours", "diffusers", "ratio")
    return Table(f"{size:.0f} MB applied beside others ({arena.shape.name})", columns, tuple(rows))


def _first_passes(settings: Settings, timings: Mapping[str, Timing]) -> tuple[Table, float]:
    """What is left to the first pass, and the worst ratio of applying with it."""
    arena = Arena(settings, settings.full)
    blocks = settings.deep.blocks / settings.full.blocks
    rows: list[tuple[Cell, ...]] = []
    worst = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        files = _several(arena, Path(folder))
        for count in ALREADY:
            extra = arena.first_passes(*_split(files, count))
            whole = {
                side: _of(timings, f"{count} there", f"{side}: apply").median + blocks * seconds
                for side, seconds in extra.items()
            }
            ratio = whole["diffusers"] / whole["ours"]
            worst = min(worst, ratio)
            cells = (duration(seconds) for seconds in (*extra.values(), *whole.values()))
            rows.append((count, *cells, times(ratio)))
    columns = ("already there", "ours", "diffusers")
    whole_columns = ("ours, with applying", "diffusers, with applying", "ratio")
    title = f"What the first forward pass takes beyond the second ({settings.full.name})"
    note = f"With applying: as above, and {blocks:g} times what the first pass took here."
    return Table(title, columns + whole_columns, tuple(rows), (note,)), worst
