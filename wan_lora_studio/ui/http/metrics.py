"""Metrics for a monitoring system: jobs, videos, workers, memory, CPU. No names, no prompts."""

from __future__ import annotations

from collections import Counter

import psutil

from wan_lora_studio.errors import StudioError
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.ui.http.cpu_use import CpuMeter
from wan_lora_studio.ui.http.prometheus import Metric, single
from wan_lora_studio.wan.lora_manager import LoRAManager

STATES = ("queued", "running", "done", "failed", "cancelled", "interrupted")
WORKER_STATES = ("stopped", "starting", "loading", "ready", "busy", "restarting", "failed")
PREFIX = "wan_lora_"


def collect(queue: JobQueue, loras: LoRAManager, cpu: CpuMeter) -> list[Metric]:
    status = queue.status()
    return [
        *_jobs(queue, paused=bool(status["paused"])),
        *_videos(queue),
        *_workers(status["workers"]),
        single(
            f"{PREFIX}queue_problems",
            "gauge",
            "Reasons why jobs cannot be run; 0 while all is well.",
            len(status["problems"]),
        ),
        *_library(loras),
        *_process(),
        *_cpu(cpu),
    ]


def _library(loras: LoRAManager) -> list[Metric]:
    """Nothing while the library cannot be read: all the rest is told all the same."""
    try:
        count = int(loras.find_loras(limit=1)["total"])
    except StudioError:
        return []
    return [single(f"{PREFIX}library_loras", "gauge", "LoRAs in the library.", count)]


def _jobs(queue: JobQueue, *, paused: bool) -> list[Metric]:
    counts = queue.counts()
    samples = tuple(({"state": state}, float(counts.get(state, 0))) for state in STATES)
    return [
        Metric(f"{PREFIX}jobs", "gauge", "Jobs that the queue holds, by state.", samples),
        single(f"{PREFIX}queue_paused", "gauge", "1 while the queue is paused.", float(paused)),
    ]


def _videos(queue: JobQueue) -> list[Metric]:
    videos: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    restarts = 0
    for tally in queue.tallies():
        videos.update(tally.videos)
        restarts += tally.restarts
        for stage, spent in tally.seconds.items():
            seconds[stage] += spent  # type: ignore[assignment]
    seconds.pop("total", None)
    ends = ("done", "failed", "cancelled")
    return [
        Metric(
            f"{PREFIX}videos_total",
            "counter",
            "Videos that workers ended since the start, by outcome.",
            tuple(({"outcome": end}, float(videos[end])) for end in ends),
        ),
        Metric(
            f"{PREFIX}stage_seconds_total",
            "counter",
            "Seconds spent on finished videos since the start, by stage.",
            tuple(({"stage": stage}, float(spent)) for stage, spent in sorted(seconds.items())),
        ),
        single(
            f"{PREFIX}worker_ends_total",
            "counter",
            "Worker processes that ended since the start.",
            restarts,
        ),
    ]


def _workers(workers: list[dict[str, object]]) -> list[Metric]:
    states = [
        ({"worker": str(number), "state": state}, float(worker["state"] == state))
        for number, worker in enumerate(workers)
        for state in WORKER_STATES
    ]
    memory = []
    for number, worker in enumerate(workers):
        held = worker["memory"]
        assert isinstance(held, dict)
        memory += [
            ({"worker": str(number), "kind": kind}, float(size)) for kind, size in held.items()
        ]
    return [
        Metric(f"{PREFIX}worker_state", "gauge", "1 for the state of a worker.", tuple(states)),
        Metric(
            f"{PREFIX}worker_memory_bytes",
            "gauge",
            "Memory as a worker last saw it: its own, free in the machine, its GPU's.",
            tuple(memory),
        ),
    ]


def _process() -> list[Metric]:
    process = psutil.Process()
    resident, started = process.memory_info().rss, process.create_time()
    return [
        single("process_resident_memory_bytes", "gauge", "Memory of the page's process.", resident),
        single(
            "process_start_time_seconds", "gauge", "When it started, seconds since 1970.", started
        ),
    ]


def _cpu(cpu: CpuMeter) -> list[Metric]:
    use = cpu.read()
    page, workers = cpu.seconds()
    shares = {"machine": use.machine, "page": use.page, "workers": use.workers}
    return [
        Metric(
            f"{PREFIX}cpu_percent",
            "gauge",
            "Share of all the machine's cores that is in use, and by whom.",
            tuple(({"of": name}, share) for name, share in shares.items()),
        ),
        single(f"{PREFIX}cpu_cores", "gauge", "Cores of the machine.", use.cores),
        single("process_cpu_seconds_total", "counter", "CPU time of the page's process.", page),
        single(
            f"{PREFIX}worker_cpu_seconds",
            "gauge",
            "CPU time of the workers that run, since each started.",
            workers,
        ),
    ]
