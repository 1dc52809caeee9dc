"""Pool of this instance's workers: a supervisor and a worker process for each device."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from wan_lora_studio.jobs.status import Board, Tally, WorkerStatus
from wan_lora_studio.jobs.store import JobStore
from wan_lora_studio.jobs.supervisor.devices import worker_devices
from wan_lora_studio.jobs.supervisor.instances import Instances
from wan_lora_studio.jobs.supervisor.recovery import Recovery
from wan_lora_studio.jobs.supervisor.supervisor import Supervisor
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)

# The state that stands for several workers is the first of these that one of them is in.
FOREMOST = ("busy", "loading", "ready", "starting", "restarting", "failed", "stopped")


class WorkerPool:
    """Starts and stops the workers; each takes the next job as soon as it is idle."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        runner: str,
        on_end: Callable[[], None],
        on_video: Callable[[], None],
    ) -> None:
        """`on_end` and `on_video` as the supervisors call them."""
        self._settings, self._store, self._runner = settings, store, runner
        self._on_end, self._on_video = on_end, on_video
        self._instances = Instances(settings.data_dir / "instances")
        self._life = threading.Lock()
        self._supervisors: tuple[Supervisor, ...] = ()
        self._boards: tuple[Board, ...] = (Board(),)
        self._trouble = ""

    def start(self) -> None:
        with self._life:
            if self._supervisors:
                return
            try:
                self._instances.join()
            except OSError as error:
                # No job can be claimed; lists, the library and the gallery work all the same.
                logger.exception("The queue's workers cannot be started")
                self._trouble = say("jobs.queue.no_workers", reason=error)
                return
            self._trouble = ""
            self._tidy()
            devices = worker_devices(self._settings)
            self._boards = tuple(Board() for _ in devices)
            self._supervisors = tuple(
                self._supervisor(device, board)
                for device, board in zip(devices, self._boards, strict=True)
            )
            for supervisor in self._supervisors:
                supervisor.start()

    def _tidy(self) -> None:
        """End what dead instances left running; the supervisors go on with what cannot be now."""
        recovery = Recovery(self._store, self._settings.outputs_dir)
        try:
            recovery.free_the_dead(self._instances)
            recovery.sweep()
        except Exception:
            # A boundary: the app starts, whatever lies in its folders and its queue.
            logger.exception("What an earlier run left could not all be put in order")

    def _supervisor(self, device: str, board: Board) -> Supervisor:
        settings = self._settings.model_copy(update={"device": device})
        return Supervisor(
            settings,
            self._store,
            self._instances,
            board,
            self._runner,
            on_end=self._on_end,
            on_video=self._on_video,
        )

    def stop(self) -> None:
        """End all workers; a job that one of them has is marked interrupted."""
        with self._life:
            for supervisor in self._supervisors:
                supervisor.ask_to_stop()
            for supervisor in self._supervisors:
                supervisor.join()
            if self._supervisors:
                self._instances.leave()
            self._supervisors = ()

    def wake(self) -> None:
        for supervisor in self._supervisors:
            supervisor.wake()

    def prefer(self, model_type: str) -> None:
        """One worker loads that model as soon as nothing else is to be done."""
        if self._supervisors:
            self._supervisors[0].prefer(model_type)

    def expect(self, loras: tuple[str, ...]) -> None:
        """Every worker reads those LoRAs as soon as nothing else is to be done."""
        for supervisor in self._supervisors:
            supervisor.expect(loras)

    @property
    def alive(self) -> bool:
        """Whether the threads that hand out work are there."""
        return bool(self._supervisors) and all(each.alive for each in self._supervisors)

    def problems(self) -> list[str]:
        """Why work cannot be handed out, in words; empty if it can."""
        found = [each.trouble for each in self.statuses() if each.trouble]
        if self._trouble:
            found.append(say("jobs.queue.check_data_dir", trouble=self._trouble))
        elif not self.alive:
            found.append(say("jobs.queue.not_running"))
        return found

    def statuses(self) -> list[WorkerStatus]:
        return [board.worker for board in self._boards]

    def status(self) -> WorkerStatus:
        """One status for all: that of the foremost worker."""
        return min(self.statuses(), key=lambda each: FOREMOST.index(each.state))

    def tallies(self) -> list[Tally]:
        return [board.tally for board in self._boards]

    def progress(self, job_id: str) -> dict[str, Any] | None:
        found = (board.progress(job_id) for board in self._boards)
        return next((progress for progress in found if progress is not None), None)

    def preview(self, job_id: str) -> bytes | None:
        found = (board.preview(job_id) for board in self._boards)
        return next((picture for picture in found if picture is not None), None)
