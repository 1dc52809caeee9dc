"""HTTP of the app: its routes beside the extension's, and the guard in front of all.

It knows no Gradio component.
"""

from __future__ import annotations

from wan_lora_studio.ui.http.api import build_api
from wan_lora_studio.ui.http.cpu_use import CpuMeter
from wan_lora_studio.ui.http.gradio_routes import GradioRoutes
from wan_lora_studio.ui.http.guard import Access, Guard
from wan_lora_studio.ui.http.result_models import ResultList
from wan_lora_studio.ui.http.timely_heads import TimelyHeads

__all__ = [
    "Access",
    "CpuMeter",
    "GradioRoutes",
    "Guard",
    "ResultList",
    "TimelyHeads",
    "build_api",
]
