"""Run as a program until it is killed: delete results, bring them back, look, over and over."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.settings import load_settings


def main(folder: Path, seed: int) -> None:
    library = ResultLibrary(load_settings(outputs_dir=folder / "outputs", data_dir=folder / "data"))
    chance = random.Random(seed)
    print("ready", flush=True)
    while True:
        name = f"task-{chance.randrange(6)}"
        try:
            act = chance.choice((library.delete, library.delete, library.undo, library.undo, None))
            if act is not None:
                act(name)
            elif chance.random() < 0.5:
                library.refresh()
            else:
                library.trash.entries()
        except GenerationError:
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
