"""Diagnostic text: what to send along when a run failed and one asks for help, without secrets."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psutil

from wan_lora_studio.installed_versions import versions
from wan_lora_studio.logs import Process, log_file
from wan_lora_studio.redaction import redacted
from wan_lora_studio.settings import Settings

LOG_LINES = 60
LOG_BYTES = 200_000
LONG_IN_TASK = ("prompt", "negative_prompt", "lora_metadata")  # told by their length alone
NOT_SHOWN = ("models",)
PROCESSES: tuple[Process, ...] = ("app", "worker")


def diagnostics(
    job: Mapping[str, Any], settings: Settings, workers: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The text about a job (`Job.to_dict()`): error with its chain, task, versions, hardware,
    settings and the log's lines on it.

    `workers` are the workers as `JobQueue.status()` tells them. Prompts are left out, secrets
    and the name of the user's home removed.
    """
    sections = [
        ("Run", _run(job)),
        *_errors(job),
        ("Task", _task(job.get("task") or {})),
        ("Versions", [f"{name} {number}" for name, number in versions().items()]),
        ("Hardware", _hardware(job, workers)),
        ("Settings", _settings(job, settings)),
        ("Log", _log(str(job.get("id", "")), settings)),
    ]
    text = "\n\n".join("\n".join((f"== {title}", *lines)) for title, lines in sections if lines)
    return redacted(f"Wan2.2 LoRA Studio diagnostics\n\n{text}\n")


def _run(job: Mapping[str, Any]) -> list[str]:
    progress = job.get("progress") or {}
    times = [f"{name}: {_time(job.get(name))}" for name in ("created", "started", "finished")]
    return [
        f"id: {job.get('id')}",
        f"state: {job.get('state')}",
        f"stage: {progress.get('stage')}, step {progress.get('step')} of {progress.get('steps')}",
        *times,
    ]


def _errors(job: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    if job.get("error"):
        yield "Error", _error(job["error"])
    for part in job.get("parts") or ():
        if part.get("error") and part["error"] != job.get("error"):
            yield f"Error of {part.get('label') or part.get('id')}", _error(part["error"])


def _error(error: Mapping[str, Any]) -> list[str]:
    context = dict(error.get("context") or {})
    trace = str(context.pop("traceback", "")).rstrip()
    context.pop("machine", None)
    return [
        f"type: {error.get('type')} ({error.get('category')})",
        f"what: {error.get('message')}",
        f"why: {error.get('cause', '')}",
        *(f"what next: {text}" for text in error.get("suggestions") or ()),
        *(f"caused by: {text}" for text in error.get("chain") or ()),
        f"context: {_json(context)}",
        *([trace] if trace else []),
    ]


def _task(task: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {len(value)} characters or entries"
        if name in LONG_IN_TASK and value
        else f"{name}: {_json(value)}"
        for name, value in task.items()
    ]


def _hardware(job: Mapping[str, Any], workers: Sequence[Mapping[str, Any]]) -> list[str]:
    memory = psutil.virtual_memory()
    context = (job.get("error") or {}).get("context") or {}
    machine = context.get("machine")
    failed = [f"worker when it failed: {_json(machine)}"] if machine else []
    return [
        f"system: {platform.platform()}",
        f"processor: {platform.machine()}, {os.cpu_count()} cores",
        f"memory: {memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB of it free now",
        f"python: {sys.version.split()[0]}",
        *failed,
        *(f"worker now: {_json(_brief(worker))}" for worker in workers),
    ]


def _brief(worker: Mapping[str, Any]) -> dict[str, Any]:
    names = ("state", "model", "device", "detail", "memory")
    return {name: worker[name] for name in names if name in worker}


def _settings(job: Mapping[str, Any], settings: Settings) -> list[str]:
    """Every setting, and of the model table the row in question."""
    plain = settings.model_dump(mode="json", exclude=set(NOT_SHOWN))
    lines = [f"{name}: {_json(value)}" for name, value in plain.items()]
    row = settings.models.get(str((job.get("task") or {}).get("model_type")))
    if row is not None:
        shown = row.model_dump(mode="json", exclude={"examples", "negative_prompt"})
        lines.append(f"model: {_json(shown)}")
    return lines


def _log(job_id: str, settings: Settings) -> list[str]:
    """The last lines that name the job."""
    if not job_id:
        return []
    found: list[str] = []
    for process in PROCESSES:
        try:
            with log_file(settings, process).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        found += [f"{process}: {line}" for line in text.splitlines() if job_id in line]
    return found[-LOG_LINES:]


def _time(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "-"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
