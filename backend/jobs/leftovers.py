"""What a killed worker may have left in the outputs folder: a whole video, or pieces of one.

`write_result` names its files `...-<first characters of the task's id>.<ending>`, writes them as
`.<name>.part`, and puts the video into place last: where the video is, everything is.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backend.wan.task import GenerationResult, GenerationTask

PARTIAL = re.compile(r"\..*-([A-Za-z0-9]{1,8})\.(mp4|json|jpg)\.part")
STRANGE_SECONDS = 24 * 3600  # after which a piece that no job knows is nobody's


def short_id(task_id: str) -> str:
    """As in the names that `ResultFiles.named` gives."""
    return re.sub(r"[^A-Za-z0-9]", "", task_id)[:8] or "task"


def whole_result(outputs: Path, task_id: str) -> dict[str, Any] | None:
    """The result of this task if its video is in place: `GenerationResult.to_dict()`."""
    for sidecar, metadata in _sidecars(outputs, task_id):
        video, poster = sidecar.with_suffix(".mp4"), sidecar.with_suffix(".jpg")
        if video.is_file():
            return GenerationResult(
                video_path=str(video),
                poster_path=str(poster),
                task=GenerationTask.from_dict(metadata["task"]),
                frames_shape=tuple(metadata["frames_shape"]),
                timings=dict(metadata.get("timings", {})),
                loras=dict(metadata.get("loras", {})),
                warnings=list(metadata.get("warnings", [])),
                prompt_used=str(metadata.get("prompt_used", "")),
                recoveries=list(metadata.get("recoveries", [])),
            ).to_dict()
    return None


def sweep_task(outputs: Path, task_id: str) -> None:
    """Remove the pieces of a video that was not finished; nobody is writing it any more."""
    with contextlib.suppress(OSError):
        for path in _partials(outputs):
            if _short_of(path) == short_id(task_id):
                path.unlink(missing_ok=True)
        for sidecar, _ in _sidecars(outputs, task_id):
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


def _sidecars(outputs: Path, task_id: str) -> list[tuple[Path, dict[str, Any]]]:
    found = []
    for path in sorted(outputs.glob(f"*-{short_id(task_id)}.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError):
            metadata = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(metadata, dict) and metadata.get("task", {}).get("id") == task_id:
                found.append((path, metadata))
    return found
