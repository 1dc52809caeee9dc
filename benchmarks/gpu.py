"""LoRAs on a whole expert of A14B in each placement: for whoever has a CUDA card.

Random weights, so nothing is downloaded. What this machine cannot hold is not run, and says so.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import psutil
import torch

from benchmarks.corpus import layout
from benchmarks.files import write_lora
from benchmarks.machine import Peak, watched
from benchmarks.models import (
    A14B_WHOLE,
    TINY,
    ModelShape,
    build,
    forward,
    inputs,
    shapes_of,
    without_weights,
)
from benchmarks.our_side import OurSide
from benchmarks.peft_side import DiffusersSide
from benchmarks.report import Cell, PartResult, Table, duration
from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.models import Offload, put, release
from wan_lora_studio.wan.task import GenerationTask

PLACEMENTS: tuple[Offload, ...] = ("none", "model", "group")
Storage = Literal["bf16", "fp8"]
WAYS = ("ours", "diffusers with peft")
MOST = 3  # LoRAs at once
SPARE = 4e9  # bytes of host memory that are left to all else
FIGURES = ("load", "apply 1", "switch", "step, 0", "step, 1", "step, 3")


@dataclass(frozen=True)
class GpuSizes:
    """`latents` are (frames, height, width); `rounds` counts forward passes."""

    device: torch.device
    shape: ModelShape
    latents: tuple[int, int, int]
    rank: int
    rounds: int
    storages: tuple[Storage, ...] = ("bf16", "fp8")


def gpu_sizes(*, quick: bool) -> GpuSizes:
    """480p with 81 frames; or tiny on the CPU, to see every step taken."""
    if quick:
        return GpuSizes(torch.device("cpu"), TINY, (2, 4, 4), 4, 1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return GpuSizes(device, A14B_WHOLE, (21, 60, 104), 32, 3)


@dataclass(frozen=True)
class Case:
    storage: Storage
    placed: Offload
    way: str


@dataclass(frozen=True)
class Outcome:
    """Seconds by figure, and bytes at the peak of a step with three LoRAs; or why not."""

    seconds: Mapping[str, float]
    peak: int = 0
    forecast: int = 0
    not_run: str = ""


class Side(Protocol):
    """A way of applying LoRAs to the pipeline."""

    def one(self, path: Path) -> None: ...
    def another(self, path: Path) -> None: ...
    def all_of(self, paths: Mapping[str, Path]) -> None: ...
    def close(self) -> None: ...


class Ours:
    def __init__(self, pipeline: Any) -> None:
        self._side = OurSide(pipeline, "auto")

    def one(self, path: Path) -> None:
        self._side.apply({"l0": path})

    def another(self, path: Path) -> None:
        self._side.change({"l1": path})

    def all_of(self, paths: Mapping[str, Path]) -> None:
        self._side.change(paths)

    def close(self) -> None:
        self._side.close()


class Theirs:
    def __init__(self, pipeline: Any) -> None:
        self._side = DiffusersSide(pipeline.transformer)
        self._side.pipeline = pipeline

    def one(self, path: Path) -> None:
        self._side.apply({"l0": path})

    def another(self, path: Path) -> None:
        self._side.delete("l0")
        self._side.apply({"l1": path})

    def all_of(self, paths: Mapping[str, Path]) -> None:
        for name, path in paths.items():
            if name != "l1":
                self._side.load(name, path)
        self._side.set(dict.fromkeys(paths, 1.0))

    def close(self) -> None:
        self._side.unload()


SIDES: Mapping[str, Callable[[Any], Side]] = dict(zip(WAYS, (Ours, Theirs), strict=True))


def measure(sizes: GpuSizes) -> PartResult:
    cases = [
        Case(storage, placed, way)
        for storage in sizes.storages
        for placed in PLACEMENTS
        for way in WAYS
    ]
    found = {case: Outcome({}, not_run=_impossible(sizes, case)) for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        possible = [case for case, outcome in found.items() if not outcome.not_run]
        files = _files(sizes, Path(folder)) if possible else {}
        found |= {case: _outcome(sizes, case, files) for case in possible}
    facts = {
        "outcomes": [
            {**vars(case), **vars(outcome), "seconds": dict(outcome.seconds)}
            for case, outcome in found.items()
        ]
    }
    return PartResult("gpu", (_table(sizes, found),), facts=facts)


def _outcome(sizes: GpuSizes, case: Case, files: Mapping[str, Path]) -> Outcome:
    try:
        return _measured(sizes, case, files)
    except torch.OutOfMemoryError:
        return Outcome({}, not_run="out of memory")
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        # The other library has no error of its own for storages that it does not support: that it
        # fails is a result. Ours must not.
        if case.way == "ours":
            raise
        return Outcome({}, not_run=f"{type(error).__name__}: {str(error)[:80]}".splitlines()[0])
    finally:
        gc.collect()
        if sizes.device.type == "cuda":
            torch.cuda.empty_cache()


def _impossible(sizes: GpuSizes, case: Case) -> str:
    """Why this case cannot be run on this machine; "" if it can."""
    if sizes.device.type != "cuda":
        return "" if sizes.shape is TINY else "there is no CUDA card"
    footprint, total = _footprint(sizes, case), torch.cuda.get_device_properties(0).total_memory
    needed = _needed(sizes, case, footprint)
    if needed > total:
        return f"needs {needed / 1e9:.1f} GB of the card's {total / 1e9:.1f}"
    host, free = _weights(footprint, "none", case), psutil.virtual_memory().available
    if case.placed != "none" and host > free - SPARE:
        return f"needs {host / 1e9:.1f} GB of the computer's {free / 1e9:.1f} free"
    return ""


def _measured(sizes: GpuSizes, case: Case, files: Mapping[str, Path]) -> Outcome:
    seconds: dict[str, float] = {}
    with _pipeline(sizes, case) as pipeline:
        given = inputs(sizes.shape, sizes.latents, device=sizes.device)

        def timed(figure: str, act: Callable[[], object]) -> None:
            seconds[figure] = _seconds(act, sizes.device)

        def step(count: int) -> None:
            forward(pipeline.transformer, given)  # what is prepared at a first use
            timed(
                f"step, {count}",
                lambda: [forward(pipeline.transformer, given) for _ in range(sizes.rounds)],
            )
            seconds[f"step, {count}"] /= sizes.rounds

        timed("load", lambda: put(pipeline, sizes.device, case.placed))
        step(0)
        side = SIDES[case.way](pipeline)
        timed("apply 1", lambda: side.one(files["l0"]))
        step(1)
        timed("switch", lambda: side.another(files["l1"]))
        side.all_of(files)
        with watched(sizes.device) as peak:
            step(3)
        side.close()
    return Outcome(seconds, *_sizes_of(sizes, case, peak))


def _sizes_of(sizes: GpuSizes, case: Case, peak: Peak) -> tuple[int, int]:
    """The peak that was seen, 0 where no card says it, and the one that the app foresees."""
    footprint = _footprint(sizes, case)
    return (
        peak.size if sizes.device.type == "cuda" else 0,
        _needed(sizes, case, footprint),
    )


def _seconds(act: Callable[[], object], device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    start = time.perf_counter()
    act()
    wait()
    return time.perf_counter() - start


@contextmanager
def _pipeline(sizes: GpuSizes, case: Case) -> Iterator[Any]:
    """One expert with random weights in a pipeline, on the host where it is to wait there."""
    from diffusers import AutoencoderKLWan, WanPipeline

    there = sizes.device if case.placed == "none" else torch.device("cpu")
    model = build(sizes.shape, device=there)
    if case.storage == "fp8":
        model.enable_layerwise_casting(torch.float8_e4m3fn, compute_dtype=sizes.shape.dtype)
    pipeline = WanPipeline(
        tokenizer=None,
        text_encoder=None,
        scheduler=None,
        # The placement takes it along; nothing is decoded here.
        vae=AutoencoderKLWan(base_dim=4, z_dim=4, dim_mult=[1, 1], num_res_blocks=1),
        transformer=model,
    )
    try:
        yield pipeline
    finally:
        release(pipeline, case.placed)


def _files(sizes: GpuSizes, folder: Path) -> dict[str, Path]:
    shapes = shapes_of(without_weights(sizes.shape))
    return {
        f"l{seed}": write_lora(
            layout("diffusion-pipe"), shapes, folder, f"l{seed}", rank=sizes.rank, seed=seed
        )
        for seed in range(MOST)
    }


def _footprint(sizes: GpuSizes, case: Case) -> Footprint:
    """As the app reads it from a folder's headers; here of the model that is built."""
    block, outside = 0, 0
    for path, value in without_weights(sizes.shape).named_parameters():
        if path.startswith("blocks.0."):
            block += value.numel()
        elif not path.startswith("blocks."):
            outside += value.numel()
    whole = outside + sizes.shape.blocks * block
    return Footprint(
        {"transformer": whole},
        sizes.shape.dim,
        96,
        16,
        streamed={"transformer": min(whole, outside + 2 * block)},
        fp8=case.storage == "fp8",
    )


