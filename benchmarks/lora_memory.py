"""Extra memory of applied LoRAs: ours merged and unmerged, and diffusers' fused and unfused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.corpus import layout
from benchmarks.files import linears, write_lora
from benchmarks.machine import reachable_tensors, release, used, watched
from benchmarks.models import BarePipeline, build, shapes_of
from benchmarks.our_side import Mode, OurSide
from benchmarks.peft_side import DiffusersSide
from benchmarks.report import Cell, PartResult, Table, Target
from benchmarks.settings import Settings
from wan_lora_studio.wan.adapters import AdapterCache, Layout, Pristine

COPIES = 1.0
MERGED = "ours, merged"
CHECKPOINT = "ours, merged, originals on disk"
OF_FACTORS = 0.02  # copies of the touched weights that small leftovers may make up
Files = dict[str, Path]
Way = Callable[[Files, Any], object]  # applies the files to a model; what it returns is held


@dataclass(frozen=True)
class Extra:
    """Bytes beyond the bare model: tensors that are reachable, memory in use, and its peak."""

    name: str
    count: int
    tensors: int
    held: int
    peak: int


def measure(settings: Settings) -> PartResult:
    model = build(settings.full, device=settings.device)
    touched = sum(
        model.get_parameter(f"{module}.weight").nbytes for module in linears(shapes_of(model))
    )
    del model
    found = [
        extra
        for count in (settings.counts[0], settings.counts[-1])
        for extra in _with_files(settings, count)
    ]
    targets = [
        Target(
            f"copies of the touched weights ({name})",
            max(extra.tensors for extra in found if extra.name == name) / touched,
            "at most",
            limit,
        )
        for name, limit in ((MERGED, COPIES), (CHECKPOINT, OF_FACTORS))
    ]
    facts = {"touched": touched, "extra": [vars(extra) for extra in found]}
    return PartResult("memory", (_table(settings, touched, found),), targets, facts=facts)


def _with_files(settings: Settings, count: int) -> list[Extra]:
    with tempfile.TemporaryDirectory() as folder:
        shapes = shapes_of(build(settings.full, device=settings.device))
        files = {
            f"l{seed}": write_lora(
                layout("diffusion-pipe"), shapes, Path(folder), f"l{seed}",
                rank=settings.rank, seed=seed,
            )
            for seed in range(count)
        }  # fmt: skip
        return [_extra(settings, name, count, partial(act, files)) for name, act in WAYS.items()]


class CheckpointCache(AdapterCache):
    """Takes originals from the model's folder, as the engine does when memory is short."""

    def pristine(self, layout: Layout, *, frugal: bool) -> Pristine:
        return super().pristine(layout, frugal=True)


def _ours(mode: Mode, cache: Callable[[int], AdapterCache] = AdapterCache) -> Way:
    def apply(files: Files, model: Any) -> object:
        side = OurSide(BarePipeline(model), mode, cache)
        side.apply(files)
        return side

    return apply


def _theirs(*, fused: bool) -> Way:
    def apply(files: Files, model: Any) -> object:
        side = DiffusersSide(model)
        side.apply(files)
        if fused:
            side.fuse(tuple(files))
        return side

    return apply


WAYS = {
    MERGED: _ours("merge"),
    CHECKPOINT: _ours("merge", CheckpointCache),
    "ours, runtime": _ours("runtime"),
    "diffusers, fused": _theirs(fused=True),
    "diffusers, unfused": _theirs(fused=False),
}


def _extra(settings: Settings, name: str, count: int, apply: Callable[[Any], object]) -> Extra:
    """Apply to a model of its own, and see what is there that was not there before."""
    device = settings.device
    with ExitStack() as stack:
        if name == CHECKPOINT:
            model = stack.enter_context(loaded(settings))
        else:
            model = build(settings.full, device=device)
        return _measured(device, name, count, model, apply)


def _measured(
    device: torch.device, name: str, count: int, model: Any, apply: Callable[[Any], object]
) -> Extra:
    release()
    tensors, before = reachable_tensors(), used(device)
    with watched(device) as peak:
        side = apply(model)
    found = Extra(
        name,
        count,
        reachable_tensors() - tensors,
        used(device) - before,
        max(0, peak.size - before),
    )
    if isinstance(side, OurSide):
        side.close()
    return found


@contextmanager
def loaded(settings: Settings) -> Iterator[Any]:
    """The model, as diffusers loads it from a folder."""
    from diffusers import WanTransformer3DModel

    with tempfile.TemporaryDirectory() as folder:
        build(settings.full, device=settings.device).save_pretrained(folder)
        model = WanTransformer3DModel.from_pretrained(folder, torch_dtype=settings.full.dtype)
        yield model.to(settings.device).eval()


def _table(settings: Settings, touched: int, found: list[Extra]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            extra.name,
            extra.count,
            *(f"{size / 1e6:.0f} MB" for size in (extra.tensors, extra.held, extra.peak)),
            f"{extra.tensors / touched:.2f}",
        )
        for extra in found
    ]
    return Table(
        f"Extra memory ({settings.full.name}, rank {settings.rank}; "
        f"touched weights {touched / 1e6:.0f} MB)",
        ("way", "LoRAs", "tensors", "held", "peak", "copies of the touched weights"),
        tuple(rows),
        notes=(
            "tensors: reachable, each storage once, without mapped files. held: the process's own "
            "memory; on a GPU, its allocations. peak: the most that was held while applying.",
        ),
    )
