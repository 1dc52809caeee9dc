"""HTTP of the app: its routes beside the extension's.

It knows no Gradio component.
"""

from __future__ import annotations

from wan_lora_studio.ui.http.api import build_api
from wan_lora_studio.ui.http.cpu_use import CpuMeter
from wan_lora_studio.ui.http.result_models import ResultList

__all__ = [
    "CpuMeter",
    "ResultList",
    "build_api",
]
