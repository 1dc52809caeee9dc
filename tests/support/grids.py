"""Grids for tests: an axis as a request has it, and what makes the facts of a grid's task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wan_lora_studio.grid import GridFacts

MakeFacts = Callable[..., GridFacts]


def axis(of: str, *values: Any, lora: str | None = None) -> dict[str, Any]:
    return {"of": of, "lora": lora, "values": list(values)}
