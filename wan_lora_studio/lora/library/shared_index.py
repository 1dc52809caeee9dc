"""The library as it is kept in view: what is known, and when to look at the folder again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
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
)
from wan_lora_studio.lora.library.background import Background
from wan_lora_studio.lora.library.refresh import Refreshing
from wan_lora_studio.lora.library.turn import Turn
from wan_lora_studio.lora.storage import Catalog
from wan_lora_studio.settings import Settings

THUMBNAIL_SECONDS = 0.3
LARGE = 1000  # files; a look at more of them is not waited for by a page
MANY_NEW = 64  # the same for files that have to be read


class LibraryView:
    """State and looking; what is asked for is in `LibraryReader`."""

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        self.settings = settings
        self.root = settings.loras_dir
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LoRAError(
                f"The LoRA folder cannot be created: {error.strerror or error}.",
                suggestions=["Set loras_dir in config.json to a folder that can be written."],
            ) from error
        self._catalog = Catalog(self.root)
        self._contents = LibraryIndex(settings, self._catalog, clock)
        self._lock = self._contents.lock  # held only while memory is read or changed
        self._turn = Turn()
        self._pictures = ThumbnailCache(self.root, self._catalog, settings.thumbnail_size)
        self._applied: dict[str, float] = {}
        self._worker: Callable[[], Mapping[str, Any]] = dict
        # What this process applies, each use by a key of its own; as `follow_worker` takes it.
        self._here: dict[int, Callable[[], Mapping[str, Any]]] = {}
        self._background = Background(Refreshing(self._contents, self._pictures, self))
        self._may_go_on = True
        self.lacks_pictures = True

    @property
    def refresh_progress(self) -> dict[str, Any] | None:
        """What goes on in the background: `stage`, `done` and `total`; None if nothing does."""
        return self._background.progress

    def begin_refresh(self) -> dict[str, Any] | None:
        """Look at the folder again without waiting where that takes long.

        Returns what goes on in the background, as `refresh_progress`; None if all is done.
        """
        self._may_go_on = True
        self._contents.load()
        with self._turn.for_look() as mine:
            if mine and not self._is_slow():
                self._look_in_turn(now=True)
                self._wake_for_rest()
                return self.refresh_progress
        self._background.wake()
        return self.refresh_progress or {"stage": "looking", "done": 0, "total": 0}

    def _is_slow(self) -> bool:
        """Whether a look takes longer than anybody wants to wait for a page."""
        return len(self._contents.files) > LARGE or self._contents.pending_count() > MANY_NEW

    def _wake_for_rest(self) -> None:
        """What need not be waited for goes on in the background."""
        if self.lacks_pictures and len(self._contents.entries) <= LARGE:
            self._make_some_pictures()
        if self._may_go_on and (self.lacks_pictures or self._contents.unhashed()):
            self._background.wake()

    def cancel_refresh(self) -> None:
        """Stop what goes on in the background; what was found until now is kept.

        The rest waits for `refresh`, or for the next change that is made here.
        """
        self._may_go_on = False
        self._background.cancel()

    def finish_refresh(self, timeout: float | None = None) -> bool:
        """Wait for what goes on in the background; False if it takes longer than `timeout`."""
        return self._background.join(timeout)

    def _look(self, *, now: bool = False) -> bool:
        """Be up to date; False if that has to wait for a change of another thread."""
        with self._turn.for_look() as mine:
            if mine:
                self._look_in_turn(now=now)
            return mine

    def _look_in_turn(self, *, now: bool) -> None:
        self._may_go_on = self._may_go_on or now
        # Another instance on this folder raises the revision when it changes something.
        other = self._catalog.revision() != self._contents.seen_revision
        changed = self._contents.look(now=now or (other and not self._contents.offline))
        self._looked(changed=changed, now=now)

    def _looked(self, *, changed: bool, now: bool) -> None:
        if self._contents.offline:
            # The counter is out of reach; what the page sees still has to grow once.
            self._contents.seen_revision += 1 if changed else 0
            return
        if changed or now:
            self._catalog.bump(self._contents.seen_revision + 1)
            self.lacks_pictures = True
            if len(self._contents.entries) <= LARGE:
                self._make_some_pictures()
        self._contents.seen_revision = self._catalog.revision()

    def _make_some_pictures(self) -> None:
        """Make thumbnails for a moment; the others are made in the background."""
        entries = self._contents.entries
        with suppress(LoRAError):
            if self._pictures.make_missing(entries.values(), THUMBNAIL_SECONDS):
                self.lacks_pictures = False
                self._pictures.sweep(entries.keys())

    def _picture(self, names: Collection[str], gone: Iterable[str]) -> None:
        """Make the thumbnails of a few LoRAs, and remove those of others that are gone; in a
        large library they are made when they are asked for."""
        entries = self._contents.entries
        some = [entries[name] for name in names if name in entries]
        with suppress(LoRAError, OSError):
            self._pictures.forget(gone)
            if len(entries) <= LARGE and not self._pictures.make_missing(some, THUMBNAIL_SECONDS):
                self.lacks_pictures = True

    def publish(self, walk: Walk | None, found: Mapping[str, ScannedFile], generation: int) -> bool:
        """Take over what was found in the background since that generation of the contents.

        False, and nothing changes, if something else has changed the contents since.
        """
        with self._turn.for_refresh():
            contents = self._contents
            if contents.generation != generation:
                return False
            changed = contents.differs(walk) or bool(found)
            other = self._catalog.revision() != self._contents.seen_revision
            if walk is not None and (changed or other):
                contents.publish(walk, found)
            contents.looked(walk)
            self._looked(changed=changed, now=False)
            return True

    def publish_hashes(self, hashes: Mapping[ScannedFile, Hashes]) -> None:
        """Take over hashes that were computed in the background."""
        if not hashes:
            return
        with self._turn.for_refresh():
            self._contents.take_hashes(hashes)
            self._looked(changed=True, now=False)

    def _look_for_page(self) -> None:
        """Be up to date if that is quickly done; else see to it in the background. Where the
        catalogue cannot be written, what is found is listed all the same."""
        try:
            self._look_quickly()
        except LoRAError as error:
            if not self._catalog.go_on_without(error):
                raise
            self._look_quickly()

    def _look_quickly(self) -> None:
        if self._turn.is_for_my_change:
            return  # which looks at what it needs
        contents = self._contents
        if contents.load() and len(contents.files) > LARGE:
            self._contents.seen_revision = self._catalog.revision()
        if self._background.is_running:
            return
        if not contents.is_due and self._catalog.revision() == self._contents.seen_revision:
            return
        with self._turn.for_look() as mine:
            if mine and not self._is_slow():
                self._look_in_turn(now=False)
                self._wake_for_rest()
            elif mine and self._may_go_on:
                self._background.wake()

    def _find(self, name: str) -> Prepared:
        for look in (self._look_for_page, self._look):
            look()
            with self._lock:
                found = self._contents.named(name)
            if found is not None:
                return found
        names = list(self._contents.entries)
        close = close_names(name, names)
        raise LoRANotFoundError(
            f"There is no LoRA named {name!r} in the library.",
            suggestions=[f"Did you mean {other!r}?" for other in close],
            context={"name": name, "close": close},
        )
