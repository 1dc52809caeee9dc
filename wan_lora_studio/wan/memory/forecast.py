"""Forecast: will a run fit? Asked before it starts, and for what to advise when it did not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import psutil

from wan_lora_studio.errors import LoRAError, VRAMError
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.memory.footprint import Footprint, Forecast
from wan_lora_studio.wan.memory.tiles import tile_for
from wan_lora_studio.wan.models import (
    ModelManager,
    Placing,
    choose_device,
    free_memory,
    placing_for,
    room_on,
    total_memory,
    weight_type,
)
from wan_lora_studio.wan.task import GenerationTask

GB = 1e9


def foresee(task: GenerationTask, models: ModelManager, loras: LoRAManager) -> Forecast | None:
    """What the run needs and what there is; None while the model is still to be downloaded."""
    settings = models.settings
    current = models.current
    loaded = current if current is not None and current.model_type == task.model_type else None
    folder = loaded.folder if loaded else settings.model_folder(task.model_type)
    if not (folder / "model_index.json").is_file():
        return None
    device = loaded.device if loaded else choose_device(settings.device)
    cuda = device.type == "cuda"
    width = loaded.pipeline.transformer.dtype if loaded else weight_type(folder, device)
    costs = _lora_costs(task, loras, "gpu_mb" if cuda else "total_mb")
    footprint = Footprint.of(
        folder, settings.model(task.model_type).precision, settings.weight_files(task.model_type)
    )
    room = room_on(device, current.pipeline if current else None)
    needs = footprint.needs(task, width.itemsize, sum(costs.values()))
    placing = placing_for(settings.offload, needs, room)
    return Forecast(
        task,
        footprint,
        room.gpu if room else free_memory(device) + (current.waiting if current else 0),
        width_bytes=width.itemsize,
        placed=placing.offload,
        offload=settings.offload if cuda else "",
        loras=sum(costs.values()),
        largest_lora=max(costs.items(), key=lambda item: item[1], default=("", 0)),
        multiple=settings.model(task.model_type).size_multiple,
        host=room.host if room else None,
        memory=int(psutil.virtual_memory().total),
        reason=placing.reason,
    )


def usual_placing(model_type: str, models: ModelManager, loras: LoRAManager) -> Placing | None:
    """Where a model is to wait that is loaded before its run is known: as for one of its own size.

    None where its folder is not there. Raises VRAMError as `require_possible`.
    """
    row = models.settings.model(model_type)
    # No task that could run, as it has no prompt and perhaps no picture: its size alone counts.
    task = GenerationTask(
        model_type=model_type,
        prompt="",
        width=row.width,
        height=row.height,
        num_frames=row.num_frames,
    )
    forecast = foresee(task, models, loras)
    if forecast is None:
        return None
    require_possible(forecast, models.settings)
    return Placing(forecast.placed, forecast.reason)


def require_possible(forecast: Forecast, settings: Settings) -> None:
    """Raise VRAMError where the weights alone are more than the machine has, on the device or in
    its own memory.

    Everything else is tried: the forecast is an estimate, the weights are not.
    """
    _require_host(forecast)
    device = choose_device(settings.device)
    most = total_memory(device)
    if device.type != "cuda":
        most += int(psutil.swap_memory().total)
    if forecast.weights_alone <= most:
        return
    raise VRAMError(
        say(
            "wan.memory.model_too_large",
            needed=_gb(forecast.weights_alone),
            there=_gb(most),
            device=device.type,
        ),
        cause=say("wan.memory.model_too_large_cause"),
        suggestions=[
            say("wan.memory.smaller_model"),
            *[change.words for change in forecast.changes() if change.fits],
        ],
        context={"stage": "load", "needed": forecast.weights_alone, "available": most},
    )


def _require_host(forecast: Forecast) -> None:
    """Raise VRAMError where the weights that are on the host at once are more than it has: those
    that wait there, or are read there on their way to the GPU."""
    memory, swap = int(psutil.virtual_memory().total), int(psutil.swap_memory().total)
    needed = forecast.host_needed
    if needed <= memory + swap:
        return
    missing = needed - memory - swap
    raise VRAMError(
        say(
            "wan.memory.model_too_large_for_host",
            needed=_gb(needed),
            there=_gb(memory),
            swap=_gb(swap),
        ),
        cause=(
            say("wan.memory.read_on_host")
            if forecast.placed == "none"
            else say("wan.memory.wait_on_host")
        ),
        suggestions=[
            say("wan.memory.smaller_model"),
            say("wan.memory.add_memory", size=_gb(missing)),
        ],
        context={"stage": "load", "needed": needed, "available": memory + swap},
    )


def warning(forecast: Forecast) -> str:
    """What to say before a run that will hardly fit; "" for one that will."""
    if forecast.fits:
        return ""
    advice = " ".join(_advice(forecast)[:2])
    return f"{_lack(forecast)} {advice}".rstrip()


def _lack(forecast: Forecast) -> str:
    needed, free = forecast.needed, forecast.available
    if not forecast.offload:
        return say("wan.memory.needs", needed=_gb(needed), free=_gb(free))
    if needed > free or forecast.host is None:
        return say("wan.memory.needs_gpu", needed=_gb(needed), free=_gb(free))
    found = {"needed": _gb(forecast.host_needed), "free": _gb(forecast.host)}
    return say("wan.memory.needs_host", **found)


def tiling(forecast: Forecast) -> str:
    """What to say before a run whose frames are to be decoded in tiles; "" for one that needs
    none."""
    if not forecast.decoding.tiled:
        return ""
    task, needs = forecast.task, forecast.needs
    tile = tile_for(int(task.width or 0), int(task.height or 0))
    alone = dataclasses.replace(forecast.decoding, tiled=False)
    whole = needs.while_decoding(forecast.placed, alone)
    return say(
        "wan.memory.tiles_foreseen",
        size=tile,
        needed=_gb(whole),
        free=_gb(forecast.available),
    )


def exhausted(failure: VRAMError, forecast: Forecast | None) -> VRAMError:
    """The failure after everything was tried, with what would make the run fit."""
    if forecast is None:
        return failure
    size = forecast.fitting()
    context = {
        **failure.context,
        "needed": forecast.needed,
        "available": forecast.available,
        "fitting": {name: getattr(size, name) for name in ("width", "height", "num_frames")},
    }
    final = VRAMError(
        f"{failure.message} {say('wan.memory.nothing_left')}",
        cause=_why(forecast),
        suggestions=[
            say(
                "wan.memory.advice.fitting",
                size=f"{size.width}×{size.height}",
                frames=size.num_frames,
            ),
            *_advice(forecast),
            say("wan.memory.advice.close_programs"),
        ],
        context=context,
    )
    final.__cause__ = failure
    return final


def _why(forecast: Forecast) -> str:
    needed, free = _gb(forecast.needed), _gb(forecast.available)
    if forecast.fits:
        return say("wan.memory.less_than_free", needed=needed, free=free)
    return say("wan.memory.more_than_free", needed=needed, free=free)


def _advice(forecast: Forecast) -> list[str]:
    fits = say("wan.memory.advice.fits")
    return [
        f"{change.words} {fits}" if change.fits and not forecast.fits else change.words
        for change in forecast.changes()
    ]


def _lora_costs(task: GenerationTask, loras: LoRAManager, key: str) -> dict[str, int]:
    return {name: lora_cost(name, task.model_type, loras, key) for name in task.selected_loras}


def lora_cost(name: str, model_type: str, loras: LoRAManager, key: str = "total_mb") -> int:
    """Bytes; 0 for a LoRA that cannot be read."""
    try:
        return int(loras.estimate_memory_impact([name], model_type=model_type)[key] * MB)
    except LoRAError:
        return 0


def largest(names: Sequence[str], model_type: str, loras: LoRAManager) -> str:
    """The LoRA that takes most memory."""
    return max(names, key=lambda name: lora_cost(name, model_type, loras))


def _gb(size: float) -> str:
    return f"{size / GB:.1f} GB"
