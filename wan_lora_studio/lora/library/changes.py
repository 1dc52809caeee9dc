"""The library's locks for changes, and what is done whenever they are taken."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import Clock, Prepared, all_paths, extra_folders
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.estimates import EstimatingLibrary
from wan_lora_studio.lora.storage import Journal, Trash, Trashed, folder_gone, sweep_stages
from wan_lora_studio.settings import Settings

LOCK_NAME = ".lock"
LOCK_SECONDS = 20.0


class LockedLibrary(EstimatingLibrary):
    """A library that can be changed, by one at a time.

    First this process's own changes wait for each other, then a file for those of others; the
    lock on memory is held in neither wait, nor while files are moved.
    """

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        super().__init__(settings, clock)
        self._changes = threading.RLock()
        self._change = Change(self.root, Journal(self.root, self._catalog))
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
    def _changing(
        self, *names: str, at: Collection[str] = (), everything: bool = False
    ) -> Iterator[Change]:
        """The locks held, nothing left unfinished, and what is known of these LoRAs up to date,
        and of the folders of the paths `at`; or `everything`."""
        with self._locked():
            self._catalog.require_own()
            self._bring_up_to_date(names, at, everything=everything)
            yield self._change

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

    def _bring_up_to_date(
        self, names: Collection[str] = (), at: Collection[str] = (), *, everything: bool = False
    ) -> None:
        everything = self._intents.recover() or everything
        self._contents.load()
        if everything or not self._look_at_these(names, at):
            changed = self._contents.look(now=True)
            self._looked(changed=changed, now=False)
        self._change = Change(self.root, self._intents, self._catalog.revision())

    def _look_at_these(self, names: Collection[str], at: Collection[str]) -> bool:
        """Look at the files of these LoRAs alone; False if that does not do."""
        if self._catalog.revision() != self._contents.seen_revision:
            return False  # another instance has changed something
        contents, paths = self._contents, set(at)
        for name in names:
            prepared = contents.named(name)
            if prepared is None:
                return False
            paths.update(all_paths(prepared.entry, contents.names))
        return self._look_at(paths)

    def _look_at(self, paths: Collection[str], *, again: bool = False) -> bool:
        """Look at these files and at what lies beside them; False if that does not do.

        Others are told by the change itself, unless it finds what somebody else has done.
        """
        found = self._contents.look_at(paths, again=again)
        if found is None:
            return False
        if found.by_others:
            self._catalog.bump(self._contents.seen_revision + 1)
        self._contents.seen_revision = self._catalog.revision()
        self._picture(found.names, found.gone)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The locks held that keep other changes away."""
        with self._changes:
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
                with self._turn.for_change():
                    yield
            finally:
                lock.release()

    def _changeable(self, name: str) -> Prepared:
        """The LoRA, unless it lies where nothing is changed: in an extra folder, or behind a linked
        one. Raises LoRANotFoundError or LoRAError."""
        prepared = self._known(name)
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

    def _known(self, name: str) -> Prepared:
        """The LoRA, as it is known since the change began. Raises LoRANotFoundError."""
        return self._contents.named(name) or self._find(name)

    def _name_of(self, path: str) -> str:
        """The name of the LoRA that has the file at `path`."""
        name = self._contents.with_file(path)
        if name is not None:
            return name
        raise LoRAError(
            f"{path} was saved, but the library cannot be read at the moment.",
            suggestions=["Check the disk of the LoRA folder, then refresh the library."],
            context={"saved": path},
        )

    def _expired(self) -> list[Trashed]:
        return self._trash.expired(self.settings.trash_days, self.settings.trash_mb)

    def _settle(self, *, everything: bool = False) -> None:
        """Look again after a change that has happened: what fails now does not undo it."""
        change = self._change
        alone = not everything and self._catalog.revision() == change.revision
        for _ in range(2):  # a fault may have passed, and the caller wants to see the change
            with suppress(OSError, LoRAError):
                if not (alone and self._look_at(change.paths, again=change.again)):
                    self._look_in_turn(now=True)
                return
