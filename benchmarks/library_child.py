"""One start of the library in a process of its own: `python -m benchmarks.library_child`.

Prints what it found as JSON. Without torch, as the process that serves the page.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks.peak import peak_memory
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.settings import load_settings

QUERIES = ("anime", "noir water", "12", "smoke dragon ink", "zzz", "e")
ROUNDS = 5
PAGE = 60
INTERVAL = 0.01
AFTERWARDS = ("pictures", "hashing")


def main(root: Path, models: Path) -> dict[str, float]:
    settings = load_settings(loras_dir=root, models_dir=models)
    started, processor = time.perf_counter(), time.process_time()
    library = LoRALibrary(settings)
    page = library.find_loras(limit=PAGE)
    first = time.perf_counter() - started
    _wait_until_looked_through(library)
    whole = time.perf_counter() - started
    busy = time.process_time() - processor
    library.cancel_refresh()
    total = library.find_loras(limit=PAGE)["total"]
    searches = sorted(_seconds(library, query) for _ in range(ROUNDS) for query in QUERIES)
    return {
        "first_page": first,
        "on_first_page": len(page["loras"]),
        "whole": whole,
        "processor": busy,
        "records": total,
        "search_median": statistics.median(searches),
        "search_worst": searches[-1],
        "memory": peak_memory(),
    }


def _wait_until_looked_through(library: LoRALibrary) -> None:
    """Files and texts; what follows are pictures and the hashing of data that is not there."""
    while (progress := library.refresh_progress) and progress["stage"] not in AFTERWARDS:
        time.sleep(INTERVAL)


def _seconds(library: LoRALibrary, query: str) -> float:
    started = time.perf_counter()
    library.find_loras(query, limit=PAGE)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
