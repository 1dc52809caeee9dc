"""Queries: what is asked of a whole library, and what follows from what is known of one LoRA.

Names are record names, never paths. All methods may be called from any thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wan_lora_studio.lora.index import (
    Meant,
    display_data,
    fits_of,
    info_summary,
    meant_by,
    names_that_fit,
    search_records,
    usable,
)
from wan_lora_studio.lora.inspection import BlockCoverage, coverage_by_block
from wan_lora_studio.lora.library.lookup import (
    Lookup,
    State,
    records_of,
    states_of,
    verdicts_of,
)
from wan_lora_studio.lora.library.prompt_loras import PromptSelection, select
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.media import is_media


@dataclass(frozen=True)
class Queries:
    """`lookup` says what one name means."""

    shared: SharedIndex
    lookup: Lookup

    def records(self) -> dict[str, dict[str, Any]]:
        self.shared.look()
        with self.shared.lock:
            return records_of(self.shared, self.shared.index.entries)

    def page(self, text: str, offset: int, limit: int) -> dict[str, Any]:
        """One page of the records that match."""
        self.shared.look_for_page()
        with self.shared.lock:
            index = self.shared.index
            names = list(index.entries)
            if text.strip():
                names = search_records(index.index(), text, fits_of(index))
            some = names[offset : offset + limit]
            return {"total": len(names), "names": some, "loras": records_of(self.shared, some)}

    def metadata(self, name: str) -> dict[str, Any]:
        """The record, with what each file holds."""
        sha256s = self.lookup.sha256(name)
        record = self.lookup.record(name)
        files = self.shared.find(name).entry.files
        infos = {role: file.info for role, file in files.items() if file.info}
        return {
            **record,
            **record["metadata"],
            "sha256": next(iter(sha256s.values())),
            "sha256s": sha256s,
            "contents": {role: info_summary(info) for role, info in infos.items()},
            "header": {role: asdict(info.description) for role, info in infos.items()},
        }

    def display_data(self) -> dict[str, Any]:
        """Everything a page shows, JSON-ready."""
        self.shared.look_for_page()
        with self.shared.lock:
            return self._shown(list(self.shared.index.entries))

    def changes_since(self, known: Mapping[str, State]) -> tuple[dict[str, Any], dict[str, State]]:
        """As `display_data`, but `loras` are only those of which `known` has another state or
        none; and the states of all."""
        self.shared.look_for_page()
        with self.shared.lock:
            states = states_of(self.shared)
            new = [name for name, state in states.items() if known.get(name) != state]
            return self._shown(new), states

    def _shown(self, names: list[str]) -> dict[str, Any]:
        """The display data with these LoRAs; by whoever holds the lock."""
        index = self.shared.index
        return display_data(
            self.shared.settings,
            revision=index.seen_revision,
            records=records_of(self.shared, names),
            verdicts=index.each(names, verdicts_of),
            recent=self._recent(self.shared.settings.recent_loras),
            installed={name: value is not None for name, value in index.architectures.items()},
            duplicates=index.duplicates(),
            folders=list(index.seen.folders),
            notes=index.notes(),
            progress=self.shared.refresh_progress,
        )

    def shown_version(self) -> str:
        """Changes whenever `display_data` does, but for how far a refresh has come."""
        self.shared.look_for_page()
        with self.shared.lock:
            held = sorted(self.shared.uses.held().items())
            index = self.shared.index
            seen = index.seen_revision, self.shared.catalog.revision(), held, index.judge.changes
        return hashlib.sha256(repr(seen).encode(errors="replace")).hexdigest()[:32]

    def folders(self) -> list[str]:
        self.shared.look_for_page()
        return list(self.shared.index.seen.folders)

    def revision(self) -> int:
        self.shared.look_for_page()
        return self.shared.index.seen_revision

    def recent(self, limit: int) -> list[str]:
        """Names of the LoRAs used last that are still there and usable, the newest first."""
        self.shared.look()
        with self.shared.lock:
            return self._recent(limit)

    def _recent(self, limit: int) -> list[str]:
        """By whoever holds the lock."""
        index = self.shared.index
        used = {} if index.offline else self.shared.catalog.usage()
        names = [
            (used[path].last_used, name)
            for name, prepared in index.entries.items()
            if (path := prepared.entry.first.path) in used and usable(prepared)
        ]
        names.sort(key=lambda found: found[0], reverse=True)
        return [name for _, name in names[:limit]]

    def duplicates(self) -> list[list[str]]:
        """Names of LoRAs that hold the same file."""
        self.shared.look()
        with self.shared.lock:
            return self.shared.index.duplicates()

    def thumbnail_file(self, name: str) -> Path:
        return self.shared.thumbnails.file(self.shared.find(name))

    def without_picture(self, model_type: str) -> list[str]:
        """LoRAs that the model can use and of which there is no picture."""
        self.shared.settings.model(model_type)
        self.shared.look()
        with self.shared.lock:
            index = self.shared.index
            entries = [index.entries[name] for name in names_that_fit(index, model_type)]
        return self.shared.thumbnails.without_picture(entries)

    def preview_video(self, name: str) -> Path | None:
        videos = (self.shared.root / path for path in self.shared.find(name).preview_videos)
        return next((path for path in videos if is_media(path, "video/")), None)

    def block_coverage(self, name: str, model_type: str) -> dict[str, list[BlockCoverage]]:
        """By expert, what of each block of the model the LoRA changes."""
        self.shared.settings.model(model_type)
        infos = self.lookup.info(name)
        with self.shared.lock:
            architecture = self.shared.index.architectures.get(model_type)
        return {} if architecture is None else coverage_by_block(infos, architecture)

    def last_strength(self, name: str) -> Any | None:
        return self.lookup.record(name)["last_strength"]

    def usual_strength(self, name: str) -> Any:
        """What a LoRA begins with."""
        record = self.lookup.record(name)
        for strength in (record["last_strength"], record["preferred_strength"]):
            if strength is not None:
                return strength
        return self.shared.settings.default_strength

    def meant(self, text: str) -> Meant | None:
        """The LoRA that a person or another program calls `text`."""
        for look in (self.shared.look_for_page, self.shared.look):
            look()
            with self.shared.lock:
                entries = {name: each.entry for name, each in self.shared.index.entries.items()}
            if (found := meant_by(text, entries)) is not None:
                return found
        return None

    def in_prompt(self, prompt: str) -> PromptSelection:
        """The LoRAs that a prompt names, and the prompt without."""
        return select(prompt, self)
