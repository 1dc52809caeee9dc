"""The library's two locks, and what is done whenever they are taken."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import Prepared, extra_folders
from wan_lora_studio.lora.library.estimates import EstimatingLibrary
from wan_lora_studio.lora.storage import Journal, Trash, Trashed, folder_gone, sweep_stages
from wan_lora_studio.settings import Settings

LOCK_NAME = ".lock"
LOCK_SECONDS = 20.0


class LockedLibrary(EstimatingLibrary):
    """A library that can be changed. One lock is for this process, a file for the others."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        extra = extra_folders(settings, writable=True)
        self._intents = Journal(self.root, self._catalog, extra)
        self._trash = Trash(self.root, self._catalog, self._intents, extra)
        self._clean_up()

    def _clean_up(self) -> None:
        """Take back what a dead process left unfinished, and remove what it left lying about.

        Not while another instance changes something: that one has done it already.
        """
        # What fails here is tried again by the next change, which says what is wrong.
        with suppress(LoRAError, OSError), self._if_unlocked():
            sweep_stages(self.root)
            self._trash.sweep()
            self._trash.purge(self._expired())

    @contextmanager
    def _if_unlocked(self) -> Iterator[None]:
        """The lock held that is for other instances, and nothing left unfinished.

        Raises OSError at once if somebody else holds it, or it cannot be made.
        """
        lock = FileLock(self.root / LOCK_NAME, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise BlockingIOError(errno.EAGAIN, "the library is being changed") from error
        try:
            self._intents.recover()
            yield
        finally:
            lock.release()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Both locks held, nothing left unfinished, and everything up to date."""
        with self._locked():
            self._catalog.require_own()
            self._bring_up_to_date()
            yield

    @contextmanager
    def _emptying(self) -> Iterator[None]:
        """As `_changing`, for what makes room on the disk: it may be full to the last byte.

        What a change that was cut off has put into the trash is not to be lost, so that then
        there has to be room to take it back.
        """
        with self._locked():
            try:
                self._catalog.require_own()
            except LoRAError as error:
                if error.context.get("reason") != "full" or not self._intents.none_on_disk():
                    raise
            self._bring_up_to_date()
            yield
            with suppress(LoRAError, OSError):  # else the next start does it
                self._catalog.require_own()
                self._intents.recover()
                self._trash.sweep()

    def _bring_up_to_date(self) -> None:
        self._intents.recover()
        self._contents.look(now=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Both locks held."""
        with self._lock:
            lock = FileLock(self.root / LOCK_NAME, timeout=LOCK_SECONDS)
            if not self.root.is_dir():  # FileLock would make a folder that is gone
                raise folder_gone(self.root)
            try:
                lock.acquire()
            except (Timeout, OSError) as error:
                raise LoRAError(
                    "The library is being changed by another program, or cannot be written.",
                    suggestions=["Try again in a moment; check the folder's permissions."],
                ) from error
            try:
                yield
            finally:
                lock.release()

    def _changeable(self, name: str) -> Prepared:
        """The LoRA, unless it lies where nothing is changed: in an extra folder, or behind a linked
        one. Raises LoRANotFoundError or LoRAError."""
        prepared = self._find(name)
        link = self._contents.link_above(prepared.entry)
        if link:
            raise LoRAError(
                f"{name} lies behind the linked folder {link}, where nothing is changed.",
                suggestions=[
                    "Change the file by hand, where the link leads to.",
                    'Add that folder to extra_lora_dirs as {"path": ..., "writable": true}.',
                ],
                context={"name": name, "folder": link},
            )
        if self._contents.is_read_only(prepared.entry):
            raise LoRAError(
                f"{name} lies in {prepared.entry.first.folder}, one of extra_lora_dirs, where"
                " nothing is changed.",
                suggestions=[
                    "Change the file there by hand, or upload a copy to the library.",
                    'Give the folder in config.json as {"path": ..., "writable": true}.',
                ],
                context={"name": name, "folder": prepared.entry.first.folder},
            )
        return prepared

    def _name_of(self, path: str) -> str:
        """The name of the LoRA that has the file at `path`."""
        for name, prepared in self._contents.entries.items():
            if any(file.path == path for file in prepared.entry.files.values()):
                return name
        raise LoRAError(
            f"{path} was saved, but the library cannot be read at the moment.",
            suggestions=["Check the disk of the LoRA folder, then refresh the library."],
            context={"saved": path},
        )

    def _expired(self) -> list[Trashed]:
        return self._trash.expired(self.settings.trash_days, self.settings.trash_mb)

    def _settle(self) -> None:
        """Look again after a change that has happened: what fails now does not undo it."""
        for _ in range(2):  # a fault may have passed, and the caller wants to see the change
            with suppress(OSError, LoRAError):
                self._look(now=True)
                return
