"""Library entries as the plain dicts of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.lora.belongings import stems_of
from backend.lora.catalog import Usage
from backend.lora.compatibility import Compatibility
from backend.lora.metadata import Description
from backend.lora.pairing import Entry, role_of
from backend.lora.scan import Folders, ScannedFile, status_of
from backend.lora.sidecars import SidecarReading, merged, read_sidecars

MB = 1024 * 1024


@dataclass(frozen=True)
class Prepared:
    """What changes only with the files: the entry, its texts and its verdicts by model."""

    entry: Entry
    sidecars: SidecarReading
    verdicts: dict[str, Compatibility]
    thumbnail_path: str
    thumbnail_version: str
    previews: tuple[str, ...]

    @property
    def description(self) -> Description:
        """Texts beside the file win over the header's."""
        found = self.sidecars.description
        for file in self.entry.files.values():
            if file.info:
                found = merged(found, file.info.description)
        return found


def read_texts(root: Path, entry: Entry, names: Folders) -> SidecarReading:
    """Read the text sidecars of all of an entry's stems, the pair's common ones first."""
    found = SidecarReading(Description(), None, ())
    for stem in reversed(stems_of(entry, names)):
        reading = read_sidecars(root / stem.folder / stem.stem, stem.suffixes)
        found = SidecarReading(
            merged(found.description, reading.description),
            found.strength if found.strength is not None else reading.strength,
            found.problems + reading.problems,
            found.favourite or reading.favourite,
        )
    return found


def record_of(
    prepared: Prepared,
    usage: Usage | None,
    applied: Mapping[str, float],
    edits: Mapping[str, Any],
    *,
    missing: bool,
) -> dict[str, Any]:
    """The record of the contract, with some more keys. `edits` go before all other texts."""
    entry = prepared.entry
    first = entry.first
    status, detail = _status(entry, missing=missing)
    return {
        "name": entry.name,
        "filename": Path(first.path).name,
        "files": {role: file.path for role, file in entry.files.items()},
        "path": first.path,
        "size_mb": round(sum(file.stamp.size for file in entry.files.values()) / MB, 3),
        "upload_date": _date(max(file.stamp.mtime_ns for file in entry.files.values())),
        "last_used": usage.last_used if usage else None,
        "use_count": usage.use_count if usage else 0,
        "last_strength": usage.last_strength if usage else None,
        "is_loaded": entry.name in applied,
        "is_applied": entry.name in applied,
        "current_strength": float(applied.get(entry.name, 0.0)),
        "compatible_models": [name for name, v in prepared.verdicts.items() if v.compatible],
        "status": status,
        "status_detail": detail,
        "sha256": first.sha256 or "",
        "sha256s": {role: file.sha256 or "" for role, file in entry.files.items()},
        "thumbnail_path": prepared.thumbnail_path,
        "thumbnail_version": prepared.thumbnail_version,
        **_content(entry),
        **_texts(prepared, edits),
    }


def _status(entry: Entry, *, missing: bool) -> tuple[str, str]:
    if missing:
        return "missing", "The library's folder cannot be reached at the moment."
    error = next((file.error for file in entry.files.values() if file.error), None)
    return status_of(error), error.message if error else ""


def _content(entry: Entry) -> dict[str, Any]:
    """What the files hold."""
    infos = [file.info for file in entry.files.values() if file.info]
    files = list(entry.files.values())
    return {
        "expert": "both" if entry.is_pair else next(iter(entry.files)),
        "role_evidence": {role: _evidence(role, file) for role, file in entry.files.items()},
        "missing_half": entry.missing_half,
        "dialect": "+".join(dict.fromkeys(name for info in infos for name in info.dialects)),
        "algebra": list(dict.fromkeys(name for info in infos for name in info.algebras)),
        "rank": max((info.rank for info in infos if info.rank is not None), default=None),
        "ranks": sorted({rank for info in infos for rank in info.ranks}),
        "alpha": infos[0].alpha if infos else None,
        "family": infos[0].family if infos else "unknown",
        "modules": sum(info.modules for info in infos),
        "tensor_bytes": sum(info.tensor_bytes for info in infos),
        "parameters": sum(info.parameters for info in infos),
        "ignored_keys": sum(len(info.ignored) for info in infos),
        "unknown_keys": sum(len(info.unknown) for info in infos),
        "is_pair": len(files) == 2,
    }


def _evidence(role: str, file: ScannedFile) -> str:
    if file.info is None:
        return ""
    return file.info.expert_evidence if role_of(file, {}) == role else "set by hand"


def _texts(prepared: Prepared, edits: Mapping[str, Any]) -> dict[str, Any]:
    found, sidecars = prepared.description, prepared.sidecars
    return {
        "title": edits.get("title") or found.title or prepared.entry.name,
        "favourite": edits.get("favourite", sidecars.favourite),
        "notes": edits.get("notes", sidecars.description.usage_hint),
        "edited": sorted(edits),
        **_preferred(prepared, edits),
        "sidecar_problems": list(sidecars.problems),
        "metadata": {
            "description": edits.get("description", found.text),
            "tags": list(edits.get("tags", found.tags)),
            "author": edits.get("author", found.author),
            "version": found.version,
            "trigger_words": list(edits.get("trigger_words", found.trigger_words)),
            "base_model": edits.get("base_model", found.base_model),
            "usage_hint": edits.get("notes", found.usage_hint),
            "date": found.date,
        },
    }


def _preferred(prepared: Prepared, edits: Mapping[str, Any]) -> dict[str, Any]:
    """Strength by expert, and the one of the expert that the LoRA is for, or of the first."""
    one = prepared.sidecars.strength
    both = edits.get("preferred_strengths") or (one is not None and {"high": one, "low": one})
    if not both:
        return {"preferred_strengths": None, "preferred_strength": None}
    role = "low" if list(prepared.entry.files) == ["low"] else "high"
    return {"preferred_strengths": dict(both), "preferred_strength": both[role]}


def _date(mtime_ns: int) -> str:
    seconds = mtime_ns // 1_000_000_000
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return ""  # a file system may hold a date that no calendar has
