"""What applying LoRAs really cost, kept in the catalogue, and what it teaches the estimates."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from statistics import median

from wan_lora_studio.lora.inspection import Cost, Mode

KEPT = 400
NEWEST = 25  # loads of one kind that a factor is learned from
LEAST = 0.002  # seconds; below that a clock says little
# Seconds. What is estimated to take less tells of the time that any load takes, not of speed:
# its ratio, taken for a factor, would make hours of a large model's seconds.
TELLS_SPEED = 0.1
MOST_FACTOR = 100.0


@dataclass(frozen=True)
class Load:
    """One use: seconds to apply, and bytes held while applied.

    `cold`: its files were read from disk. `raw_…` is what the headers said before, `shown_…`
    what the user was told.
    """

    model_type: str
    mode: Mode
    device: str
    cold: bool
    seconds: float
    host: float
    gpu: float
    raw_seconds: float
    raw_host: float
    raw_gpu: float
    shown_seconds: float
    shown_host: float
    shown_gpu: float


@dataclass(frozen=True)
class Lesson:
    """Factors for estimates of one mode, and how far those that were shown were off.

    `seconds_fixed` are added to each time, whatever is loaded. Errors are the median of
    |shown - real| / real, 0 while nothing was seen.
    """

    seen: int = 0
    seconds_factor: float = 1.0
    seconds_fixed: float = 0.0
    host_factor: float = 1.0
    gpu_factor: float = 1.0
    seconds_error: float = 0.0
    memory_error: float = 0.0

    def applied_to(self, cost: Cost) -> Cost:
        return Cost(
            cost.gpu * self.gpu_factor,
            cost.host * self.host_factor,
            cost.seconds * self.seconds_factor + self.seconds_fixed,
        )


@dataclass(frozen=True)
class Experience:
    """All loads that are remembered, the newest first."""

    loads: tuple[Load, ...] = ()

    def lesson(self, model_type: str, mode: Mode) -> Lesson:
        """From loads of this model; while there are none, from those of all models."""
        of_mode = [load for load in self.loads if load.mode == mode]
        own = [load for load in of_mode if load.model_type == model_type]
        return _learned((own or of_mode)[:NEWEST])

    def last_mode(self, model_type: str) -> Mode | None:
        """How LoRAs were last applied to this model."""
        return next((load.mode for load in self.loads if load.model_type == model_type), None)

    def on_gpu(self) -> bool:
        """Whether the last load was on an accelerator of its own memory; as long as none is
        known, there is taken to be one."""
        return not self.loads or self.loads[0].device.startswith("cuda")


def _learned(loads: Sequence[Load]) -> Lesson:
    if not loads:
        return Lesson()
    cold = [load for load in loads if load.cold] or loads
    shown = [(load.shown_host + load.shown_gpu, load.host + load.gpu) for load in loads]
    speed = _factor([(load.raw_seconds, load.seconds) for load in cold], TELLS_SPEED)
    return Lesson(
        len(loads),
        speed,
        max(0.0, median(load.seconds - speed * load.raw_seconds for load in cold)),
        _factor([(load.raw_host, load.host) for load in loads], 1),
        _factor([(load.raw_gpu, load.gpu) for load in loads], 1),
        _error([(load.shown_seconds, load.seconds) for load in cold], LEAST),
        _error(shown, 1),
    )


def _factor(pairs: Sequence[tuple[float, float]], least: float) -> float:
    """The median of real / estimated; 1 where too little was estimated to tell."""
    ratios = [real / estimated for estimated, real in pairs if estimated >= least]
    return min(max(median(ratios), 1 / MOST_FACTOR), MOST_FACTOR) if ratios else 1.0


def _error(pairs: Sequence[tuple[float, float]], least: float) -> float:
    found = [abs(shown - real) / real for shown, real in pairs if real >= least]
    return median(found) if found else 0.0


_NAMES = tuple(field.name for field in fields(Load))


def save_load(db: sqlite3.Connection, load: Load) -> None:
    """Within a transaction, remember a load, and forget the oldest ones."""
    marks = ", ".join("?" * len(_NAMES))
    db.execute(f"INSERT INTO loads ({', '.join(_NAMES)}) VALUES ({marks})", astuple(load))
    db.execute(
        "DELETE FROM loads WHERE id NOT IN (SELECT id FROM loads ORDER BY id DESC LIMIT ?)", (KEPT,)
    )


def read_loads(db: sqlite3.Connection) -> Experience:
    rows = db.execute(f"SELECT {', '.join(_NAMES)} FROM loads ORDER BY id DESC")
    return Experience(tuple(Load(*row) for row in rows))


@dataclass(frozen=True)
class Measured:
    """What one use cost: `cold` if its files were read from disk; bytes held while applied."""

    mode: Mode
    device: str
    cold: bool
    seconds: float
    host: int
    gpu: int