def _weights(footprint: Footprint, placed: Offload, case: Case) -> int:
    width = 2
    found = footprint.weights_at_once(width) if placed == "group" else footprint.weights(width)
    return sum(found.values())


def _needed(sizes: GpuSizes, case: Case, footprint: Footprint) -> int:
    frames, height, width = sizes.latents
    task = GenerationTask(
        model_type="",
        prompt="",
        num_frames=4 * (frames - 1) + 1,
        height=8 * height,
        width=8 * width,
    )
    return _weights(footprint, case.placed, case) + footprint.sampling(task, 2)


def _table(sizes: GpuSizes, found: Mapping[Case, Outcome]) -> Table:
    rows = tuple(_row(case, outcome) for case, outcome in found.items())
    frames, height, width = sizes.latents
    return Table(
        f"{sizes.shape.name}, {width * 8}x{height * 8}, {4 * (frames - 1) + 1} frames, "
        f"LoRAs of rank {sizes.rank}",
        ("weights", "placement", "way", *FIGURES, "peak", "forecast"),
        rows,
        notes=(
            "load: from where the weights are built to where they wait. A step is one forward pass "
            "of one expert, with so many LoRAs. Ours merges where the weights stay. peak: of the "
            "card, in a step with three LoRAs; forecast: the app's own, without LoRAs.",
        ),
    )


def _row(case: Case, outcome: Outcome) -> tuple[Cell, ...]:
    head = (case.storage, case.placed, case.way)
    if outcome.not_run:
        return (*head, f"not run: {outcome.not_run}", *[None] * (len(FIGURES) + 1))
    times = (duration(outcome.seconds[figure]) for figure in FIGURES)
    peak = f"{outcome.peak / 1e9:.1f} GB" if outcome.peak else None
    return (*head, *times, peak, f"{outcome.forecast / 1e9:.1f} GB")
