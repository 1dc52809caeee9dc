"""The two pages that are compared, each in a process of its own, over the same library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.library_trees import LAYERS, grow_tree, tensor_list
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.settings import load_settings

FILES_PER_LORA = 4 / 3  # of four files, two are the halves of a pair
READY = re.compile(r"(http://\S+/)")
START_SECONDS = 180.0
ROOT = Path(__file__).resolve().parent.parent


def grow_library(folder: Path, loras: int) -> Path:
    """Small sparse files with real headers, all hashed, each with its thumbnail; the folder."""
    root = folder / "loras"
    lists = [
        tensor_list(musubi=musubi, rank=1, layers=(layer,))
        for musubi in (True, False)
        for layer in tuple(LAYERS)[:5]
    ]
    grow_tree(root, round(loras * FILES_PER_LORA), lists=lists)
    library = LoRALibrary(load_settings(loras_dir=root, data_dir=folder / "data"))
    library.refresh()
    library.finish_refresh()
    pictures = {name: str(library.thumbnail_file(name)) for name in library.list_available_loras()}
    (folder / "pictures.json").write_text(json.dumps(pictures), encoding="utf-8")
    library.refresh()
    library.finish_refresh()  # nothing goes on beside what is measured
    return root


@contextmanager
def our_page(folder: Path) -> Iterator[str]:
    """The whole app; its address."""
    places = {f"--{name}-dir": folder / name for name in ("loras", "outputs", "data")}
    arguments = [str(part) for pair in places.items() for part in pair]
    command = [str(ROOT / "app.py"), "--port", "0", "--no-browser", *arguments]
    with _serving([*command, "--models-dir", str(ROOT / "models")], folder / "ours.txt") as address:
        yield address


@contextmanager
def gallery_page(folder: Path) -> Iterator[str]:
    """A plain `gr.Gallery` of the same LoRAs; its address."""
    command = ["-m", "benchmarks.page_gallery", str(folder / "pictures.json")]
    with _serving(command, folder / "gallery.txt") as address:
        yield address


@contextmanager
def _serving(command: list[str], log: Path) -> Iterator[str]:
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=_environment(),
        )
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment() -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAN_LORA_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "GRADIO_ANALYTICS_ENABLED": "False"}


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := READY.search(log.read_text()):
            return found.group(1)
        time.sleep(0.1)
    raise RuntimeError(f"the page did not start: {log.read_text()}")
