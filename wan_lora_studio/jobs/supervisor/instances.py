"""Instances of the studio that are alive on a shared data folder.

Each holds a lock on its own small file for as long as it lives. The kernel drops the lock with
the process, however that ends, so the answer depends on no clock, no process id and no timeout.
"""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

from filelock import FileLock, Timeout


def is_running(data_dir: Path) -> bool:
    """Whether an app is at work on this data folder."""
    folder = data_dir / "instances"
    instances = Instances(folder)
    return any(instances.alive(path.stem) for path in folder.glob("*.alive"))


class Instances:
    """The lock files in one folder; `join` makes this process one of the living."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: FileLock | None = None
        self.id = ""

    def join(self) -> str:
        """Become a new instance and sweep the files of dead ones. Returns the instance's id."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # Joining and sweeping exclude each other: a file is not yet locked when it is created.
        with FileLock(self._folder / "join.lock"):
            self.id = uuid.uuid4().hex
            self._held = FileLock(self._path(self.id), thread_local=False)
            self._held.acquire(timeout=0)
            for path in self._folder.glob("*.alive"):
                if not self.alive(path.stem):
                    path.unlink(missing_ok=True)
        return self.id

    def leave(self) -> None:
        if self._held is None:
            return
        self._held.release()
        self._held = None
        self._path(self.id).unlink(missing_ok=True)

    def alive(self, instance_id: str) -> bool:
        """Whether that instance holds its lock at this moment."""
        if instance_id == self.id:
            return self._held is not None
        path = self._path(instance_id)
        if not path.exists():
            return False
        with contextlib.suppress(Timeout), FileLock(path, timeout=0):
            return False
        return True

    def _path(self, instance_id: str) -> Path:
        return self._folder / f"{instance_id}.alive"
