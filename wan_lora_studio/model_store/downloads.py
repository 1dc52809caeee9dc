"""Downloads: the rows that are fetched or verified, one at a time, beside everything else.

A thread with an event loop of its own does the work, so that cancelling takes effect at the next
wait on the network or the disk. What has arrived stays on disk whatever happens: after a crash a
new download goes on from there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from wan_lora_studio.errors import ModelLoadError, StudioError, handle_error_with_recovery
from wan_lora_studio.filesystem import remove
from wan_lora_studio.model_store.fetching import Work, fetch, verify
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.model_store.plan import Plan, make_plan
from wan_lora_studio.model_store.removal import Removal, remove_row
from wan_lora_studio.model_store.transfer import WAITS, Disk
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

Kind = Literal["download", "verify"]
Stage = Literal["waiting", "running", "paused", "cancelled", "failed", "done"]
ACTIVE: tuple[Stage, ...] = ("waiting", "running")
KEPT: tuple[Stage, ...] = (*ACTIVE, "paused", "failed")  # whose files may be gone on with
ENDS_IN = 5.0  # seconds that closing waits


def nothing() -> None:
    """Nothing runs that could be stopped."""


@dataclass(frozen=True)
class Download:
    """What is done for a row, or was last. `done` and `total` are bytes, total 0 until the hub
    has answered; `speed` is in bytes a second; `found` are files that verifying found wrong."""

    model_type: str
    kind: Kind
    stage: Stage = "waiting"
    done: int = 0
    total: int = 0
    speed: float = 0.0
    seconds_left: float | None = None
    error: StudioError | None = None
    found: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        return self.stage in ACTIVE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "error": self.error.to_dict() if self.error else None,
            "found": list(self.found),
        }


class ModelDownloads:
    """All methods may be called from any thread. What asks for something returns at once."""

    def __init__(
        self, settings: Settings, hub: Hub | None = None, waits: Sequence[float] = WAITS
    ) -> None:
        """Without a `hub` the user's; `waits` are seconds before each new try."""
        self._settings = settings
        self._hub = hub or Hub(allowed=not settings.local_files_only)
        self._waits = waits
        self._changed = threading.Condition()
        self._known: dict[str, Download] = {}
        self._work: dict[str, Work] = {}  # the last of each row
        self._order: list[str] = []
        self._runs = False
        self._at_hand = ""  # the row that is worked on
        self._wish: Stage | None = None  # what it is to be instead of done
        self._stop: Callable[[], object] = nothing  # ends the work

    @property
    def hub(self) -> Hub:
        return self._hub

    def plan(self, model_type: str) -> Plan:
        """What a row needs by the hub's list, and what of it is here. Waits for the hub's answer.

        Raises ModelLoadError, and SettingsError for an unknown row.
        """
        self._settings.model(model_type)
        return asyncio.run(make_plan(self._settings, model_type, self._hub))

    def remove(self, model_type: str, in_use: Iterable[str] = ()) -> Removal:
        """Remove a row's files, but for those that others need, such as the rows `in_use`. Raises
        ModelLoadError, and SettingsError for an unknown row."""
        with self._changed:
            if self._is_active(model_type):
                raise self._busy(model_type)
            shared = [name for name, known in self._known.items() if known.stage in KEPT]
            removal = remove_row(self._settings, model_type, {*in_use, *shared} - {model_type})
            self._known.pop(model_type, None)
            self._work.pop(model_type, None)
            self._changed.notify_all()
            return removal

    def start(self, model_type: str, kind: Kind = "download") -> Download:
        """Fetch what a row lacks, or check the hashes of what is here, after what was asked for
        before. One that waits or runs stays as it is. Raises SettingsError for an unknown row."""
        self._settings.model(model_type)
        with self._changed:
            known = self._known.get(model_type)
            if known is not None and known.active:
                return self._now(known)
            self._set(Download(model_type, kind))
            self._order.append(model_type)
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="model-downloads", daemon=True).start()
            return self._known[model_type]

    def pause(self, model_type: str) -> Download | None:
        """Stop for now; `start` goes on. None where nothing was asked for."""
        return self._end(model_type, "paused")

    def cancel(self, model_type: str) -> Download | None:
        """Stop, and throw away files that have arrived in part; whole ones stay."""
        return self._end(model_type, "cancelled")

    def get(self, model_type: str) -> Download | None:
        """What is done for a row, or was last since the app began."""
        with self._changed:
            known = self._known.get(model_type)
            return known and self._now(known)

    def all(self) -> dict[str, Download]:
        with self._changed:
            return {name: self._now(known) for name, known in self._known.items()}

    def wait(self, model_type: str, seconds: float) -> Download | None:
        """The row once nothing is done for it any more, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_active(model_type), seconds)
        return self.get(model_type)

    def close(self) -> None:
        """Stop everything; what has arrived stays."""
        with self._changed:
            self._order.clear()
            self._end_work("paused")
            self._changed.wait_for(lambda: not self._runs, ENDS_IN)

    def _busy(self, model_type: str) -> ModelLoadError:
        return ModelLoadError(
            say("model_store.busy", model=self._settings.model(model_type).title),
            cause=say("model_store.busy_cause"),
            suggestions=[say("model_store.cancel_first")],
            context={"reason": "busy_here"},
        )

    def _is_active(self, model_type: str) -> bool:
        known = self._known.get(model_type)
        return self._at_hand == model_type or (known is not None and known.active)

    def _end_work(self, stage: Stage) -> None:
        self._wish = stage
        self._stop()

    def _now(self, known: Download) -> Download:
        """With the numbers of this moment."""
        work = self._work.get(known.model_type)
        if work is None or known.stage == "waiting":
            return known
        progress, runs = work.progress, known.stage == "running"
        return replace(
            known,
            done=progress.done,
            total=progress.total,
            speed=progress.speed if runs else 0.0,
            seconds_left=progress.seconds_left if runs else None,
        )

    def _set(self, download: Download) -> None:
        self._known[download.model_type] = download
        self._changed.notify_all()

    def _end(self, model_type: str, stage: Stage) -> Download | None:
        with self._changed:
            known = self._known.get(model_type)
            if known is None:
                return None
            if known.stage == "running":
                self._end_work(stage)
            elif known.stage == "waiting":
                self._order.remove(model_type)
                self._set(replace(known, stage=stage))
            elif stage == "cancelled" and known.stage in ("paused", "failed"):
                self._set(replace(known, stage=stage, error=None))
                self._forget_parts(model_type)
            return self._now(self._known[model_type])

    def _forget_parts(self, model_type: str) -> None:
        if model_type in self._work:
            for part in self._work[model_type].parts:
                remove(part, missing_ok=True)

    def _run(self) -> None:
        while (next_one := self._next()) is not None:
            self._carry_out(next_one)

    def _next(self) -> Download | None:
        with self._changed:
            self._at_hand, self._wish, self._stop = "", None, nothing
            self._runs = bool(self._order)
            self._changed.notify_all()
            if not self._runs:
                return None
            self._at_hand = self._order.pop(0)
            self._work[self._at_hand] = Work(self._at_hand)
            begun = replace(self._known[self._at_hand], stage="running")
            self._set(begun)
            return begun

    def _carry_out(self, download: Download) -> None:
        loop, disk = asyncio.new_event_loop(), Disk()
        task = loop.create_task(self._act(download, disk))
        with self._changed:
            self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
            if self._wish is not None:
                task.cancel()
        try:
            ended = replace(download, stage="done", found=loop.run_until_complete(task))
        except asyncio.CancelledError:
            ended = replace(download, stage=self._wish or "paused")
        except StudioError as error:
            ended = replace(download, stage="failed", error=error)
        with self._changed:
            self._stop = nothing
            self._set(ended)
        loop.close()
        disk.close()  # what was begun may still be writing
        if ended.stage == "cancelled":
            self._forget_parts(download.model_type)

    @handle_error_with_recovery
    async def _act(self, download: Download, disk: Disk) -> tuple[str, ...]:
        work = self._work[download.model_type]
        if download.kind == "verify":
            return await verify(self._settings, self._hub, disk, work)
        await fetch(self._settings, self._hub, disk, work, self._waits)
        return ()
