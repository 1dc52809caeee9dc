"""Library entries as the plain dicts of the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from wan_lora_studio.errors import LoRAFileError, StudioError
from wan_lora_studio.lora.description import Description
from wan_lora_studio.lora.files import GONE, VIDEO_ENDINGS, SidecarReading, merged_sidecars
from wan_lora_studio.lora.files import THUMBNAILS_FOLDER as THUMBNAILS
from wan_lora_studio.lora.index.entries import Entry, PairedBy
from wan_lora_studio.lora.inspection import Compatibility, Expert, LoRAInfo
from wan_lora_studio.lora.names import name_problem
from wan_lora_studio.lora.selection import LoRASelection
from wan_lora_studio.lora.storage import Usage
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB


class Source(Protocol):
    """Who knows what lies around an entry."""

    def verdicts(self, entry: Entry) -> dict[str, Compatibility]: ...

    def hashes(self, entry: Entry) -> tuple[str, ...]: ...

    def sidecars(self, entry: Entry) -> SidecarReading: ...

    def previews(self, entry: Entry) -> tuple[str, ...]: ...

    def thumbnail_version(self, entry: Entry) -> str: ...

    def made(self, entry: Entry) -> Path | None: ...

    def is_missing(self, entry: Entry) -> bool: ...

    def is_read_only(self, entry: Entry) -> bool: ...


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An entry, and what else a record tells of it, found out when it is asked for."""

    entry: Entry
    source: Source

    @property
    def sidecars(self) -> SidecarReading:
        return self.source.sidecars(self.entry)

    @property
    def verdicts(self) -> dict[str, Compatibility]:
        return self.source.verdicts(self.entry)

    @property
    def thumbnail_path(self) -> str:
        return thumbnail_path(self.entry.name)

    @property
    def thumbnail_version(self) -> str:
        return self.source.thumbnail_version(self.entry)

    @property
    def previews(self) -> tuple[str, ...]:
        return self.source.previews(self.entry)

    @property
    def made(self) -> Path | None:
        """A finished video in which the LoRA was used."""
        return self.source.made(self.entry)

    @property
    def preview_videos(self) -> list[str]:
        """The videos beside the LoRA, by their names, the best first; relative to the library."""
        return [path for path in self.previews if path.lower().endswith(VIDEO_ENDINGS)]


def thumbnail_path(name: str) -> str:
    """Where the thumbnail of a LoRA of that name is, relative to the library."""
    if name_problem(name) is None:
        return f"{THUMBNAILS}/{name}.webp"
    return f"{THUMBNAILS}/{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:32]}.webp"


