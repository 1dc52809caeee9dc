"""Run as a program: delete results, bring them back, look, list; stop at the end of the rounds.

Several of these on one folder meet in every order. It prints how often each was done.
"""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.settings import load_settings

THREADS = 4


def traffic(library: ResultLibrary, names: list[str], rounds: int, seed: int) -> Counter[str]:
    """Each round is one act on one result by each of the threads, begun at the same moment."""
    done: Counter[str] = Counter()
    chance = random.Random(seed)
    acts: list[tuple[str, Callable[[str], object]]] = [
        ("delete", library.delete),
        ("delete", library.delete),
        ("undo", library.undo),
        ("look", lambda _: library.refresh()),
        ("list", lambda _: library.find(ResultQuery())),
        ("trash", lambda _: library.trash.entries()),
    ]
    gate = threading.Barrier(THREADS)

    def act(word: str, function: Callable[[str], object], name: str) -> None:
        gate.wait()
        try:
            function(name)
        except GenerationError:
            done[f"{word} refused"] += 1
        else:
            done[word] += 1

    for _ in range(rounds):
        name = chance.choice(names)
        threads = [
            threading.Thread(target=act, args=(*chance.choice(acts), name)) for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return done


def main(folder: Path, names: list[str], rounds: int, seed: int) -> None:
    library = ResultLibrary(load_settings(outputs_dir=folder / "outputs", data_dir=folder / "data"))
    print(dict(traffic(library, names, rounds, seed)))
    library.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4]))
