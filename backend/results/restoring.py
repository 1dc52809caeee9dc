"""From what a video says of itself to a form and a LoRA selection that make it again.

A LoRA is found by its hash first, wherever it is called what; then by its name. One that is not
in the library is named with its hash, and everything else is restored all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.errors import GenerationError
from backend.lora.selection import LoRASelection
from backend.results.facts import UsedLoRA, VideoFacts
from backend.settings import Settings

Records = Mapping[str, Mapping[str, Any]]
NOT_IN_FORM = ("id", "image")
TABLE_FIELDS = (
    "negative_prompt",
    "width",
    "height",
    "num_frames",
    "fps",
    "steps",
    "guidance_scale",
    "guidance_scale_2",
    "flow_shift",
)


@dataclass(frozen=True)
class FoundLoRA:
    """A LoRA of the video and the library's LoRA that stands for it."""

    name: str
    original: str
    by: Literal["hash", "name"]
    differs: bool
    strength: Any


@dataclass(frozen=True)
class Restored:
    """`fields` are those of the form. `missing` has the `name`, `sha256` and `strength` of each
    LoRA that the library lacks. `notes` are in words."""

    source: str
    fields: dict[str, Any]
    selected_loras: dict[str, Any] = field(default_factory=dict)
    found: list[FoundLoRA] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def restore(facts: VideoFacts, records: Records, settings: Settings) -> Restored:
    """`records` are the library's, by name, with the hashes as far as they are known."""
    restored = Restored(facts.source, _fields(facts, settings), notes=list(facts.notes))
    model = restored.fields.get("model_type")
    if model is not None and model not in settings.models:
        del restored.fields["model_type"]
        restored.notes.append(f"There is no model {model!r} here; the model is left as it is.")
    library = _Library(records)
    for lora in facts.loras:
        _restore_lora(lora, library, restored)
    return restored


def _fields(facts: VideoFacts, settings: Settings) -> dict[str, Any]:
    """The form's fields; what the video doesn't say is its model's default, the seed random."""
    given = {name: value for name, value in facts.task.items() if name not in NOT_IN_FORM}
    entry = settings.models.get(given.get("model_type", ""))
    usual = {name: getattr(entry, name) for name in TABLE_FIELDS} if entry else {}
    return {**usual, "seed": None, **given}


def _restore_lora(lora: UsedLoRA, library: _Library, restored: Restored) -> None:
    try:
        strength = LoRASelection.parse({lora.name: lora.strength}).to_plain()[lora.name]
    except GenerationError as error:
        restored.notes.append(error.message)
        return
    found = library.find(lora, strength)
    if not found:
        missing = {"name": lora.name, "sha256": dict(lora.sha256), "strength": strength}
        restored.missing.append(missing)
    for item in found:
        restored.found.append(item)
        known = restored.selected_loras.get(item.name)
        restored.selected_loras[item.name] = _together(known, item.strength)
        if item.differs:
            restored.notes.append(
                f"{item.name} is another file than the one of this name that was used then."
            )


def _together(first: Any, second: Any) -> Any:
    """Two halves of a pair that the library holds as one: each brings its own expert's part."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return second
    return {
        expert: second[expert] if first.get(expert) in (0, 0.0, None) else first[expert]
        for expert in ("high", "low")
    }


class _Library:
    """The library's records by hash, by name and by file name."""

    def __init__(self, records: Records) -> None:
        usable = {name: record for name, record in records.items() if record["status"] == "ok"}
        self._records = usable
        self._by_hash: dict[str, str] = {}
        self._by_file: dict[str, tuple[str, str]] = {}
        for name, record in usable.items():
            for sha256 in record["sha256s"].values():
                if sha256:
                    self._by_hash.setdefault(sha256, name)
            for role, path in record["files"].items():
                stem = path.rpartition("/")[2].rpartition(".")[0].casefold()
                self._by_file.setdefault(stem, (name, role))

    def find(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        return self._found_by_hash(lora, strength) or self._found_by_name(lora, strength)

    def _found_by_hash(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        """The one that holds the file; of a pair, each half may be a LoRA of its own now."""
        names = {role: self._by_hash.get(sha256) for role, sha256 in lora.sha256.items()}
        if not names or None in names.values():
            return []
        if len(set(names.values())) == 1:
            name = str(next(iter(names.values())))
            return [FoundLoRA(name, lora.name, "hash", False, strength)]
        return [
            FoundLoRA(str(name), lora.name, "hash", False, _only(strength, role))
            for role, name in names.items()
        ]

    def _found_by_name(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        name, role = lora.name, "both"
        if name not in self._records:
            name, role = self._by_file.get(lora.name.casefold(), ("", ""))
        if name not in self._records:
            return []
        known = set(self._records[name]["sha256s"].values())
        differs = bool(lora.sha256) and "" not in known and not known & set(lora.sha256.values())
        if role in ("high", "low"):
            strength = _only(strength, role)
        return [FoundLoRA(name, lora.name, "name", differs, strength)]


def _only(strength: Any, role: str) -> dict[str, Any]:
    """The part of a strength that one expert's file has; the other expert gets nothing of it."""
    other = "low" if role == "high" else "high"
    part = strength.get(role, 0.0) if isinstance(strength, dict) else strength
    return {role: part, other: 0.0}
