"""Offload: where a model's weights wait until they are used, and how its frames are decoded.

One rule for the page's estimate, the worker's forecast and the loading itself; no torch here.
"""

from __future__ import annotations

from dataclasses import dataclass

from wan_lora_studio.texts import say
from wan_lora_studio.wan.models.needs import ORDER, Decoding, Needs, Offload

ACTIVATION_SHARE = 0.8  # of a device's memory for weights where the run is not known yet
GPU_SHARE = 0.95  # of what is free there is counted on: blocks of memory leave gaps
GB = 1e9

WAYS: dict[Offload, str] = {
    "none": say("wan.models.offload.none"),
    "encoder": say("wan.models.offload.encoder"),
    "model": say("wan.models.offload.model"),
    "group": say("wan.models.offload.group"),
}
INSTEAD: dict[Offload, str] = {  # of what was not taken
    "none": say("wan.models.offload.with_all"),
    "encoder": say("wan.models.offload.with_rest"),
    "model": say("wan.models.offload.with_part"),
    "group": say("wan.models.offload.with_blocks"),
}
BESIDE = Decoding()


@dataclass(frozen=True)
class Room:
    """What is free, in bytes: on the GPU, and on the host with its swap. What a model that we hold
    takes counts as free. `memory` is all that the host has, without swap."""

    gpu: int
    host: int
    memory: int


@dataclass(frozen=True)
class Placing:
    """Where weights wait, and why, in a sentence for the user; "" where there is no GPU."""

    offload: Offload
    reason: str = ""


def placing_for(setting: str, needs: Needs, room: Room | None) -> Placing:
    """Where a model's weights are to wait. `setting` is the settings' `offload`; `room` is None
    where there is no GPU.

    `auto` is the fastest way for which there is room on both sides; else the fastest for which
    there is on the GPU; else the one that needs least of it. That nothing has to move for decoding
    comes first: the text encoder waits rather than all leave the GPU.
    """
    if room is None:
        return Placing("none")
    for offload in ORDER:
        if setting == offload:
            return Placing(offload, say("wan.models.offload.by_setting", way=WAYS[offload]))
    still = [each for each in ORDER[:2] if _on_gpu(each, needs, room, BESIDE) <= _usable(room)]
    fits = still + [each for each in ORDER if _on_gpu(each, needs, room) <= _usable(room)]
    held = [each for each in fits if not _lacks_host(each, needs, room)]
    offload = next(iter(held or fits), ORDER[-1])
    return Placing(offload, _reason(offload, needs, room))


def decoding_for(needs: Needs, offload: Offload, free: int, host: int | None) -> Decoding:
    """How the frames are to be decoded where `free` bytes can be had: as it is, else with the
    other parts off the GPU, else in tiles, and else in both ways.

    `host` is what is free there for these parts; None where there is no GPU.
    """
    alone = host is not None and 0 < needs.idle(offload) <= host
    tiled = needs.decoding_in_tiles < needs.decoding
    ways = [Decoding(), Decoding(alone=True), Decoding(tiled=True), Decoding(True, True)]
    possible = [way for way in ways if way.alone <= alone and way.tiled <= tiled]
    fitting = (way for way in possible if needs.while_decoding(offload, way) <= GPU_SHARE * free)
    return next(fitting, possible[-1])


def _on_gpu(offload: Offload, needs: Needs, room: Room, how: Decoding | None = None) -> int:
    return needs.on_gpu(offload, how or decoding_for(needs, offload, room.gpu, room.host))


def _usable(room: Room) -> float:
    return GPU_SHARE * room.gpu


def _lacks_host(offload: Offload, needs: Needs, room: Room) -> bool:
    return needs.on_host(offload, room.memory) > room.host


def _reason(offload: Offload, needs: Needs, room: Room) -> str:
    """Where the weights are, and why not a faster way; that there is room where it is the
    fastest."""
    way = WAYS[offload]
    if offload == ORDER[0]:
        needed = _gb(_on_gpu(offload, needs, room))
        return say("wan.models.offload.fits", way=way, needed=needed, free=_gb(room.gpu))
    before = ORDER[ORDER.index(offload) - 1]
    how, instead = BESIDE if offload in ORDER[:2] else None, INSTEAD[before]
    on_gpu = _on_gpu(before, needs, room, how)
    if on_gpu > _usable(room):
        found = {"needed": _gb(on_gpu), "free": _gb(room.gpu)}
        return say("wan.models.offload.lacks_gpu", way=way, instead=instead, **found)
    found = {"needed": _gb(needs.on_host(before, room.memory)), "free": _gb(room.host)}
    return say("wan.models.offload.lacks_host", way=way, instead=instead, **found)


def _gb(size: float) -> str:
    return f"{size / GB:.1f} GB"
