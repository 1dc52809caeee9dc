"""What one change costs in a large library, and many deletions at once.

`python -m benchmarks.library_changes FOLDER ROUNDS` measures one library, and prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.library_sizes import LibrarySizes
from benchmarks.library_trees import grow_tree
from benchmarks.report import PartResult, Table, Target, duration
from lora_ui.http import Cards
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.settings import load_settings

PROCESSOR_SECONDS = 0.05
CARDS_SHARE = 0.1
MANY, MANY_SECONDS = 1_000, 5.0
ACTS = ("edit", "rename", "delete")

Found = dict[str, list[float]]


def measure(sizes: LibrarySizes) -> PartResult:
    """Each library is looked through once by a process of its own, and then changed by it."""
    found: dict[int, Found] = {}
    with tempfile.TemporaryDirectory(dir=sizes.folder) as folder:
        for count in sizes.changed:
            root = Path(folder) / str(count)
            grow_tree(root, count)
            rounds = max(1, min(40, count // 20))
            command = [sys.executable, "-m", "benchmarks.library_changes", str(root), str(rounds)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[count] = json.loads(done.stdout)
    return PartResult("changes", (_table(found),), _targets(found))


def _table(found: dict[int, Found]) -> Table:
    rows: tuple[tuple[str | int, ...], ...] = tuple(
        (
            count,
            *(_spread(times[act]) for act in ACTS),
            duration(times["all cards"][0]),
            _spread(times["cards"]),
            duration(times["many"][0]),
            int(times["many"][1]),
        )
        for count, times in found.items()
    )
    columns = (
        "files", "edit: processor", "rename: processor", "delete: processor", "all cards",
        "cards after an edit", "many deletes", "of so many",
    )  # fmt: skip
    notes = (
        "Processor time of one change, the median (the 95th percentile); many deletes are one"
        " change, and their time is that of the clock.",
        "Cards are the page's list as JSON: written for the first time, and again after an edit.",
    )
    return Table("Changing a library of many files", columns, rows, notes)


def _spread(times: list[float]) -> str:
    return f"{duration(_middle(times))} ({duration(_high(times))})"


def _middle(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def _high(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _targets(found: dict[int, Found]) -> tuple[Target, ...]:
    targets = []
    for count, times in found.items():
        for act in ACTS:
            name = f"processor time of one {act} among {count} (95th percentile)"
            targets.append(Target(name, _high(times[act]), "at most", PROCESSOR_SECONDS, "s"))
        name = f"cards of {count} after an edit, of what all of them take"
        share = _middle(times["cards"]) / times["all cards"][0]
        targets.append(Target(name, share, "at most", CARDS_SHARE))
        seconds, many = times["many"]
        if many == MANY:
            name = f"{MANY} deletes at once among {count}"
            targets.append(Target(name, seconds, "at most", MANY_SECONDS, "s"))
    return tuple(targets)


def main(root: Path, rounds: int) -> Found:
    """Seconds of the processor for each change; those of the clock for many, and how many."""
    library = LoRALibrary(load_settings(loras_dir=root, models_dir="models"))
    library.refresh()
    library.cancel_refresh()
    names = list(library.list_available_loras())
    step = max(1, len(names) // (rounds * (len(ACTS) + 1)))
    one = iter(names[::step])
    found = {
        "edit": _each(rounds, one, lambda name: library.edit_lora_metadata(name, {"notes": name})),
        "rename": _each(rounds, one, lambda name: library.rename_lora_file(name, f"new {name}")),
        "delete": _each(rounds, one, library.delete_lora_file),
    }
    cards = Cards(library)
    found["all cards"] = _each(1, iter(names), lambda _: cards.text())
    found["cards"] = []
    for name in islice(one, rounds):
        library.edit_lora_metadata(name, {"notes": name})
        found["cards"] += _each(1, iter([name]), lambda _: cards.text())
    rest = list(library.list_available_loras())[: min(MANY, len(names) // 2)]
    started = time.perf_counter()
    library.delete_loras(rest)
    found["many"] = [time.perf_counter() - started, len(rest)]
    return found


def _each(rounds: int, names: Iterator[str], act: Callable[[str], object]) -> list[float]:
    times = []
    for _ in range(rounds):
        name, started = next(names), time.process_time()
        act(name)
        times.append(time.process_time() - started)
    return times


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