def record_of(
    prepared: Prepared,
    usage: Usage | None,
    held: Mapping[str, Held],
    edits: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of the contract, with some more keys. `edits` go before all other texts."""
    entry = prepared.entry
    first = entry.first
    infos = {role: info for role, file in entry.files.items() if (info := file.info)}
    now = held.get(entry.name, NOT_HELD)
    status, detail = _status(entry, missing=prepared.source.is_missing(entry))
    return {
        "name": entry.name,
        "filename": first.path.rpartition("/")[2],
        "files": {role: file.path for role, file in entry.files.items()},
        "path": first.path,
        "size_mb": round(sum(file.stamp.size for file in entry.files.values()) / MB, 3),
        "upload_date": _date(max(file.stamp.mtime_ns for file in entry.files.values())),
        "last_used": usage.last_used if usage else None,
        "use_count": usage.use_count if usage else 0,
        "last_strength": usage.last_strength if usage else None,
        "is_loaded": now.loaded,
        "is_applied": now.applied,
        "current_strength": now.strength,
        "compatible_models": [name for name, v in prepared.verdicts.items() if v.compatible],
        "read_only": prepared.source.is_read_only(entry),
        "status": status,
        "status_detail": detail,
        "sha256": first.sha256 or "",
        "sha256s": {role: file.sha256 or "" for role, file in entry.files.items()},
        "hashes": list(prepared.source.hashes(entry)),
        "thumbnail_path": prepared.thumbnail_path,
        "thumbnail_version": prepared.thumbnail_version,
        "has_video": bool(prepared.preview_videos),
        **_content(entry, infos),
        **_texts(entry, prepared.sidecars, [info.description for info in infos.values()], edits),
    }


def searched(prepared: Prepared, edits: Mapping[str, Any]) -> dict[str, Any]:
    """As much of the record as a search looks at, which is quickly put together."""
    entry = prepared.entry
    described = [file.described for file in entry.files.values()]
    return {
        "name": entry.name,
        "path": entry.first.path,
        "hashes": prepared.source.hashes(entry),
        **_texts(entry, prepared.sidecars, described, edits),
    }


def usable(prepared: Prepared) -> bool:
    """Whether the record's status is "ok"."""
    missing = prepared.source.is_missing(prepared.entry)
    return _status(prepared.entry, missing=missing)[0] == "ok"


def _status(entry: Entry, *, missing: bool) -> tuple[str, str]:
    if missing:
        return "missing", say("lora.index.folder_unreachable")
    error = next((file.error for file in entry.files.values() if file.error), None)
    return status_of(error), error.message if error else ""


def _content(entry: Entry, by_role: Mapping[str, LoRAInfo]) -> dict[str, Any]:
    """What the files hold."""
    infos = list(by_role.values())
    return {
        "expert": _expert(entry),
        "role_evidence": {role: _sentence(entry, role) for role in entry.files},
        "evidence": {role: entry.evidence(role).to_dict() for role in entry.files},
        "doubt": entry.evidence("both").sentence if entry.is_unsure else "",
        "paired_by": entry.paired_by.value if entry.paired_by else None,
        "pair_note": _pair_note(entry),
        "offers": list(entry.offers),
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
        "is_pair": entry.is_pair,
        "header_notes": list(dict.fromkeys(note for info in infos for note in info.notes)),
        "model_hashes": {role: info.model_hash for role, info in by_role.items()},
    }


def _expert(entry: Entry) -> Expert:
    """For which expert the LoRA is; "unsure" if someone has to say."""
    if entry.is_unsure:
        return "unsure"
    return "both" if entry.is_pair else entry.evidence(next(iter(entry.files))).role


def _sentence(entry: Entry, role: str) -> str:
    return "" if entry.files[role].error else entry.evidence(role).sentence


def _pair_note(entry: Entry) -> str:
    """Which files are a pair, where their names alone do not say so."""
    if entry.paired_by not in (PairedBy.FOLDERS, PairedBy.NEAR_NAME, PairedBy.HASH):
        return ""
    high, low = entry.files["high"].path, entry.files["low"].path
    return say("lora.index.pair", high=high, low=low)


def _texts(
    entry: Entry,
    sidecars: SidecarReading,
    described: Sequence[Description],
    edits: Mapping[str, Any],
) -> dict[str, Any]:
    """Texts beside the files win over those of their headers, which are `described`."""
    found = sidecars.description
    for header in described:
        found = merged_sidecars(found, header)
    return {
        "title": edits.get("title") or found.title or entry.name,
        "favourite": edits.get("favourite", sidecars.favourite),
        "notes": edits.get("notes", sidecars.description.usage_hint),
        "edited": sorted(edits),
        **_preferred(entry, sidecars.strength, edits),
        "strength_range": edits.get("strength_range") or _as_list(sidecars.strength_range),
        "sidecar_problems": list(sidecars.problems),
        "sidecar_notes": list(sidecars.notes),
        "metadata": {
            "description": edits.get("description", found.text),
            "tags": list(edits.get("tags", found.tags)),
            "author": edits.get("author", found.author),
            "version": found.version,
            "trigger_words": list(edits.get("trigger_words", found.trigger_words)),
            "base_model": edits.get("base_model", found.base_model),
            "usage_hint": edits.get("notes", found.usage_hint),
            "date": found.date,
            "negative_prompt": found.negative_prompt,
            "example_prompt": found.example_prompt,
        },
    }


def _preferred(entry: Entry, one: float | None, edits: Mapping[str, Any]) -> dict[str, Any]:
    """Strength by expert, and the one of the expert that the LoRA is for, or of the first."""
    both = edits.get("preferred_strengths") or (one is not None and {"high": one, "low": one})
    if not both:
        return {"preferred_strengths": None, "preferred_strength": None}
    role = "low" if list(entry.files) == ["low"] else "high"
    return {"preferred_strengths": dict(both), "preferred_strength": both[role]}


def _as_list(ends: tuple[float, float] | None) -> list[float] | None:
    return None if ends is None else list(ends)


def _date(mtime_ns: int) -> str:
    seconds = mtime_ns // 1_000_000_000
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return ""  # a file system may hold a date that no calendar has


def status_of(error: StudioError | None) -> str:
    """The record's status for a file with this error."""
    if error is None:
        return "ok"
    if error.context.get("reason") == GONE:
        return "missing"
    return "corrupt" if isinstance(error, LoRAFileError) else "unsupported"


@dataclass(frozen=True)
class Held:
    """`loaded` is true from when a run takes it until the run ends, `applied` while it is applied.
    `strength` is the larger of the two experts' strengths at the start of the run."""

    loaded: bool = False
    applied: bool = False
    strength: float = 0.0


NOT_HELD = Held()


def held_of(applied: Mapping[str, float], worker: Mapping[str, Any]) -> dict[str, Held]:
    """By name. `worker` is as `LoRALibrary.follow_worker` takes it."""
    found = {name: Held(True, True, float(strength)) for name, strength in applied.items()}
    for name, said in worker.items():
        in_force = said.get("state") == "applied"
        found[name] = Held(True, in_force, _number(said.get("strength")) if in_force else 0.0)
    return found


def _number(strength: Any) -> float:
    if strength is None:
        return 0.0
    ((_, parsed),) = LoRASelection.parse({"one": strength}).items
    return max((parsed.high.at(0.0), parsed.low.at(0.0)), key=abs)
