"""How long a library of many files takes to be known, to be shown again, and to be searched."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.library_sizes import LibrarySizes
from benchmarks.library_trees import grow_tree
from benchmarks.report import PartResult, Table, Target, duration

MIB = 1024 * 1024
LEAST_WITH_TARGETS = 10_000
SECONDS_PER_FILE = 0.0015
FIRST_PAGE_SECONDS = 0.3
SEARCH_SECONDS = 0.05
MEMORY_MIB = 300
LINEAR = 1.5  # the time per file may grow by this factor from the least tree to the largest

Found = dict[str, float]


def measure(sizes: LibrarySizes) -> PartResult:
    """Each tree is looked at by a new process without a catalogue, and by one more with it."""
    found: dict[int, tuple[Found, Found]] = {}
    with tempfile.TemporaryDirectory(dir=sizes.folder) as folder:
        root, grown = Path(folder) / "loras", 0
        for count in sizes.counts:
            grow_tree(root, count, start=grown)
            grown = count
            for path in root.glob(".catalog*"):
                path.unlink()
            found[count] = _start(root), _start(root)
    return PartResult(
        "scale",
        (_table(found),),
        _targets(found),
        facts={str(count): {"cold": cold, "warm": warm} for count, (cold, warm) in found.items()},
    )


def _start(root: Path) -> Found:
    command = [sys.executable, "-m", "benchmarks.library_child", str(root), "models"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _table(found: dict[int, tuple[Found, Found]]) -> Table:
    rows = tuple(
        (
            count,
            int(cold["records"]),
            duration(cold["whole"]),
            duration(cold["whole"] / count),
            duration(cold["processor"] / count),
            duration(warm["first_page"]),
            duration(warm["whole"]),
            f"{duration(warm['search_median'])} ({duration(warm['search_worst'])})",
            f"{max(cold['memory'], warm['memory']) / MIB:.0f} MiB",
        )
        for count, (cold, warm) in found.items()
    )
    columns = (
        "files", "LoRAs", "cold scan", "per file", "of that processor", "warm: first 60 LoRAs",
        "warm: looked through", "search: median (worst)", "memory at most",
    )  # fmt: skip
    notes = (
        "Sparse files with real headers: 40 lists of 160 to 1,200 tensors, metadata of their own.",
        "Cold: no catalogue; the files were just written, so their headers are in the page cache.",
        "A search includes the records of its first 60 results.",
    )
    return Table("A library of many files", columns, rows, notes)


def _targets(found: dict[int, tuple[Found, Found]]) -> tuple[Target, ...]:
    targets = []
    for count, (cold, warm) in found.items():
        if count < LEAST_WITH_TARGETS:
            continue
        limit = SECONDS_PER_FILE * count
        targets.append(Target(f"cold scan of {count}", cold["whole"], "at most", limit, "s"))
        if count == LEAST_WITH_TARGETS:
            targets.append(
                Target(
                    f"first page of {count} known files",
                    warm["first_page"],
                    "at most",
                    FIRST_PAGE_SECONDS,
                    "s",
                )
            )
    least, most = min(found), max(found)
    cold, warm = found[most]
    memory = max(cold["memory"], warm["memory"]) / MIB
    growth = (cold["whole"] / most) / (found[least][0]["whole"] / least)
    return (
        *targets,
        Target(f"search over {most}", warm["search_median"], "at most", SEARCH_SECONDS, "s"),
        Target(f"memory with {most}", memory, "at most", MEMORY_MIB, "MiB"),
        Target(f"time per file, {most} against {least}", growth, "at most", LINEAR, "x"),
    )
