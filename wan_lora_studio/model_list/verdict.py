"""Verdict: what a model takes on this machine's GPU and in its memory, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wan_lora_studio.model_list.machine import Machine
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.units import in_gb
from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.models import Offload, decoding_for, placing_for
from wan_lora_studio.wan.task import GenerationTask

SMALL = (832, 480)  # pixels
HOW: Mapping[Offload, str] = {
    "none": "",
    "encoder": ", with the text encoder in the computer's memory",
    "model": ", with parts that move there on use",
    "group": ", with streaming",
}
WIDTH = 2  # bytes of a number on a GPU
CPU_WIDTH = 2  # the least on a processor


@dataclass(frozen=True)
class Verdict:
    """`gpu` and `memory` are the bytes that a run takes at its most, at the size in `words`."""

    fits: bool
    gpu: int
    memory: int
    words: str


@dataclass(frozen=True)
class _Run:
    """One size on this machine: what it takes, and whether there is that."""

    size: tuple[int, int]
    gpu: int
    memory: int
    offload: Offload
    tiled: bool
    fits: bool


def verdict(footprint: Footprint, settings: Settings, name: str, machine: Machine) -> Verdict:
    """For the row's own size, or a smaller one where that alone fits."""
    entry = settings.model(name)
    if machine.gpu is None:
        return _without_gpu(footprint, entry, name, machine)
    runs = [_run(footprint, settings, name, size, machine) for size in _sizes(entry)]
    best = next((run for run in runs if run.fits), None)
    if best is None:
        return _refused(runs[-1], machine)
    wide, high = best.size
    how = HOW[best.offload] + (", decoded in tiles" if best.tiled else "")
    words = f"Fits your {_card(machine.gpu)} GPU at {wide}×{high}{how}"
    if best is not runs[0]:
        first = runs[0]
        words += f"; {first.size[0]}×{first.size[1]} would need {_lacking(first, machine)}"
    return Verdict(True, best.gpu, best.memory, f"{words}.")


def _sizes(entry: ModelEntry) -> list[tuple[int, int]]:
    own = (entry.width, entry.height)
    smaller = SMALL[0] * SMALL[1] < own[0] * own[1]
    return [own, SMALL] if smaller else [own]


def _task(entry: ModelEntry, name: str, size: tuple[int, int]) -> GenerationTask:
    return GenerationTask(
        model_type=name,
        prompt="",
        width=size[0],
        height=size[1],
        num_frames=entry.num_frames,
    )


def _run(
    footprint: Footprint, settings: Settings, name: str, size: tuple[int, int], machine: Machine
) -> _Run:
    needs = footprint.needs(_task(settings.model(name), name, size), WIDTH)
    room = machine.room
    offload = placing_for(settings.offload, needs, room).offload
    decoding = decoding_for(needs, offload, room.gpu, room.host)
    gpu, memory = needs.on_gpu(offload, decoding), needs.on_host(offload, room.memory)
    fits = gpu <= room.gpu and memory <= room.host
    return _Run(size, gpu, memory, offload, decoding.tiled, fits)


def _lacking(run: _Run, machine: Machine) -> str:
    """What there is too little of, with how much it would have to be."""
    if run.gpu > machine.room.gpu:
        return f"{in_gb(run.gpu)} of GPU memory"
    return f"{in_gb(run.memory)} of the computer's memory"


def _refused(run: _Run, machine: Machine) -> Verdict:
    wide, high = run.size
    room = machine.room
    there = f"{in_gb(room.host)} of it are counted on"
    if run.gpu > room.gpu:
        there = f"of your GPU {in_gb(room.gpu)} are counted on"
    elif machine.swap:
        there += f", with {in_gb(machine.swap)} of swap"
    words = f"Does not fit: even at {wide}×{high} it needs {_lacking(run, machine)}, and {there}."
    return Verdict(False, run.gpu, run.memory, words)


def _without_gpu(footprint: Footprint, entry: ModelEntry, name: str, machine: Machine) -> Verdict:
    """On the processor, all weights are in memory."""
    size = _sizes(entry)[-1]
    needs = footprint.needs(_task(entry, name, size), CPU_WIDTH, memory=machine.memory)
    decoding = decoding_for(needs, "none", machine.memory, None)
    needed = needs.on_gpu("none", decoding)
    fits = needed <= machine.room.host
    where = f"{in_gb(needed)} of memory at {size[0]}×{size[1]}"
    words = (
        f"Fits this computer, which has no GPU to use: it takes {where}"
        if fits
        else f"Does not fit this computer, which has no GPU to use: it needs {where}, and there are"
        f" {in_gb(machine.room.host)} to count on"
    )
    return Verdict(fits, 0, needed, f"{words}.")


def _card(size: int) -> str:
    """As cards are sold: whole binary gigabytes."""
    return f"{round(size / (1 << 30))} GB"
