"""Worker: the other process, which owns the model and runs one job after another.

It knows no queue and no database; it speaks through one pipe.
"""

from __future__ import annotations

from wan_lora_studio.jobs.worker.process import WorkerProcess
from wan_lora_studio.jobs.worker.runner import GENERATION_RUNNER

__all__ = [
    "GENERATION_RUNNER",
    "WorkerProcess",
]
