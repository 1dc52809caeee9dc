"""Verdict: what a model takes on this machine's GPU and in its memory, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wan_lora_studio.model_list.machine import Machine
from wan_lora_studio.settings import ModelEntry, Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import in_gb
from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.models import Offload, decoding_for, placing_for
from wan_lora_studio.wan.task import GenerationTask

SMALL = (832, 480)  # pixels
HOW: Mapping[Offload, str] = {
    "none": "",
    "encoder": say("model_list.verdict.encoder"),
    "model": say("model_list.verdict.parts"),
    "group": say("model_list.verdict.streaming"),
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
    said = {"card": _card(machine.gpu), "size": _size(best)}
    how = _how(best)
    if best is runs[0]:
        words = (
            say("model_list.verdict.fits_how", **said, how=how)
            if how
            else say("model_list.verdict.fits", **said)
        )
    else:
        said |= {"larger": _size(runs[0]), "lacking": _lacking(runs[0], machine)}
        words = (
            say("model_list.verdict.smaller_fits_how", **said, how=how)
            if how
            else say("model_list.verdict.smaller_fits", **said)
        )
    return Verdict(True, best.gpu, best.memory, words)


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
        return say("model_list.verdict.gpu_memory", size=in_gb(run.gpu))
    return say("model_list.verdict.memory", size=in_gb(run.memory))


def _how(run: _Run) -> str:
    """How a run fits, for the end of a sentence; "" where nothing is to be said of that."""
    how = HOW[run.offload]
    if not run.tiled:
        return how
    return (
        say("model_list.verdict.also_in_tiles", how=how)
        if how
        else say("model_list.verdict.in_tiles")
    )


def _size(run: _Run) -> str:
    return f"{run.size[0]}×{run.size[1]}"


def _refused(run: _Run, machine: Machine) -> Verdict:
    room = machine.room
    asked = {"size": _size(run), "lacking": _lacking(run, machine)}
    if run.gpu > room.gpu:
        words = say("model_list.verdict.no_gpu_memory", **asked, there=in_gb(room.gpu))
    elif machine.swap:
        here = {"there": in_gb(room.host), "swap": in_gb(machine.swap)}
        words = say("model_list.verdict.no_memory_with_swap", **asked, **here)
    else:
        words = say("model_list.verdict.no_memory", **asked, there=in_gb(room.host))
    return Verdict(False, run.gpu, run.memory, words)


def _without_gpu(footprint: Footprint, entry: ModelEntry, name: str, machine: Machine) -> Verdict:
    """On the processor, all weights are in memory."""
    size = _sizes(entry)[-1]
    needs = footprint.needs(_task(entry, name, size), CPU_WIDTH, memory=machine.memory)
    decoding = decoding_for(needs, "none", machine.memory, None)
    needed = needs.on_gpu("none", decoding)
    fits = needed <= machine.room.host
    asked = {"needed": in_gb(needed), "size": f"{size[0]}×{size[1]}"}
    words = (
        say("model_list.verdict.fits_processor", **asked)
        if fits
        else say("model_list.verdict.no_processor", **asked, there=in_gb(machine.room.host))
    )
    return Verdict(fits, 0, needed, words)


def _card(size: int) -> str:
    """As cards are sold: whole binary gigabytes."""
    return f"{round(size / (1 << 30))} GB"
