"""What a part of the benchmark found: tables, targets, and both as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks.harness import Timing

Cell = str | int | float | None


@dataclass(frozen=True)
class Target:
    """A value that was promised, and the one that was found; met at equality."""

    name: str
    found: float
    sense: Literal["at least", "at most"]
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        if self.sense == "at least":
            return self.found >= self.limit
        return self.found <= self.limit

    def to_text(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        difference = abs(self.found - self.limit)
        by = f" by {difference:.3g}{unit}" if difference else ""
        word = "met" if self.met else "MISSED"
        return (
            f"{self.name}: {self.found:.4g}{unit} ({self.sense} {self.limit:g}{unit}): {word}{by}"
        )

    def to_plain(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True)
class Table:
    """Rows of one length; numbers keep their full precision in the JSON."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The table in Markdown, its columns aligned."""
        lines = [self.columns, *(tuple(map(_cell, row)) for row in self.rows)]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        texts = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([f"### {self.title}", "", texts[0], rule, *texts[1:], "", *notes]).rstrip()


@dataclass(frozen=True)
class PartResult:
    """One part's findings. `timings` holds every single measurement, by contestant."""

    name: str
    tables: Sequence[Table]
    targets: Sequence[Target] = ()
    timings: Mapping[str, Timing] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_text(self) -> str:
        targets = [f"- {target.to_text()}" for target in self.targets]
        return "\n\n".join([*(table.to_text() for table in self.tables), "\n".join(targets)])

    def to_plain(self) -> dict[str, Any]:
        return {
            "tables": [asdict(table) for table in self.tables],
            "targets": [target.to_plain() for target in self.targets],
            "timings": {
                name: {
                    "median": timing.median,
                    "spread": timing.spread,
                    "seconds": timing.seconds,
                }
                for name, timing in self.timings.items()
            },
            "facts": dict(self.facts),
        }


def duration(seconds: float) -> str:
    """Seconds as a person reads them: `12.3 ms`, `4.56 s`."""
    if abs(seconds) < 1.0:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s"


def with_spread(timing: Timing) -> str:
    """The median with the quartiles."""
    low, high = timing.spread
    return f"{duration(timing.median)} ({duration(low)} to {duration(high)})"


def times(ratio: float) -> str:
    return f"{ratio:.3g} x"


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
