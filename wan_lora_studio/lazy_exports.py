"""Lazy exports: names of a package that are loaded when they are asked for (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def on_first_use(
    package: str, places: Mapping[str, str], elsewhere: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """A `__getattr__` for the package: each name of `places` comes from the module named there,
    which lies in the package; each of `elsewhere` from one that does not."""
    modules = {name: f"{package}.{place}" for name, place in places.items()}
    modules |= elsewhere or {}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
