"""What an app still has after it was killed: its jobs, their videos, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import av

from benchmarks.fresh_run import decoded
from benchmarks.live_app import LiveApp

FRAMES = (5, 64, 64, 3)


class Asked(Protocol):
    """Who asked: `asked` holds ids of jobs, and of the videos of each."""

    app: LiveApp
    asked: dict[str, list[str]]


class Findings(Protocol):
    jobs: int
    videos: int
    lost: list[str]
    doubled: list[str]
    left_over: list[str]


def check_kept(site: Asked, found: Findings) -> list[Path]:
    """Compare what was asked for with what is there; the videos of all jobs, in their order."""
    asked = [video for videos in site.asked.values() for video in videos]
    jobs = {job["id"]: job for job in site.app.get("api/jobs?limit=500")}
    results = {
        unit["id"]: Path(unit["result"]["video_path"])
        for job in jobs.values()
        for unit in (job["parts"] or [job])
        if unit["result"] is not None
    }
    sidecars = sorted(site.app.outputs.glob("*.json"))
    made = Counter(json.loads(path.read_text())["task"]["id"] for path in sidecars)
    found.jobs, found.videos = len(jobs), len(list(site.app.outputs.glob("*.mp4")))
    found.lost += sorted(set(site.asked) - set(jobs))
    found.lost += [each for each in asked if each not in made or each not in results]
    found.doubled += sorted(task for task, count in made.items() if count > 1)
    found.doubled += sorted(set(jobs) - set(site.asked))
    found.left_over += left_over(site.app)
    return [results[each] for each in asked if each in results]


def left_over(app: LiveApp) -> list[str]:
    """Pieces of videos, and files that belong to no video."""
    videos = {path.stem for path in app.outputs.glob("*.mp4")}
    pieces = [path.name for path in app.outputs.glob(".*.part")]
    alone = [path.name for path in app.outputs.glob("*.*") if path.stem not in videos]
    return pieces + [name for name in alone if not name.startswith(".")]


def shown_results(app: LiveApp, seen: set[str]) -> list[str]:
    """The names of the files behind the results that the gallery shows and that are not in
    `seen`, where their ids are added."""
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page: dict[str, Any] = app.get(f"api/results?limit=200&cursor={cursor}")
        new = {each["id"] for each in page["results"]} - seen
        names += [app.get(f"api/results/{each}")["filename"] for each in sorted(new)]
        seen |= new
        cursor = page["next"]
    return names


def whole(video: Path) -> bool:
    try:
        return decoded(video).shape == FRAMES
    except (OSError, ValueError, av.FFmpegError):
        return False
