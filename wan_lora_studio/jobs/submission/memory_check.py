"""Memory check from the page, before anything is queued: will the run fit? No torch here.

The worker asks again when it begins, with what it then sees itself (`wan.memory.forecast`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.jobs.status import WorkerStatus
from wan_lora_studio.settings import Precision, Settings
from wan_lora_studio.units import MB
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.memory import Footprint, Forecast
from wan_lora_studio.wan.models import ACTIVATION_SHARE, Room, placing_for
from wan_lora_studio.wan.task import GenerationTask

LARGEST = 100_000
INDEX = "model_index.json"


def estimate(
    fields: Mapping[str, Any], settings: Settings, loras: LoRAManager, worker: WorkerStatus
) -> Forecast | None:
    """What a run with these fields of a task needs, against what is free where it would run.

    The task need not be complete. None while there is no worker that has said what it sees of the
    memory that counts (a GPU's, only once a model was loaded), or where the model's folder is not
    there. Raises SettingsError for an unknown model.
    """
    task = _sized(fields, settings)
    folder = settings.model_folder(task.model_type)
    cuda = worker.device.startswith("cuda")
    looked = "gpu_total" in worker.memory if cuda else bool(worker.memory)
    if not looked or not (folder / INDEX).is_file():
        return None
    footprint = footprint_of(settings, task.model_type)
    width = 2 if cuda else _host_width(footprint)
    costs = _lora_costs(task, loras, "gpu_mb" if cuda else "total_mb")
    room = _room(worker.memory) if cuda else None
    placing = placing_for(settings.offload, footprint.needs(task, width, sum(costs.values())), room)
    return Forecast(
        task,
        footprint,
        room.gpu if room else _free_on_host(worker.memory),
        width_bytes=width,
        placed=placing.offload,
        offload=settings.offload if cuda else "",
        loras=sum(costs.values()),
        largest_lora=max(costs.items(), key=lambda item: item[1], default=("", 0)),
        multiple=settings.model(task.model_type).size_multiple,
        host=room.host if room else None,
        memory=int(psutil.virtual_memory().total),
        reason=placing.reason,
    )


def footprint_of(settings: Settings, model_type: str) -> Footprint:
    """Read once for each state of the folder's index and the row's own files."""
    folder = settings.model_folder(model_type)
    files = tuple(settings.weight_files(model_type).items())
    states = tuple(_state(path) for path in (folder / INDEX, *(path for _, path in files)))
    return _read(folder, settings.model(model_type).precision, files, states)


@lru_cache(maxsize=8)
def _read(
    folder: Path,
    precision: Precision,
    files: tuple[tuple[str, Path], ...],
    _states: tuple[tuple[int, int], ...],
) -> Footprint:
    return Footprint.of(folder, precision, dict(files))


def _state(path: Path) -> tuple[int, int]:
    """By which a file that is changed, comes or goes is noticed."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _sized(fields: Mapping[str, Any], settings: Settings) -> GenerationTask:
    """The fields that decide, where they are usable; the model's own otherwise."""
    model_type = str(fields.get("model_type") or settings.default_model)
    row = settings.model(model_type)
    sizes: dict[str, Any] = {
        name: value
        if isinstance(value := fields.get(name), int) and 0 < value <= LARGEST
        else getattr(row, name)
        for name in ("width", "height", "num_frames")
    }
    chosen = fields.get("selected_loras")
    loras = dict(chosen) if isinstance(chosen, Mapping) else {}
    return GenerationTask(model_type=model_type, prompt="", selected_loras=loras, **sizes)


def _room(memory: Mapping[str, int]) -> Room:
    """As the worker sees it: what its model takes on either side is used, or makes way."""
    return Room(
        gpu=memory["gpu_total"] - memory["gpu_used"] + memory.get("gpu_held", 0),
        host=_free_on_host(memory) + int(psutil.swap_memory().free),
        memory=int(psutil.virtual_memory().total),
    )


def _free_on_host(memory: Mapping[str, int]) -> int:
    return int(psutil.virtual_memory().available) + memory.get("weights", 0)


def _host_width(footprint: Footprint) -> int:
    """fp32 where that fits, which a CPU computes faster; bf16 otherwise."""
    limit = ACTIVATION_SHARE * psutil.virtual_memory().total
    return 4 if sum(footprint.weights(4).values()) < limit else 2


def _lora_costs(task: GenerationTask, loras: LoRAManager, key: str) -> dict[str, int]:
    """Bytes by name, without what cannot be read."""
    costs = {}
    for name in task.selected_loras:
        try:
            cost = loras.estimate_memory_impact([name], model_type=task.model_type)
        except LoRAError:
            continue
        costs[name] = int(cost[key] * MB)
    return costs
