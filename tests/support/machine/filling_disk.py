"""Download a model onto a small disk that something else fills up meanwhile.

Arguments: the model, `--config=...`, and the folder on that disk. The models command runs as it
is, with no reserve; after the first file has arrived, the rest of the disk is taken.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

from wan_lora_studio.ui.command_line import main

LEFT = 100_000  # bytes


def fill(disk: Path) -> None:
    while not list(disk.rglob("*.safetensors")):
        time.sleep(0.002)
    with (disk / "other").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(disk).free - LEFT, 1))


def run(model_type: str, config: str, folder: str) -> int:
    disk = Path(folder)
    os.environ["WAN_LORA_DISK_RESERVE_MB"] = "0"
    threading.Thread(target=fill, args=(disk,), daemon=True).start()
    places = [f"--{name}-dir={disk / name}" for name in ("loras", "models", "data", "outputs")]
    code = main(["models", "download", model_type, config, *places])
    print("part files:", len(list(disk.rglob("*.part"))))
    return code


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
