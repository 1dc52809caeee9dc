"""Changes: how the library is changed, by one at a time, and what is done whenever it is."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import all_paths, extra_folders
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.lora.storage import Trash, sweep_stages


class Changes:
    """First this process's own changes wait for each other, then a file for those of others; the
    lock on memory is held in neither wait, nor while files are moved."""

    def __init__(self, shared: SharedIndex) -> None:
        self._shared = shared
        self._one_at_a_time = threading.RLock()
        extra = extra_folders(shared.settings, writable=True)
        self.trash = Trash(shared.root, shared.catalog, shared.journal, extra)
        self._clean_up()

    @property
    def look_is_due(self) -> bool:
        """Whether it is time to look at all files again."""
        return self._shared.index.is_due

    @contextmanager
    def change(
        self, *names: str, at: Collection[str] = (), everything: bool = False
    ) -> Iterator[Change]:
        """The locks held, nothing left unfinished, and what is known of these LoRAs up to date,
        and of the folders of the paths `at`; or `everything`."""
        with self._locked():
            self._shared.catalog.require_own()
            self._bring_up_to_date(names, at, everything=everything)
            yield Change(self._shared, self.trash, self._shared.catalog.revision())

    @contextmanager
    def emptying(self) -> Iterator[None]:
        """As `change`, for what makes room on the disk: it may be full to the last byte.

        What a change that was cut off has put into the trash is not to be lost, so that then
        there has to be room to take it back.
        """
        catalog, journal = self._shared.catalog, self._shared.journal
        with self._locked():
            try:
                catalog.require_own()
            except LoRAError as error:
                if error.context.get("reason") != "full" or not journal.none_on_disk():
                    raise
            self._bring_up_to_date()
            yield
            with suppress(LoRAError, OSError):  # else the next start does it
                catalog.require_own()
                journal.recover()
                self.trash.sweep()

    def purge_expired(self) -> None:
        """Delete for good what has been in the trash for too long. Raises LoRAError or OSError."""
        settings = self._shared.settings
        self.trash.purge(self.trash.listing.expired(settings.trash_days, settings.trash_mb))

    def _clean_up(self) -> None:
        """Take back what a dead process left unfinished, and remove what it left lying about.

        Not while another instance changes something: that one has done it already.
        """
        # What fails here is tried again by the next change, which says what is wrong.
        with suppress(LoRAError, OSError), self._shared.if_nobody_changes():
            sweep_stages(self._shared.root)
            self.trash.sweep()
            self.purge_expired()

    def _bring_up_to_date(
        self, names: Collection[str] = (), at: Collection[str] = (), *, everything: bool = False
    ) -> None:
        everything = self._shared.journal.recover() or everything
        self._shared.index.load()
        if everything or not self._look_at_these(names, at):
            self._shared.look_at_everything()

    def _look_at_these(self, names: Collection[str], at: Collection[str]) -> bool:
        """Look at the files of these LoRAs alone; False if that does not do."""
        index = self._shared.index
        if self._shared.catalog.revision() != index.seen_revision:
            return False  # another instance has changed something
        paths = set(at)
        for name in names:
            prepared = index.named(name)
            if prepared is None:
                return False
            paths.update(all_paths(prepared.entry, index.names))
        return self._shared.look_at(paths)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The locks held that keep other changes away."""
        with (
            self._one_at_a_time,
            self._shared.file_lock.waited_for(),
            self._shared.turn.for_change(),
        ):
            yield
