"""Leftovers of a killed worker in the outputs folder: a whole video, or pieces of one.

`write_result` names its files `...-<first characters of the task's id>.<ending>`, writes them as
`.<name>.part`, and puts the video into place last: where the video is, everything is.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results import (
    NUMBERS,
    TEXTS,
    WHOLE,
    facts_in,
    is_number,
    is_whole,
    no_settings,
)
from wan_lora_studio.wan.task import GenerationResult, GenerationTask

PARTIAL = re.compile(r"\..*-([A-Za-z0-9]{1,8})\.(mp4|json|jpg)\.part")
FIELDS = (*TEXTS, *WHOLE, *NUMBERS)
STRANGE_SECONDS = 24 * 3600  # after which a piece that no job knows is nobody's


def short_id(task_id: str) -> str:
    """As in the names that `ResultFiles.named` gives."""
    return re.sub(r"[^A-Za-z0-9]", "", task_id)[:8] or "task"


def whole_result(outputs: Path, task_id: str) -> dict[str, Any] | None:
    """The result of this task if its video is in place: `GenerationResult.to_dict()`.

    The video itself has to say so: anything may lie in the folder under such a name.
    """
    for video in sorted(outputs.glob(f"*-{short_id(task_id)}.mp4"), reverse=True):
        with contextlib.suppress(GenerationError):
            facts = facts_in(video)
            if facts.source == "studio" and facts.task.get("id") == task_id:
                return _result(video, facts.metadata, facts.task).to_dict()
    return None


def _result(video: Path, metadata: Mapping[str, Any], known: Mapping[str, Any]) -> GenerationResult:
    """Raises GenerationError for metadata that no run of ours leaves."""
    shape = metadata.get("frames_shape")
    if not (isinstance(shape, list) and len(shape) == 4 and all(is_whole(n) for n in shape)):
        raise no_settings("its frame size is missing")
    return GenerationResult(
        video_path=str(video),
        poster_path=str(video.with_suffix(".jpg")),
        task=_task(metadata["task"], known),
        frames_shape=(shape[0], shape[1], shape[2], shape[3]),
        timings=_of_kind(metadata.get("timings"), is_number),
        loras=_of_kind(metadata.get("loras"), lambda report: isinstance(report, dict)),
        warnings=[text for text in _list(metadata.get("warnings")) if isinstance(text, str)],
        prompt_used=text if isinstance(text := metadata.get("prompt_used"), str) else "",
        recoveries=[each for each in _list(metadata.get("recoveries")) if isinstance(each, dict)],
    )


def _task(values: Any, known: Mapping[str, Any]) -> GenerationTask:
    """`known` are the fields that are of the right kind."""
    wrong = [name for name in FIELDS if values.get(name) is not None and name not in known]
    if wrong or not isinstance(values.get("selected_loras", {}), dict):
        raise no_settings("its task is of another form")
    return GenerationTask.from_dict(values)


def _of_kind(value: Any, fits: Callable[[Any], bool]) -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else ()
    return {name: each for name, each in items if fits(each)}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def sweep_task(outputs: Path, task_id: str) -> None:
    """Remove the pieces of a video that was not finished; nobody is writing it any more."""
    with contextlib.suppress(OSError):
        for path in _partials(outputs):
            if _short_of(path) == short_id(task_id):
                path.unlink(missing_ok=True)
        for sidecar in _sidecars(outputs, task_id):
            if not sidecar.with_suffix(".mp4").exists():
                sidecar.with_suffix(".jpg").unlink(missing_ok=True)
                sidecar.unlink(missing_ok=True)


def sweep_partials(outputs: Path, known: Iterable[str], running: Iterable[str]) -> None:
    """Remove pieces of the tasks in `known` that are not in `running`, and old ones of others."""
    ours, busy = {short_id(each) for each in known}, {short_id(each) for each in running}
    with contextlib.suppress(OSError):
        for path in _partials(outputs):
            short = _short_of(path)
            old = time.time() - path.stat().st_mtime > STRANGE_SECONDS
            if short not in busy and (short in ours or old):
                path.unlink(missing_ok=True)


def _partials(outputs: Path) -> list[Path]:
    return list(outputs.glob(".*.part")) if outputs.is_dir() else []


def _short_of(path: Path) -> str:
    found = PARTIAL.fullmatch(path.name)
    return found[1] if found else ""


def _sidecars(outputs: Path, task_id: str) -> list[Path]:
    """The JSON files beside this task's video, or where that would be."""
    return [
        path
        for path in sorted(outputs.glob(f"*-{short_id(task_id)}.json"))
        if _named_task(path) == task_id
    ]


def _named_task(sidecar: Path) -> Any:
    """The id of the task that a JSON file names; None for a file that is another thing."""
    try:
        return facts_in(sidecar).task.get("id")
    except GenerationError:
        return None
