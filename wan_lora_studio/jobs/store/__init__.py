"""Store: the jobs as rows on disk, each change of state a compare-and-set.

It starts nothing and knows no worker.
"""

from __future__ import annotations

from wan_lora_studio.jobs.store.arranging import ArrangedStore
from wan_lora_studio.jobs.store.store import JobStore

__all__ = [
    "ArrangedStore",
    "JobStore",
]
