"""One of several processes that work on one library: `library_processes.py FOLDER NUMBER COUNT`.

It adds, renames, moves, edits and deletes LoRAs under names that the others want as well, and
prints as JSON what was acknowledged: the content that each of its LoRAs must have, by SHA256, and
whether it is in the library or in the trash.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path

from tests.crash.library_model import lora_bytes
from wan_lora_studio.errors import StudioError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import load_settings

NAMES = [f"lora {number}" for number in range(6)]  # few, so that they are in each other's way


def main(folder: Path, number: int, count: int) -> dict[str, object]:
    settings = load_settings(loras_dir=folder, models_dir=folder / "no models", thumbnail_size=32)
    library = LoRALibrary(settings)
    random_ = random.Random(number)
    mine: dict[str, str] = {}  # name of each LoRA of this process -> SHA256
    deleted: list[str] = []
    refused = 0
    for step in range(count):
        try:
            _one_step(library, random_, mine, deleted, seed=number * 100_000 + step)
        except StudioError:
            refused += 1
    return {"here": sorted(mine.values()), "deleted": sorted(deleted), "refused": refused}


def _one_step(
    library: LoRALibrary,
    random_: random.Random,
    mine: dict[str, str],
    deleted: list[str],
    *,
    seed: int,
) -> None:
    new = random_.choice(NAMES)
    act = random_.choice(["add", "rename", "move", "edit", "delete"]) if mine else "add"
    if act == "add":
        content = lora_bytes(seed)
        LoRAUploadHandler(library.settings, library).process_upload(content, f"{new}.safetensors")
        mine[new] = hashlib.sha256(content).hexdigest()
        return
    name = random_.choice(sorted(mine))
    if act == "rename":
        library.rename_lora_file(name, new)
        mine[new] = mine.pop(name)
    elif act == "move":
        library.move_lora_file(name, random_.choice(["", "sub"]))
    elif act == "edit":
        library.edit_lora_metadata(name, {"notes": f"of {mine[name]}"})
    else:
        library.delete_lora_file(name)
        deleted.append(mine.pop(name))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
