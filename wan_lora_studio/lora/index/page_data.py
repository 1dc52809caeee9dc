"""Library contents as JSON-ready data for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wan_lora_studio.lora.index.search import CALLED, DESCRIPTION, FIELDS
from wan_lora_studio.lora.inspection import FAMILY_TITLES, Compatibility, LoRAInfo
from wan_lora_studio.settings import Settings


def info_summary(info: LoRAInfo) -> dict[str, Any]:
    """One file's contents, for a details view."""
    return {
        "dialects": list(info.dialects),
        "algebras": list(info.algebras),
        "ranks": list(info.ranks),
        "rank": info.rank,
        "alphas": list(info.alphas),
        "alpha": info.alpha,
        "expert": info.expert,
        "expert_evidence": info.expert_evidence,
        "family": info.family,
        "task_hints": dict(info.task_hints),
        "blocks": info.blocks,
        "modules": info.modules,
        "tensors": info.tensors,
        "tensor_bytes": info.tensor_bytes,
        "parameters": info.parameters,
        "dtypes": list(info.dtypes),
        "ignored": dict(info.ignored),
        "unknown": list(info.unknown),
    }


def display_data(
    settings: Settings,
    *,
    revision: int,
    records: Mapping[str, dict[str, Any]],
    verdicts: Mapping[str, Mapping[str, Compatibility]],
    recent: list[str],
    installed: Mapping[str, bool],
    duplicates: list[list[str]],
    folders: list[str],
    notes: list[dict[str, Any]],
    progress: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """`revision`, `loras` (each record with `verdicts` by model), `recent`, `models`,
    `duplicates`, `folders`, `notes` (what is to be said of the folders themselves: `path`,
    `text`, `suggestions`), `families` (titles of families of models by name), `search` (the
    fields that are looked in, those whose words a typo is compared with, and how many characters
    of a description count), `refresh_progress`."""
    # Equal LoRAs share their verdicts, so they are put into words once.
    shared = {id(found): found for found in verdicts.values()}
    plain = {
        key: {model_type: _verdict(verdict) for model_type, verdict in found.items()}
        for key, found in shared.items()
    }
    return {
        "revision": revision,
        "loras": [
            {**record, "verdicts": plain[id(verdicts[name])]} for name, record in records.items()
        ],
        "recent": recent,
        "models": [
            {
                "model_type": model_type,
                "known": installed.get(model_type, False),
                **entry.shown(),
            }
            for model_type, entry in settings.models.items()
        ],
        "duplicates": duplicates,
        "folders": folders,
        "notes": notes,
        "families": dict(FAMILY_TITLES),
        "search": {
            "fields": list(FIELDS),
            "called": list(CALLED),
            "description": DESCRIPTION,
        },
        "refresh_progress": None if progress is None else dict(progress),
    }


def _verdict(found: Compatibility) -> dict[str, Any]:
    """A verdict without its lists of keys, which can be long; they are counted instead."""
    plain = found.to_dict()
    return {**plain, "ignored": len(found.ignored), "unknown": len(found.unknown)}
