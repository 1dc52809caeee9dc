"""Asking the LoRA library: records, files, verdicts, estimates, thumbnails.

Names are record names, never paths. All methods may be called from any thread.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.errors import LoRAError, LoRANotFoundError
from backend.lora.catalog import Catalog
from backend.lora.compatibility import Compatibility
from backend.lora.contents import Contents
from backend.lora.estimates import estimate
from backend.lora.info import LoRAInfo
from backend.lora.records import Prepared, record_of
from backend.lora.showing import display_data, info_summary
from backend.lora.thumbnails import make_thumbnail
from backend.settings import Settings

THUMBNAIL_SECONDS = 1.0


class LibraryReader:
    """The library at `settings.loras_dir`, which is created if it is not there."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.loras_dir
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LoRAError(
                f"The LoRA folder cannot be created: {error.strerror or error}.",
                suggestions=["Set loras_dir in config.json to a folder that can be written."],
            ) from error
        self._lock = threading.RLock()
        self._catalog = Catalog(self.root)
        self._contents = Contents(settings, self._catalog)
        self._applied: dict[str, float] = {}
        self._seen_revision = -1

    def list_available_loras(self) -> dict[str, dict[str, Any]]:
        """Every record by name, broken ones with their `status` and its reason."""
        with self._lock:
            self._look()
            usage = {} if self._contents.offline else self._catalog.usage()
            edits = {} if self._contents.offline else self._catalog.edits()
            return {
                name: record_of(
                    prepared,
                    usage.get(prepared.entry.first.path),
                    self._applied,
                    edits.get(prepared.entry.first.path, {}),
                    missing=self._contents.offline,
                )
                for name, prepared in self._contents.entries.items()
            }

    def record(self, name: str) -> dict[str, Any]:
        """One record. Raises LoRANotFoundError, with names that are close."""
        self._find(name)
        return self.list_available_loras()[name]

    def files(self, name: str) -> dict[str, Path]:
        """Absolute paths by role: `both`, or `high` and/or `low`."""
        files = self._find(name).entry.files
        return {role: self.root / file.path for role, file in files.items()}

    def info(self, name: str) -> dict[str, LoRAInfo]:
        """What each file is, by role. Raises the file's own error if it is broken."""
        found = {}
        for role, file in self._find(name).entry.files.items():
            if file.info is None:
                assert file.error is not None
                raise type(file.error)(
                    file.error.message,
                    suggestions=file.error.suggestions,
                    context=file.error.context,
                )
            found[role] = file.info
        return found

    def sha256(self, name: str) -> dict[str, str]:
        """The SHA256 of each file, by role; computed on first use, then remembered."""
        found = {}
        for role, file in self._find(name).entry.files.items():
            hashed = self._contents.hashed(file)
            if not file.sha256 and hashed.sha256:
                with self._lock:
                    self._contents.look(now=True)
            found[role] = hashed.sha256 or ""
        return found

    def get_lora_metadata(self, name: str) -> dict[str, Any]:
        """The record, with what each file holds: header texts, layers, ignored and unknown."""
        sha256s = self.sha256(name)
        record = self.record(name)
        prepared = self._find(name)
        return {
            **record,
            **record["metadata"],
            "sha256": next(iter(sha256s.values())),
            "sha256s": sha256s,
            "contents": {
                role: info_summary(file.info)
                for role, file in prepared.entry.files.items()
                if file.info
            },
            "header": {
                role: asdict(file.info.description)
                for role, file in prepared.entry.files.items()
                if file.info
            },
        }

    def explain_compatibility(self, name: str, model_type: str) -> Compatibility:
        """Verdict, reasons and coverage for a model. Raises SettingsError for an unknown one."""
        self.settings.model(model_type)
        return self._find(name).verdicts[model_type]

    def validate_lora_compatibility(self, name: str, model_type: str) -> bool:
        """Whether the LoRA can be used with the model."""
        return self.explain_compatibility(name, model_type).compatible

    def estimate_memory_impact(
        self, names: Iterable[str], model_type: str | None = None
    ) -> dict[str, float]:
        """What these LoRAs add together: see `estimates.estimate` for the keys and units."""
        chosen = model_type or self.settings.default_model
        experts = self.settings.model(chosen).experts
        infos = [self.info(name) for name in names]
        with self._lock:
            return estimate(infos, experts, self._contents.architectures.get(chosen))

    def get_ui_display_data(self) -> dict[str, Any]:
        """Everything a page shows, JSON-ready: revision, loras with verdicts, recent, models."""
        with self._lock:
            revision = self.revision
            return display_data(
                self.settings,
                revision=revision,
                records=self.list_available_loras(),
                verdicts={name: item.verdicts for name, item in self._contents.entries.items()},
                recent=self.recent(self.settings.recent_loras),
                installed={
                    name: value is not None for name, value in self._contents.architectures.items()
                },
            )

    @property
    def revision(self) -> int:
        """A number that grows with every change, also one made by another program."""
        with self._lock:
            self._look()
            return self._seen_revision

    def recent(self, limit: int) -> list[str]:
        """Names of the LoRAs used last that are still there and usable, the newest first."""
        records = self.list_available_loras().values()
        used = [record for record in records if record["last_used"] and record["status"] == "ok"]
        used.sort(key=lambda record: str(record["last_used"]), reverse=True)
        return [record["name"] for record in used[:limit]]

    def last_strength(self, name: str) -> Any | None:
        """The strength of the last use, in the form of a selection; None if never used."""
        return self.record(name)["last_strength"]

    def thumbnail_file(self, name: str) -> Path:
        """The thumbnail's file, made now if it is missing or out of date."""
        prepared = self._find(name)
        target = self.root / prepared.thumbnail_path
        if self._catalog.thumbnails().get(name) == prepared.thumbnail_version and target.is_file():
            return target
        first = prepared.entry.first
        try:
            make_thumbnail(
                target,
                name,
                self.root / first.path if first.info else None,
                [self.root / path for path in prepared.previews],
                self.settings.thumbnail_size,
            )
        except OSError as error:
            raise LoRAError(
                f"The thumbnail of {name} cannot be written: {error.strerror or error}.",
                suggestions=["Check that the LoRA folder is writable and its disk is not full."],
            ) from error
        self._catalog.save_thumbnail(name, prepared.thumbnail_version)
        return target

    def _look(self, *, now: bool = False) -> None:
        # Another instance on this folder raises the revision when it changes something.
        other = self._catalog.revision() != self._seen_revision
        changed = self._contents.look(now=now or (other and not self._contents.offline))
        if self._contents.offline:
            # The counter is out of reach; what the page sees still has to grow once.
            self._seen_revision += 1 if changed else 0
            return
        if changed or now:
            self._catalog.bump(self._seen_revision + 1)
            self._make_missing_thumbnails()
        self._seen_revision = self._catalog.revision()

    def _make_missing_thumbnails(self) -> None:
        """Make as many as a short while allows; the others are made when asked for."""
        versions, deadline = self._catalog.thumbnails(), time.monotonic() + THUMBNAIL_SECONDS
        for name, prepared in self._contents.entries.items():
            if time.monotonic() > deadline:
                return
            if versions.get(name) != prepared.thumbnail_version:
                try:
                    self.thumbnail_file(name)
                except LoRAError:
                    return  # a folder that cannot be written: asking for the thumbnail says so

    def _find(self, name: str) -> Prepared:
        with self._lock:
            self._look()
            found = self._contents.entries.get(name)
            if found is not None:
                return found
            names = list(self._contents.entries)
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        raise LoRANotFoundError(
            f"There is no LoRA named {name!r} in the library.",
            suggestions=[f"Did you mean {other!r}?" for other in close],
            context={"name": name, "close": close},
        )
