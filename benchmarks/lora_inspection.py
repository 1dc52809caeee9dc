"""What a file is, from its header, beside reading and converting it as diffusers does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from safetensors import safe_open

from benchmarks.corpus import layout
from benchmarks.files import write_lora
from benchmarks.harness import Contestant, Timing, interleave
from benchmarks.models import build, shapes_of
from benchmarks.peft_side import read_state_dict
from benchmarks.report import PartResult, Table, Target, times, with_spread
from benchmarks.settings import Settings
from wan_lora_studio.lora.inspection import inspect_lora

LIMIT_MS = 3.0
REPEATS = 3  # rounds beyond the settings' own; these are short


def measure(settings: Settings) -> PartResult:
    """A musubi file has three tensors a layer; 400 layers make 1,200."""
    shapes = shapes_of(build(settings.deep, device=settings.device))
    with tempfile.TemporaryDirectory() as folder:
        path = write_lora(layout("musubi"), shapes, Path(folder), "style", rank=settings.rank)
        count, size = len(stored_shapes(path)), path.stat().st_size
        timings = interleave(
            [
                Contestant("inspect_lora", lambda: inspect_lora(path)),
                Contestant("safe_open", lambda: stored_shapes(path)),
                Contestant("diffusers", lambda: read_state_dict(path)),
            ],
            REPEATS * settings.rounds,
        )
    return PartResult(
        "inspection",
        (_table(timings, f"What is in a file of {count} tensors ({size / 1e6:.0f} MB)"),),
        (
            Target(
                f"inspecting {count} tensors",
                1000 * timings["inspect_lora"].median,
                "at most",
                LIMIT_MS,
                "ms",
            ),
        ),
        timings,
    )


def _table(timings: dict[str, Timing], title: str) -> Table:
    ours = timings["inspect_lora"]
    names = {
        "inspect_lora": "ours: layout, algebras, ranks, alphas, expert, metadata, problems",
        "safe_open": "safetensors: keys and shapes only",
        "diffusers": "diffusers: `lora_state_dict` (tensors read, keys converted)",
    }
    rows = tuple(
        (names[name], with_spread(timing), times(ours.ratio_to(timing)))
        for name, timing in timings.items()
    )
    return Table(title, ("what", "median (quartiles)", "against ours"), rows)


def stored_shapes(path: Path) -> dict[str, list[int]]:
    """Key -> shape, as safetensors itself reads them."""
    with safe_open(str(path), framework="pt") as file:
        return {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 - no dict
