"""Supervisor: the threads between the queue and its workers.

They hand over jobs, note how they end and start dead workers again. They know no HTTP.
"""

from __future__ import annotations

from wan_lora_studio.jobs.supervisor.instances import is_running
from wan_lora_studio.jobs.supervisor.past_times import PastTimes
from wan_lora_studio.jobs.supervisor.pool import WorkerPool

__all__ = [
    "PastTimes",
    "WorkerPool",
    "is_running",
]
