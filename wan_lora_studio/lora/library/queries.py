"""Asking the LoRA library: records, files, verdicts, thumbnails.

Names are record names, never paths. All methods may be called from any thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.index import (
    Meant,
    Prepared,
    ScannedFile,
    display_data,
    held_of,
    info_summary,
    meant_by,
    record_of,
    search_records,
)
from wan_lora_studio.lora.inspection import (
    BlockCoverage,
    Compatibility,
    LoRAInfo,
    coverage_by_block,
)
from wan_lora_studio.lora.library.prompt_loras import PromptSelection, select
from wan_lora_studio.lora.library.view import LibraryView
from wan_lora_studio.media import is_media

MANY = 500  # records for which the whole tables are read


class LibraryReader(LibraryView):
    """The library at `settings.loras_dir`, which is created if it is not there."""

    def list_available_loras(self) -> dict[str, dict[str, Any]]:
        """Every record by name, broken ones with their `status` and its reason."""
        self._look()
        with self._lock:
            return self._records(self._contents.entries)

    def record(self, name: str) -> dict[str, Any]:
        """One record. Raises LoRANotFoundError, with names that are close."""
        while True:
            name = self._find(name).entry.name
            with self._lock:
                if name in self._contents.entries:
                    return self._records([name])[name]

    def _records(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        contents, usage, edits, wanted = self._contents, {}, {}, list(names)
        if not contents.offline:
            some = len(wanted) <= MANY
            paths = [contents.entries[n].entry.first.path for n in wanted] if some else None
            usage, edits = self._catalog.usage(paths), self._catalog.edits(paths)
        held = held_of(self._applied, self._said())

        def record(prepared: Prepared) -> dict[str, Any]:
            path = prepared.entry.first.path
            return record_of(prepared, usage.get(path), held, edits.get(path, {}))

        return contents.each(wanted, record)

    def _said(self) -> dict[str, Any]:
        """What the worker, and this process itself, say of LoRAs."""
        said = dict(self._worker())
        for here in list(self._here.values()):
            said |= here()
        return said

    def find_loras(self, text: str = "", *, offset: int = 0, limit: int = 60) -> dict[str, Any]:
        """One page of the records that match: `total`, `names` and `loras` (the records).

        Every word of `text` has to be in one of `search.FIELDS`, without regard to case and
        width, or begin a hash. Served from what is known: in a large library a look at
        the folder goes on in the background.
        """
        self._look_for_page()
        with self._lock:
            contents = self._contents
            names = (
                search_records(contents.index(), text) if text.strip() else list(contents.entries)
            )
            some = names[offset : offset + limit]
            return {"total": len(names), "names": some, "loras": self._records(some)}

    def files(self, name: str) -> dict[str, Path]:
        """Absolute paths by role: `both`, or `high` and/or `low`."""
        files = self._find(name).entry.files
        return {role: self.root / file.path for role, file in files.items()}

    def scanned(self, name: str) -> dict[str, ScannedFile]:
        """The files by role, as they were when they were looked at last."""
        return dict(self._find(name).entry.files)

    def info(self, name: str) -> dict[str, LoRAInfo]:
        """What each file is, by role. Raises the file's own error if it is broken."""
        found = {}
        for role, file in self._find(name).entry.files.items():
            with one_file(file.path.rpartition("/")[2], LoRAFileError):
                info = file.info
            if info is None:
                assert file.error is not None
                raise type(file.error)(
                    file.error.message,
                    suggestions=file.error.suggestions,
                    context=file.error.context,
                )
            found[role] = info
        return found

    def sha256(self, name: str) -> dict[str, str]:
        """The SHA256 of each file, by role; computed on first use, then remembered."""
        found = {}
        for role, file in self._find(name).entry.files.items():
            hashed = self._contents.hashed(file)
            if not file.sha256 and hashed.sha256:
                with self._turn.for_look() as mine:
                    if mine:
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
        while True:
            name = self._find(name).entry.name
            with self._lock:
                if name in self._contents.entries:
                    return self._contents.each([name], _verdicts)[name][model_type]

    def validate_lora_compatibility(self, name: str, model_type: str) -> bool:
        """Whether the LoRA can be used with the model."""
        return self.explain_compatibility(name, model_type).compatible

    def get_ui_display_data(self) -> dict[str, Any]:
        """Everything a page shows, JSON-ready: revision, loras with verdicts, recent, models.

        `refresh_progress` is null, or what goes on in the background: `stage`, `done`, `total`.
        """
        self._look_for_page()
        with self._lock:
            entries = self._contents.entries
            verdicts = self._contents.each(entries, _verdicts)
            records = self._records(entries)
            return display_data(
                self.settings,
                revision=self._contents.seen_revision,
                records=records,
                verdicts=verdicts,
                recent=_recent(records, self.settings.recent_loras),
                installed={
                    name: value is not None for name, value in self._contents.architectures.items()
                },
                duplicates=self._contents.duplicates(),
                folders=list(self._contents.seen.folders),
                notes=self._contents.notes(),
                progress=self.refresh_progress,
            )

    @property
    def shown_version(self) -> str:
        """Changes whenever `get_ui_display_data` does, but for how far a refresh has come."""
        self._look_for_page()
        with self._lock:
            held = sorted(held_of(self._applied, self._said()).items())
            seen = self._contents.seen_revision, self._catalog.revision(), held
        return hashlib.sha256(repr(seen).encode(errors="replace")).hexdigest()[:32]

    def list_folders(self) -> list[str]:
        """The library's own folders, empty ones too, with forward slashes."""
        self._look_for_page()
        return list(self._contents.seen.folders)

    @property
    def revision(self) -> int:
        """A number that grows with every change, also one made by another program."""
        self._look_for_page()
        return self._contents.seen_revision

    def recent(self, limit: int) -> list[str]:
        """Names of the LoRAs used last that are still there and usable, the newest first."""
        self._look()
        with self._lock:
            used = self._catalog.usage() if not self._contents.offline else {}
            entries = self._contents.entries
            names = [name for name, item in entries.items() if item.entry.first.path in used]
            return _recent(self._records(names), limit)

    def thumbnail_file(self, name: str) -> Path:
        """The thumbnail's file, made now if it is missing or out of date."""
        return self._pictures.file(self._find(name))

    def preview_video(self, name: str) -> Path | None:
        """The video beside the LoRA that shows what it does, if there is one."""
        videos = (self.root / path for path in self._find(name).preview_videos)
        return next((path for path in videos if is_media(path, "video/")), None)

    def block_coverage(self, name: str, model_type: str) -> dict[str, list[BlockCoverage]]:
        """By expert, what of each block of the model the LoRA changes; {} if it cannot be said.

        Raises as `info` does, and SettingsError for an unknown model.
        """
        self.settings.model(model_type)
        infos = self.info(name)
        with self._lock:
            architecture = self._contents.architectures.get(model_type)
        return {} if architecture is None else coverage_by_block(infos, architecture)

    def find_duplicates(self) -> list[list[str]]:
        """Names of LoRAs that hold the same file, as far as the files are hashed by now."""
        self._look()
        with self._lock:
            return self._contents.duplicates()

    def last_strength(self, name: str) -> Any | None:
        """The strength of the last use, in the form of a selection; None if never used."""
        return self.record(name)["last_strength"]

    def usual_strength(self, name: str) -> Any:
        """What a LoRA begins with: its last strength, else its preferred one, else the default."""
        record = self.record(name)
        for strength in (record["last_strength"], record["preferred_strength"]):
            if strength is not None:
                return strength
        return self.settings.default_strength

    def meant(self, text: str) -> Meant | None:
        """The LoRA that a person or another program calls `text`; None if that is not clear."""
        for look in (self._look_for_page, self._look):
            look()
            with self._lock:
                entries = {name: each.entry for name, each in self._contents.entries.items()}
            if (found := meant_by(text, entries)) is not None:
                return found
        return None

    def loras_in_prompt(self, prompt: str) -> PromptSelection:
        """The LoRAs that a prompt names, such as `<lora:style:0.8>`, and the prompt without."""
        return select(prompt, self)


def _verdicts(prepared: Prepared) -> Mapping[str, Compatibility]:
    return prepared.verdicts


def _recent(records: Mapping[str, dict[str, Any]], limit: int) -> list[str]:
    used = [r for r in records.values() if r["last_used"] and r["status"] == "ok"]
    used.sort(key=lambda record: str(record["last_used"]), reverse=True)
    return [record["name"] for record in used[:limit]]
