"""What is done per file: our look at a header beside what peers do to know a file."""

from __future__ import annotations

import shutil
import tempfile
from itertools import cycle
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.harness import Contestant, Timing, interleave
from benchmarks.library_sizes import LibrarySizes
from benchmarks.library_trees import LAYERS, metadata, tensor_list, write_sparse
from benchmarks.lora_inspection import stored_shapes
from benchmarks.report import PartResult, Table, times, with_spread
from wan_lora_studio.lora.files import file_sha256
from wan_lora_studio.lora.inspection import FormCache, inspect_lora

COPIES = 4
ALPHA_BYTES = b"\x80\x3f"


def measure(sizes: LibrarySizes) -> PartResult:
    """Files of full size with their data on disk; several, so that each is read in its turn."""
    with tempfile.TemporaryDirectory(dir=sizes.folder) as folder:
        paths = _write(Path(folder), sizes.rank)
        size = paths[0].stat().st_size
        forms, turn = FormCache(), cycle(paths)
        timings = interleave(
            [
                Contestant("ours, first of its form", lambda: inspect_lora(next(turn))),
                Contestant("ours, form known", lambda: inspect_lora(next(turn), forms=forms)),
                Contestant("safe_open", lambda: stored_shapes(next(turn))),
                Contestant("load_file", lambda: _sum(next(turn))),
                Contestant("SHA256", lambda: file_sha256(next(turn))),
            ],
            sizes.rounds * COPIES,
        )
    return PartResult("files", (_table(timings, size),), timings=timings)


def _write(folder: Path, rank: int) -> list[Path]:
    tensors = tensor_list(musubi=True, rank=rank, layers=tuple(LAYERS))
    first = folder / "0.safetensors"
    write_sparse(first, metadata(0), tensors)
    with first.open("r+b") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        file.seek(start)
        block = ALPHA_BYTES * (512 * 1024)
        for position in range(0, tensors.size, len(block)):
            file.write(block[: tensors.size - position])
    paths = [first, *(folder / f"{number}.safetensors" for number in range(1, COPIES))]
    for path in paths[1:]:
        shutil.copyfile(first, path)
    return paths


def _sum(path: Path) -> float:
    """Load all tensors, and touch their bytes: loading alone only maps them."""
    return sum(float(tensor.flatten()[::2048].sum()) for tensor in load_file(path).values())


def _table(timings: dict[str, Timing], size: int) -> Table:
    ours = timings["ours, form known"]
    names = {
        "ours, first of its form": "ours: everything, the first file of its form",
        "ours, form known": "ours: everything, another file of the same form",
        "safe_open": "safetensors `safe_open`: keys and shapes only",
        "load_file": "safetensors `load_file`, one byte of each page read",
        "SHA256": "SHA256 of the whole file",
    }
    rows = tuple(
        (names[name], with_spread(timing), times(ours.ratio_to(timing)))
        for name, timing in timings.items()
    )
    return Table(
        f"Knowing one file of {size / 1e6:.0f} MB",
        ("what", "median (quartiles)", "against ours"),
        rows,
        ("The files are in the page cache.",),
    )
