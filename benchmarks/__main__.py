"""`python -m benchmarks SUBJECT [--quick] [--only NAME ...] [--json FILE]`"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from benchmarks import (
    app_overhead,
    gpu,
    grid,
    library_changes,
    library_files,
    library_scale,
    library_upload,
    lora_apply,
    lora_inspection,
    lora_layouts,
    lora_memory,
    lora_sampling,
    lora_switch,
    page,
    previews,
    soak,
)
from benchmarks.app_overhead import JobsSizes, jobs_sizes
from benchmarks.gpu import GpuSizes, gpu_sizes
from benchmarks.grid import GridSizes, grid_sizes
from benchmarks.library_sizes import LibrarySizes, PageSizes, page_sizes, sizes
from benchmarks.machine import describe
from benchmarks.report import PartResult
from benchmarks.settings import Settings, quick, thorough
from benchmarks.soak import SoakSizes, soak_sizes

PARTS: Mapping[str, Callable[[Settings], PartResult]] = MappingProxyType(
    {
        "layouts": lora_layouts.measure,
        "apply": lora_apply.measure,
        "switch": lora_switch.measure,
        "sampling": lora_sampling.measure,
        "memory": lora_memory.measure,
        "inspection": lora_inspection.measure,
    }
)


LIBRARY_PARTS: Mapping[str, Callable[[LibrarySizes], PartResult]] = MappingProxyType(
    {
        "scale": library_scale.measure,
        "files": library_files.measure,
        "upload": library_upload.measure,
        "changes": library_changes.measure,
    }
)

PAGE_PARTS: Mapping[str, Callable[[PageSizes], PartResult]] = MappingProxyType(
    {"page": page.measure}
)

JOBS_PARTS: Mapping[str, Callable[[JobsSizes], PartResult]] = MappingProxyType(
    {
        "overhead": app_overhead.measure_overhead,
        "first-step": app_overhead.measure_first_step,
        "previews": previews.measure_previews,
    }
)

GRID_PARTS: Mapping[str, Callable[[GridSizes], PartResult]] = MappingProxyType(
    {"grid": grid.measure}
)

SOAK_PARTS: Mapping[str, Callable[[SoakSizes], PartResult]] = MappingProxyType(
    {"soak": soak.measure}
)

GPU_PARTS: Mapping[str, Callable[[GpuSizes], PartResult]] = MappingProxyType({"gpu": gpu.measure})

SUBJECTS = ("lora", "library", "page", "jobs", "grid", "soak", "gpu")
EVERY_PART = [
    *PARTS, *LIBRARY_PARTS, *PAGE_PARTS, *JOBS_PARTS, *GRID_PARTS, *SOAK_PARTS, *GPU_PARTS,
]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    settings = quick() if options.quick else thorough()
    parts = _parts(options, settings)
    with _threads(options.threads or settings.threads):
        machine = describe(settings.device)
        print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
        results: list[PartResult] = []
        for name in options.only or parts:
            results.append(_run(name, parts[name]))
            if options.json is not None:
                _write(options.json, machine, results)
    targets = [target for part in results for target in part.targets]
    print(f"\n{sum(target.met for target in targets)} of {len(targets)} targets met")
    return 0


def _parts(options: argparse.Namespace, settings: Settings) -> dict[str, Callable[[], PartResult]]:
    """The parts of the subject, ready to run."""
    if options.subject == "lora":
        return {name: partial(measure, settings) for name, measure in PARTS.items()}
    if options.subject == "page":
        visits = page_sizes(quick=options.quick, loras=options.loras, folder=options.folder)
        return {name: partial(measure, visits) for name, measure in PAGE_PARTS.items()}
    if options.subject in ("jobs", "grid", "soak"):
        return _job_parts(options)
    if options.subject == "gpu":
        card = gpu_sizes(quick=options.quick)
        return {name: partial(measure, card) for name, measure in GPU_PARTS.items()}
    chosen = sizes(
        quick=options.quick, full=options.full, upload_mb=options.upload_mb, folder=options.folder
    )
    return {name: partial(measure, chosen) for name, measure in LIBRARY_PARTS.items()}


def _job_parts(options: argparse.Namespace) -> dict[str, Callable[[], PartResult]]:
    """Those that need the app with its queue."""
    if options.subject == "jobs":
        runs = jobs_sizes(quick=options.quick, folder=options.folder)
        return {name: partial(measure, runs) for name, measure in JOBS_PARTS.items()}
    if options.subject == "grid":
        cells = grid_sizes(quick=options.quick, folder=options.folder)
        return {name: partial(measure, cells) for name, measure in GRID_PARTS.items()}
    many = soak_sizes(quick=options.quick, jobs=options.jobs, folder=options.folder)
    return {name: partial(measure, many) for name, measure in SOAK_PARTS.items()}


def _write(path: Path, machine: Mapping[str, str | int], results: Sequence[PartResult]) -> None:
    found = {"machine": machine, "parts": {part.name: part.to_plain() for part in results}}
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--quick", action="store_true", help="tiny models; only to see it run")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=EVERY_PART,
        metavar="NAME",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="of torch; 1 is steadier beside other work"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    library = parser.add_argument_group("library and page")
    library.add_argument("--full", action="store_true", help="50,000 files, too")
    library.add_argument("--upload-mb", type=int, metavar="MB", help="size of the uploaded file")
    library.add_argument("--loras", type=int, metavar="N", help="of the page; 5000")
    library.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--jobs", type=int, metavar="N", help="of a soak; 200")
    return parser


def _run(name: str, measure: Callable[[], PartResult]) -> PartResult:
    start = time.perf_counter()
    result = measure()
    taken = time.perf_counter() - start
    print(f"\n## {name} ({taken:.0f} s)\n\n{result.to_text()}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
