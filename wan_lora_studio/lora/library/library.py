"""The LoRA library: everything that people and programs ask of it, and every change to it.

Each change keeps others away, those of other processes by a lock file, and either happens
completely or leaves everything as it was. Asking does not wait for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.index import Clock, GivenModel, Meant, Pins, ScannedFile
from wan_lora_studio.lora.inspection import BlockCoverage, Compatibility, LoRAInfo
from wan_lora_studio.lora.library.adding import add_sidecar, adopt, place
from wan_lora_studio.lora.library.annotations import (
    edit_metadata,
    pair_loras,
    record_use,
    set_role,
    split_pair,
)
from wan_lora_studio.lora.library.change import name_at
from wan_lora_studio.lora.library.changes import Changes
from wan_lora_studio.lora.library.custom_preview import clear_preview, set_preview
from wan_lora_studio.lora.library.estimates import Estimate, Estimates
from wan_lora_studio.lora.library.folders import create_folder, folder_like
from wan_lora_studio.lora.library.lookup import CurrentLookup, Lookup, State
from wan_lora_studio.lora.library.moving import move_lora
from wan_lora_studio.lora.library.pinned import PinnedLookup
from wan_lora_studio.lora.library.prompt_loras import PromptSelection
from wan_lora_studio.lora.library.queries import Queries
from wan_lora_studio.lora.library.removing import Several, delete_loras, empty_trash, undo_deletes
from wan_lora_studio.lora.library.renaming import rename_lora
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.lora.library.use_reports import Report
from wan_lora_studio.lora.names import name_key
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage import Measured, StagedFile, StagedSidecar, stage_file
from wan_lora_studio.settings import Settings


@dataclass(frozen=True)
class LibraryParts:
    """What a library is made of, and a view of it shares: all but what a name means."""

    shared: SharedIndex
    changes: Changes
    lookup: Lookup

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> Self:
        """Raises LoRAError if the folder cannot be made."""
        shared = SharedIndex(settings, clock)
        return cls(shared, Changes(shared), CurrentLookup(shared))

    def pinned(self, pins: Pins) -> Self:
        """The same, where each of these names means its pinned files."""
        return replace(self, lookup=PinnedLookup(self.shared, CurrentLookup(self.shared), pins))


class LoRALibrary:
    """The library at `settings.loras_dir`, which is created if it is not there.

    Names are record names, never paths. All methods may be called from any thread.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock = time.monotonic,
        *,
        parts: LibraryParts | None = None,
    ) -> None:
        """`clock` says when it is time to look at the folder again. `parts` are those of another
        library object, for a view of it."""
        self._parts = parts or LibraryParts.of(settings, clock)
        self._shared, self._changes = self._parts.shared, self._parts.changes
        self._lookup = self._parts.lookup
        self._queries = Queries(self._shared, self._lookup)
        self._estimates = Estimates(self._shared, self._lookup)
        self.root = settings.loras_dir

    @property
    def settings(self) -> Settings:
        """With the models that there are now: those of the settings, or the one that was given."""
        return self._shared.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._shared.index.judge.take_settings(settings)

    # Looking at the folder

    @property
    def refresh_progress(self) -> dict[str, Any] | None:
        """What goes on in the background: `stage`, `done` and `total`; None if nothing does."""
        return self._shared.refresh_progress

    def refresh(self) -> None:
        """Look at the folder and at the installed models again, now."""
        self._shared.refresh()

    def begin_refresh(self) -> dict[str, Any] | None:
        """Look at the folder again without waiting where that takes long.

        Returns what goes on in the background, as `refresh_progress`; None if all is done.
        """
        return self._shared.begin_refresh()

    def cancel_refresh(self) -> None:
        """Stop what goes on in the background; what was found until now is kept.

        The rest waits for `refresh`, or for the next change that is made here.
        """
        self._shared.cancel_refresh()

    def finish_refresh(self, timeout: float | None = None) -> bool:
        """Wait for what goes on in the background; False if it takes longer than `timeout`."""
        return self._shared.finish_refresh(timeout)

    # Asking for one LoRA

    def record(self, name: str) -> dict[str, Any]:
        """One record. Raises LoRANotFoundError, with names that are close."""
        return self._lookup.record(name)

    def files(self, name: str) -> dict[str, Path]:
        """Absolute paths by role: `both`, or `high` and/or `low`."""
        return self._lookup.files(name)

    def scanned(self, name: str) -> dict[str, ScannedFile]:
        """The files by role, as they were when they were looked at last."""
        return dict(self._shared.find(name).entry.files)

    def info(self, name: str) -> dict[str, LoRAInfo]:
        """What each file is, by role. Raises the file's own error if it is broken."""
        return self._lookup.info(name)

    def sha256(self, name: str) -> dict[str, str]:
        """The SHA256 of each file, by role; computed on first use, then remembered."""
        return self._lookup.sha256(name)

    def get_lora_metadata(self, name: str) -> dict[str, Any]:
        """The record, with what each file holds: header texts, layers, ignored and unknown."""
        return self._queries.metadata(name)

    def explain_compatibility(self, name: str, model_type: str) -> Compatibility:
        """Verdict, reasons and coverage for a model. Raises SettingsError for an unknown one."""
        return self._lookup.explain_compatibility(name, model_type)

    def validate_lora_compatibility(self, name: str, model_type: str) -> bool:
        """Whether the LoRA can be used with the model."""
        return self.explain_compatibility(name, model_type).compatible

    def block_coverage(self, name: str, model_type: str) -> dict[str, list[BlockCoverage]]:
        """By expert, what of each block of the model the LoRA changes; {} if it cannot be said.

        Raises as `info` does, and SettingsError for an unknown model.
        """
        return self._queries.block_coverage(name, model_type)

    def last_strength(self, name: str) -> Any | None:
        """The strength of the last use, in the form of a selection; None if never used."""
        return self._queries.last_strength(name)

    def usual_strength(self, name: str) -> Any:
        """What a LoRA begins with: its last strength, else its preferred one, else the default."""
        return self._queries.usual_strength(name)

    def thumbnail_file(self, name: str) -> Path:
        """The thumbnail's file, made now if it is missing or out of date."""
        return self._queries.thumbnail_file(name)

    def without_picture(self, model_type: str) -> list[str]:
        """The names of LoRAs that the model can use and whose card has only initials.

        Raises SettingsError for an unknown model.
        """
        return self._queries.without_picture(model_type)

    def preview_video(self, name: str) -> Path | None:
        """The video beside the LoRA that shows what it does, if there is one."""
        return self._queries.preview_video(name)

    def name_at(self, path: str) -> str:
        """The name of the LoRA that has the file at `path`, relative to the library."""
        with self._shared.lock:
            return name_at(self._shared.index, path)

    # Asking for many

    def list_available_loras(self) -> dict[str, dict[str, Any]]:
        """Every record by name, broken ones with their `status` and its reason."""
        return self._queries.records()

    def find_loras(self, text: str = "", *, offset: int = 0, limit: int = 60) -> dict[str, Any]:
        """One page of the records that match: `total`, `names` and `loras` (the records).

        Every word of `text` has to be in one of `search.FIELDS`, without regard to case and
        width, or begin a hash. A word that no LoRA has stands for the nearest that some have.
        `search_language` has the rest: "phrases", `-word`, `tag:`, `fits:`, `hash:`.

        Served from what is known: in a large library a look at the folder goes on in the
        background.
        """
        return self._queries.page(text, offset, limit)

    def get_ui_display_data(self) -> dict[str, Any]:
        """Everything a page shows, JSON-ready: revision, loras with verdicts, recent, models.

        `refresh_progress` is null, or what goes on in the background: `stage`, `done`, `total`.
        """
        return self._queries.display_data()

    def changes_since(self, known: Mapping[str, State]) -> tuple[dict[str, Any], dict[str, State]]:
        """As `get_ui_display_data`, with those `loras` alone of which `known`, the states that
        the last call gave, has another one or none; and the states of all, by name."""
        return self._queries.changes_since(known)

    @property
    def shown_version(self) -> str:
        """Changes whenever `get_ui_display_data` does, but for how far a refresh has come."""
        return self._queries.shown_version()

    @property
    def revision(self) -> int:
        """A number that grows with every change, also one made by another program."""
        return self._queries.revision()

    def recent(self, limit: int) -> list[str]:
        """Names of the LoRAs used last that are still there and usable, the newest first."""
        return self._queries.recent(limit)

    def find_duplicates(self) -> list[list[str]]:
        """Names of LoRAs that hold the same file. Files not hashed yet are left out."""
        return self._queries.duplicates()

    def meant(self, text: str) -> Meant | None:
        """The LoRA that a person or another program calls `text`; None if that is not clear."""
        return self._queries.meant(text)

    def loras_in_prompt(self, prompt: str) -> PromptSelection:
        """The LoRAs that a prompt names, such as `<lora:style:0.8>`, and the prompt without."""
        return self._queries.in_prompt(prompt)

    # What LoRAs cost

    def estimate_memory_impact(
        self, names: Iterable[str], model_type: str | None = None
    ) -> dict[str, float]:
        """What these LoRAs add together, with the error of such estimates so far.

        `gpu_mb`, `host_mb`, `total_mb` (both) and `load_seconds` are for the mode in which they
        will probably be applied; `merge_…` and `runtime_…` for each. `file_mb`: their tensors.
        `load_error` and `memory_error` are relative, the median over `loads_seen` real loads;
        `runtime_expected` is 1 or 0. Raises LoRANotFoundError, or a file's own error.
        """
        return self._estimates.numbers(names, model_type)

    def estimate(self, names: Iterable[str], model_type: str | None = None) -> Estimate:
        """The same as a value. Raises as `estimate_memory_impact`."""
        return self._estimates.estimate(names, model_type)

    def record_load(self, names: Iterable[str], model_type: str, measured: Measured) -> None:
        """Remember what a use of these LoRAs really cost. Raises as `estimate` does."""
        self._estimates.learn(names, model_type, measured)

    def loads_seen(self) -> list[dict[str, Any]]:
        """What was measured so far, the newest first: shown and real, for a diagnosis."""
        return [vars(load) for load in self._estimates.experience().loads]

    # Adding

    def upload_lora_file(self, file_path: str | Path, filename: str) -> dict[str, Any]:
        """Copy a file into the library under the given name; returns its record.

        Raises UploadError, LoRAFileError or UnsupportedLoRAError; then nothing has changed.
        """
        staged = stage_file(self.settings, Path(file_path), filename)
        try:
            return self.adopt(staged)
        finally:
            staged.abort()  # after a success the stage has moved, so this does nothing

    def adopt(
        self, staged: StagedFile, folder: str = "", sidecars: Sequence[StagedSidecar] = ()
    ) -> dict[str, Any]:
        """Place a validated stage, as `place`; returns the record it belongs to."""
        return adopt(self._changes, staged, sidecars, folder)

    def place(
        self, staged: StagedFile, sidecars: Sequence[StagedSidecar] = (), folder: str = ""
    ) -> str:
        """Place a validated stage with the files that go beside it; returns its path.

        Raises UploadError if its content or its name is there already; the stages then stay.
        """
        return place(self._changes, staged, sidecars, folder)

    def add_sidecar(self, name: str, staged: StagedSidecar) -> dict[str, Any]:
        """Place a file beside a LoRA (the first of a pair), under its name; returns its record.

        Raises LoRANotFoundError, or LoRAError if it is there already; the stage then stays.
        """
        return add_sidecar(self._changes, name, staged)

    # Names and folders

    def rename_lora_file(self, old_name: str, new_name: str) -> bool:
        """Rename all files of the LoRA; halves of a pair keep their role words. All or none.

        Raises LoRANotFoundError, or LoRAError for a name that is taken or not allowed.
        """
        rename_lora(self._changes, old_name, new_name)
        return True

    def move_lora_file(self, name: str, folder: str) -> dict[str, Any]:
        """Move all files of the LoRA into a folder that is there ("" is the top); the record.

        A name that was taken from the folder, or told two apart, may change with it. Raises
        LoRANotFoundError, or LoRAError if the folder is not there or holds such files already.
        """
        return move_lora(self._changes, name, folder)

    def list_folders(self) -> list[str]:
        """The library's own folders, empty ones too, with forward slashes."""
        return self._queries.folders()

    def create_folder(self, folder: str) -> str:
        """Make a folder, with those above it; returns its path in the library.

        Raises LoRAError for one that is there already, or whose name is not allowed.
        """
        return create_folder(self._changes, folder)

    def folder_like(self, folder: str) -> str:
        """A folder's path as it can be in the library: with the spelling of folders that are
        there, and names that every system takes. Raises LoRAError if it is too deep."""
        return folder_like(self.root, folder)

    def folder_names(self) -> set[str]:
        """The names in the library's top folder, casefolded."""
        return {name_key(entry.name) for entry in os.scandir(self.root)}

    # Deleting and bringing back

    def delete_lora_file(self, name: str) -> bool:
        """Move all files of the LoRA into the trash. `undo_delete` brings them back."""
        self.delete_loras([name]).require_all()
        return True

    def delete_loras(self, names: Sequence[str]) -> Several:
        """Move the files of these LoRAs into the trash, all in one change.

        One that is not there, or cannot be moved, stops no other. What was deleted comes back by
        `undo_deletes` with the `token` of what is returned.
        """
        return delete_loras(self._changes, names)

    def undo_delete(self, name: str, entry_id: str | None = None) -> bool:
        """Restore the newest deletion of that name; never over a file that is there now.

        `entry_id` chooses another one, by its `id` in `list_trash`.
        """
        self.undo_deletes([name], entry_id).require_all()
        return True

    def undo_deletes(self, names: Sequence[str], token: str | None = None) -> Several:
        """Restore deletions of these names, all in one change: the newest of each, or those of
        that token or id. One that cannot be restored stops no other."""
        return undo_deletes(self._changes, names, token)

    def list_trash(self) -> list[dict[str, Any]]:
        """What `undo_delete` can bring back, the newest first: `id`, `name`, `files`,
        `deleted` (ISO 8601, UTC), `size_mb`."""
        return [entry.to_plain() for entry in self._changes.trash.listing.all()]

    def empty_trash(self) -> int:
        """Delete for good everything that is in the trash; returns how many LoRAs that were."""
        return empty_trash(self._changes)

    # What people and runs add to a LoRA

    def edit_lora_metadata(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Save what the user says about a LoRA; returns its record.

        `changes` maps a field of `annotation_fields.FIELDS` to its value, or to None to take the
        edit back. Raises LoRANotFoundError or LoRAError; nothing is then changed.
        """
        return edit_metadata(self._changes, name, changes)

    def set_role(self, name: str, role: Role | None) -> None:
        """Overrule which expert a single file is for: both, high, low; None: the evidence."""
        set_role(self._changes, name, role)

    def pair_loras(self, high_name: str, low_name: str) -> dict[str, Any]:
        """Make one LoRA of two files, whatever their names say; returns its record.

        Raises LoRANotFoundError, or LoRAError if one of them is a pair already, cannot be read,
        or is for the other expert by its keys.
        """
        return pair_loras(self._changes, high_name, low_name)

    def split_pair(self, name: str) -> list[str]:
        """Make two LoRAs of a pair; returns their names, high noise first.

        They are not paired again until `pair_loras` says so.
        """
        return split_pair(self._changes, name)

    def set_thumbnail(
        self, name: str, source: str | Path, clip: str | Path | None = None
    ) -> dict[str, Any]:
        """Take a picture, or a video's first frame, as the LoRA's picture; returns its record.

        `clip` is an MP4 that is kept as well: it plays on the card, and its details show it as an
        example. What both take the place of goes to the trash. Both may have any name; they are
        only read. Raises LoRANotFoundError, or LoRAError if one cannot be read as one of these,
        or nothing may be written beside the LoRA.
        """
        moving = None if clip is None else Path(clip)
        return set_preview(self._changes, name, Path(source), moving)

    def clear_thumbnail(self, name: str) -> bool:
        """Take back the picture and the clip that `set_thumbnail` wrote; False if there is none.

        Raises LoRANotFoundError, or LoRAError if it cannot be removed.
        """
        return clear_preview(self._changes, name)

    def record_use(
        self, names_with_strengths: Mapping[str, Any], video: Path | None = None
    ) -> None:
        """Count one use of each LoRA at its strength. Names that are gone are passed over.

        `video` is what came of it, from which a LoRA without any picture takes its own.
        """
        record_use(self._shared, names_with_strengths, video)

    # Which model there is

    def use_model(self, given: GivenModel | None) -> bool:
        """Judge for this model alone from now on; with None for those of the settings again.

        False if that is so already. Raises SettingsError for a model that is not known.
        """
        with self._shared.lock:
            if not self._shared.index.judge.give(given):
                return False
        with suppress(LoRAError):  # `shown_version` changes all the same
            self._shared.catalog.bump()
        return True

    # What is applied now

    def set_status(self, applied: Mapping[str, float]) -> None:
        """Say which LoRAs are applied, and how strongly, where no worker is followed."""
        if self._shared.uses.say(applied):
            self._shared.tell()

    def follow_worker(self, loras: Callable[[], Mapping[str, Any]]) -> None:
        """Take what records tell of loading and applying from `loras`, asked each time: by name,
        `{"state": "applied" or another, "strength": strength}`."""
        self._shared.uses.follow(loras)

    def reporting(self, report: Report) -> AbstractContextManager[None]:
        """Inside, records tell what `report` says too, as that of `follow_worker`."""
        return self._shared.uses.of(report)
