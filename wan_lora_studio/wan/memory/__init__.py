"""Memory: will a run fit, and what is tried when it does not.

What needs torch is loaded on first use. It makes no video.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use
from wan_lora_studio.wan.memory.footprint import Footprint, Forecast, tensor_counts

if TYPE_CHECKING:
    from wan_lora_studio.wan.memory.fallbacks import MemoryFallbacks
    from wan_lora_studio.wan.memory.forecast import (
        exhausted,
        foresee,
        largest,
        require_possible,
        tiling,
        usual_placing,
        warning,
    )

__all__ = [
    "Footprint",
    "Forecast",
    "MemoryFallbacks",
    "exhausted",
    "foresee",
    "largest",
    "require_possible",
    "tensor_counts",
    "tiling",
    "usual_placing",
    "warning",
]

__getattr__ = on_first_use(
    __name__,
    {
        "MemoryFallbacks": "fallbacks",
        "exhausted": "forecast",
        "foresee": "forecast",
        "largest": "forecast",
        "require_possible": "forecast",
        "tiling": "forecast",
        "usual_placing": "forecast",
        "warning": "forecast",
    },
)
