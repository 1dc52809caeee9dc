"""The app's own version, and those of the libraries that decide what a video looks like."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

VERSION = "0.1.0"
LIBRARIES = (
    "torch",
    "diffusers",
    "peft",
    "transformers",
    "accelerate",
    "safetensors",
    "numpy",
    "av",
    "pillow",
)


def versions() -> dict[str, str]:
    """`app`, `python` and each library that is installed, by name. Imports none of them."""
    found = {"app": VERSION, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
