"""Submission: from what was asked for to what the queue keeps.

Checked tasks, held pictures and LoRAs, forecasts, refusals in words. It runs nothing.
"""

from __future__ import annotations

from wan_lora_studio.jobs.submission.memory_check import estimate
from wan_lora_studio.jobs.submission.preparing import (
    GridPlan,
    Preparation,
    Prepared,
    parts_again,
)
from wan_lora_studio.jobs.submission.refusals import has_begun, no_such_job, not_now, written

__all__ = [
    "GridPlan",
    "Preparation",
    "Prepared",
    "estimate",
    "has_begun",
    "no_such_job",
    "not_now",
    "parts_again",
    "written",
]
