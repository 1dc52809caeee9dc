"""Shared index: what is known of the library, when to look again, and who is told.

All questions and all changes of one library share it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from wan_lora_studio.errors import LoRAError, LoRANotFoundError
from wan_lora_studio.lora.files import Hashes
from wan_lora_studio.lora.index import (
    Clock,
    LibraryIndex,
    Prepared,
    ScannedFile,
    ThumbnailCache,
    Walk,
    close_names,
    extra_folders,
)
from wan_lora_studio.lora.library.background import Background
from wan_lora_studio.lora.library.library_lock import LibraryLock
from wan_lora_studio.lora.library.moved_companions import Following
from wan_lora_studio.lora.library.refresh import Refreshing
from wan_lora_studio.lora.library.turn import Turn
from wan_lora_studio.lora.library.use_reports import UseReports
from wan_lora_studio.lora.storage import Catalog, Journal, bump_revision
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

THUMBNAIL_SECONDS = 0.3
LARGE = 1000  # files; a look at more of them is not waited for by a page
MANY_NEW = 64  # the same for files that have to be read


class SharedIndex:
    """The library at `settings.loras_dir`, which is created if it is not there.

    `lock` is held only while memory is read or changed; the `turn` by whoever brings memory up to
    date; the `file_lock` by one change of all processes.
    """

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        self.root = settings.loras_dir
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LoRAError(
                say("lora.library.not_created", reason=error.strerror or error),
                suggestions=[say("lora.library.set_loras_dir")],
            ) from error
        self.catalog = Catalog(self.root)
        self.index = LibraryIndex(settings, self.catalog, clock)
        self.lock = self.index.lock
        self.turn = Turn()
        self.file_lock = LibraryLock(self.root)
        extra = extra_folders(settings, writable=True)
        self.journal = Journal(self.root, self.catalog, extra)
        self.thumbnails = ThumbnailCache(self.root, self.catalog, settings.thumbnail_size)
        self.uses = UseReports()
        self.lacks_pictures = True
        self._background = Background(Refreshing(self.index, self.thumbnails, self))
        self._may_go_on = True

    @property
    def settings(self) -> Settings:
        """With the models that there are now."""
        return self.index.settings

    @property
    def refresh_progress(self) -> dict[str, Any] | None:
        """What goes on in the background: `stage`, `done` and `total`; None if nothing does."""
        return self._background.progress

    def begin_refresh(self) -> dict[str, Any] | None:
        """Look at the folder again without waiting where that takes long; the progress."""
        self._may_go_on = True
        self.index.load()
        with self.turn.for_look() as mine:
            if mine and not self._is_slow():
                self.look_in_turn(now=True)
                self._wake_for_rest()
                return self.refresh_progress
        self._background.wake()
        return self.refresh_progress or {"stage": "looking", "done": 0, "total": 0}

    def refresh(self) -> None:
        """Look at the folder and at the installed models again, now."""
        with self.turn.for_refresh():
            self.look_in_turn(now=True)

    def cancel_refresh(self) -> None:
        """Stop what goes on in the background, until `refresh` or the next change here."""
        self._may_go_on = False
        self._background.cancel()

    def finish_refresh(self, timeout: float | None = None) -> bool:
        """Wait for what goes on in the background; False if it takes longer than `timeout`."""
        return self._background.join(timeout)

    def look(self, *, now: bool = False) -> bool:
        """Be up to date; False if that has to wait for a change of another thread."""
        with self.turn.for_look() as mine:
            if mine:
                self.look_in_turn(now=now)
            return mine

    def look_in_turn(self, *, now: bool) -> None:
        """As `look`, by whoever has the turn."""
        self._may_go_on = self._may_go_on or now
        # Another instance on this folder raises the revision when it changes something.
        other = self._is_news_of_others
        changed = self.index.look(now=now or (other and not self.index.offline))
        self._looked(changed=changed, now=now)

    def look_at_everything(self) -> None:
        """Be up to date before a change; whoever calls has the turn."""
        self._looked(changed=self.index.look(now=True), now=False)

    def look_at(self, paths: Collection[str], *, again: bool = False) -> bool:
        """Look at these files and at what lies beside them; False if that does not do.

        Others are told by the change itself, unless it finds what somebody else has done.
        """
        found = self.index.look_at(paths, again=again)
        if found is None:
            return False
        if found.by_others:
            self.catalog.bump(self.index.seen_revision + 1)
        self.index.seen_revision = self.catalog.revision()
        self._picture(found.names, found.gone)
        return True

    def look_for_page(self) -> None:
        """Be up to date if that is quickly done; else see to it in the background. Where the
        catalogue cannot be written, what is found is listed all the same."""
        try:
            self._look_quickly()
        except LoRAError as error:
            if not self.catalog.go_on_without(error):
                raise
            self._look_quickly()

    def find(self, name: str) -> Prepared:
        """The LoRA of that name. Raises LoRANotFoundError, with names that are close."""
        for look in (self.look_for_page, self.look):
            look()
            with self.lock:
                found = self.index.named(name)
            if found is not None:
                return found
        names = list(self.index.entries)
        close = close_names(name, names)
        raise LoRANotFoundError(
            say("lora.library.unknown", name=repr(name)),
            suggestions=[say("lora.library.did_you_mean", name=repr(other)) for other in close],
            context={"name": name, "close": close},
        )

    def tell(self) -> None:
        """Let every page and process know that something shown is new."""
        with self.lock:
            self.catalog.bump()
            self.index.seen_revision = self.catalog.revision()

    @contextmanager
    def if_nobody_changes(self) -> Iterator[None]:
        """The file lock held, and nothing left unfinished. Raises OSError at once if somebody
        else changes something."""
        with self.file_lock.at_once():
            self.journal.recover()
            yield

    def publish(self, walk: Walk | None, found: Mapping[str, ScannedFile], generation: int) -> bool:
        """Take over what was found in the background since that generation of the index.

        False, and nothing changes, if something else has changed it since.
        """
        with self.turn.for_refresh():
            index = self.index
            if index.generation != generation:
                return False
            changed = index.differs(walk) or bool(found)
            if walk is not None and (changed or self._is_news_of_others):
                index.publish(walk, found)
            index.looked(walk)
            self._looked(changed=changed, now=False)
            return True

    def publish_hashes(self, hashes: Mapping[ScannedFile, Hashes]) -> None:
        """Take over hashes that were computed in the background."""
        if not hashes:
            return
        with self.turn.for_refresh():
            self.index.take_hashes(hashes)
            self._looked(changed=True, now=False)

    @property
    def _is_news_of_others(self) -> bool:
        return self.catalog.revision() != self.index.seen_revision

    def _is_slow(self) -> bool:
        """Whether a look takes longer than anybody wants to wait for a page."""
        return len(self.index.files) > LARGE or self.index.pending_count() > MANY_NEW

    def _wake_for_rest(self) -> None:
        """What need not be waited for goes on in the background."""
        if self.lacks_pictures and len(self.index.entries) <= LARGE:
            self._make_some_pictures()
        if self._may_go_on and (self.lacks_pictures or self.index.unhashed()):
            self._background.wake()

    def _looked(self, *, changed: bool, now: bool) -> None:
        if self.index.offline:
            # The counter is out of reach; what the page sees still has to grow once.
            self.index.seen_revision += 1 if changed else 0
            return
        if self.index.moved:
            self._follow()
        if changed or now:
            self.catalog.bump(self.index.seen_revision + 1)
            self.lacks_pictures = True
            if len(self.index.entries) <= LARGE:
                self._make_some_pictures()
        self.index.seen_revision = self.catalog.revision()

    def _follow(self) -> None:
        """Bring what the app wrote beside a LoRA to where another program has moved it.

        If that cannot be done now, the next look tries again; the edits are in the catalogue.
        """
        with suppress(LoRAError, OSError), self.if_nobody_changes():
            following = Following(self.root, self.index, self.catalog.edits())
            moves = following.moves(self.index.moved)
            if moves:
                self.journal.carry_out(moves, bump_revision)
                self.index.look(now=True)
            self.index.moved.clear()

    def _make_some_pictures(self) -> None:
        """Make thumbnails for a moment; the others are made in the background."""
        entries = self.index.entries
        with suppress(LoRAError):
            if self.thumbnails.make_missing(entries.values(), THUMBNAIL_SECONDS):
                self.lacks_pictures = False
                self.thumbnails.sweep(entries.keys())

    def _picture(self, names: Collection[str], gone: Iterable[str]) -> None:
        """Make the thumbnails of a few LoRAs, and remove those of others that are gone; in a
        large library they are made when they are asked for."""
        entries = self.index.entries
        some = [entries[name] for name in names if name in entries]
        with suppress(LoRAError, OSError):
            self.thumbnails.forget(gone)
            if len(entries) <= LARGE and not self.thumbnails.make_missing(some, THUMBNAIL_SECONDS):
                self.lacks_pictures = True

    def _look_quickly(self) -> None:
        if self.turn.is_for_my_change:
            return  # which looks at what it needs
        index = self.index
        if index.load() and len(index.files) > LARGE:
            index.seen_revision = self.catalog.revision()
        if self._background.is_running:
            return
        if not index.is_due and not self._is_news_of_others:
            return
        with self.turn.for_look() as mine:
            if mine and not self._is_slow():
                self.look_in_turn(now=False)
                self._wake_for_rest()
            elif mine and self._may_go_on:
                self._background.wake()
