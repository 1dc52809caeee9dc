"""Past times: how long runs will take, by what the jobs on disk took."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from wan_lora_studio.jobs.store import JobStore
from wan_lora_studio.jobs.supervisor.stage_times import StageTimes
from wan_lora_studio.wan.task import GenerationTask


class PastTimes:
    """Any thread may ask. Looked up anew only when the jobs have changed."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._times = StageTimes()
        self._revision: int | None = None

    def seconds(self, tasks: Sequence[GenerationTask], *, loaded: bool) -> float | None:
        """For these runs, one after the other; None where their model has made no video here.

        `loaded`: the first one finds its model in memory, as the others do.
        """
        with self._lock:
            revision = self._store.revision()
            if revision != self._revision:
                self._times, self._revision = StageTimes(self._store.done_lately), revision
            found = [
                self._times.expected(task, loaded=loaded or number > 0)
                for number, task in enumerate(tasks)
            ]
        if not found or not all(found):
            return None
        return round(sum(sum(each.values()) for each in found), 1)
