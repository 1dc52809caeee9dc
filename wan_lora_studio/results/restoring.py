"""Restoring: from a video's facts to a form and a LoRA selection that make it again.

A LoRA is found by its hash first, wherever it is called what; then by its name. One that is not
in the library is named with its hash, and everything else is restored all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from wan_lora_studio.errors import GenerationError, LoRAError
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.selection import LoRASelection
from wan_lora_studio.results.differences import (
    of_left_out,
    of_the_decoding,
    of_the_model,
    of_the_precision,
    of_the_speed,
)
from wan_lora_studio.results.facts import UsedLoRA, VideoFacts
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

Records = Mapping[str, Mapping[str, Any]]
NOT_IN_FORM = ("id", "image")
SHORTEST_HASH = 8  # digits
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
    """`what` the file holds, in words. `fields` are those of the form. `missing` has the `name`,
    `sha256`, `hashes` (beginnings of others) and `strength` of each LoRA that the library lacks.
    `notes` say in words what could not be taken over, and what makes other frames than the video
    has."""

    source: str
    fields: dict[str, Any]
    selected_loras: dict[str, Any] = field(default_factory=dict)
    found: list[FoundLoRA] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    what: str = ""


def hashed_records(facts: VideoFacts, loras: LoRALibrary) -> Records:
    """The library's records, with the hashes of all that have the name of one of the video's.

    So that a file of this name but with other contents is noticed. Reads files as a whole.
    """
    records = loras.list_available_loras()
    unknown = _Library(records).namesakes_without_hash(facts.loras)
    for name in unknown:
        with contextlib.suppress(LoRAError, OSError):  # it may be gone meanwhile
            loras.sha256(name)
    return loras.list_available_loras() if unknown else records


def restore(
    facts: VideoFacts,
    records: Records,
    settings: Settings,
    fingerprint: str | None = None,
    precision: str = "",
) -> Restored:
    """`records` are the library's, by name, with the hashes as far as they are known;
    `fingerprint` is that of the files here of the model that the video names, `precision` what
    its weights are in, "" as its row says."""
    restored = Restored(
        facts.source, _fields(facts, settings), notes=list(facts.notes), what=facts.what
    )
    model = restored.fields.get("model_type")
    if model in settings.models:
        row = settings.models[model]
        restored.notes.extend(of_the_model(facts, row.title, fingerprint))
        restored.notes.extend(of_the_precision(facts, row.title, precision or row.precision))
    elif model is not None:
        del restored.fields["model_type"]
        restored.notes.append(say("results.reading.absent_model", model=repr(model)))
    restored.notes.extend(of_the_speed(facts, settings.attention, settings.first_block_cache))
    restored.notes.extend(of_the_decoding(facts))
    library = _Library(records)
    for lora in facts.loras:
        if lora.left_out:
            restored.notes.append(of_left_out(lora))
        else:
            _restore_lora(lora, library, restored)
    _say_what_is_not_hashed(library, restored)
    return restored


def _fields(facts: VideoFacts, settings: Settings) -> dict[str, Any]:
    """The form's fields; what the video doesn't say is its model's default, the seed random."""
    given = {name: value for name, value in facts.task.items() if name not in NOT_IN_FORM}
    entry = settings.models.get(given.get("model_type", ""))
    usual = {name: getattr(entry, name) for name in TABLE_FIELDS} if entry else {}
    if facts.prompt_used and any(lora.left_out and lora.replacement for lora in facts.loras):
        given["prompt"] = facts.prompt_used
    return {**usual, "seed": None, **given}


def _restore_lora(lora: UsedLoRA, library: _Library, restored: Restored) -> None:
    try:
        strength = LoRASelection.parse({lora.name: lora.strength}).to_plain()[lora.name]
    except GenerationError as error:
        restored.notes.append(error.message)
        return
    found = library.find(lora, strength)
    if not found:
        known = {"sha256": dict(lora.sha256), "hashes": list(lora.shorts)}
        restored.missing.append({"name": lora.name, **known, "strength": strength})
    for item in found:
        restored.found.append(item)
        other = restored.selected_loras.get(item.name)
        restored.selected_loras[item.name] = _together(other, item.strength)
        if item.differs:
            if item.by == "name":
                restored.notes.append(say("results.differences.file", name=item.name))
            else:
                restored.notes.append(say("results.differences.experts", name=item.name))


def _say_what_is_not_hashed(library: _Library, restored: Restored) -> None:
    names = [item["name"] for item in restored.missing if item["sha256"] or item["hashes"]]
    count = library.count_without_hash()
    if names and count:
        named = ", ".join(names)
        restored.notes.append(say("results.reading.unhashed", count=count, names=named))


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
        self._without_hash = {n for n, r in usable.items() if "" in r["sha256s"].values()}
        self._by_hash: dict[str, str] = {}
        self._by_file: dict[str, tuple[str, str]] = {}
        for name, record in usable.items():
            for sha256 in record["sha256s"].values():
                if sha256:
                    self._by_hash.setdefault(sha256, name)
            for role, path in record["files"].items():
                stem = path.rpartition("/")[2].rpartition(".")[0].casefold()
                self._by_file.setdefault(stem, (name, role))

    def namesakes_without_hash(self, loras: Sequence[UsedLoRA]) -> list[str]:
        """Those that stand by name for one whose hash is known, so that they can be compared."""
        names = [self._namesake(lora.name)[0] for lora in loras if lora.sha256 or lora.shorts]
        return [name for name in dict.fromkeys(names) if name in self._without_hash]

    def count_without_hash(self) -> int:
        return len(self._without_hash)

    def find(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        return (
            self._found_by_hash(lora, strength)
            or self._found_by_short_hash(lora, strength)
            or self._found_by_name(lora, strength)
        )

    def _found_by_hash(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        """The one that holds the file; of a pair, each half may be a LoRA of its own now."""
        names = {role: self._by_hash.get(sha256) for role, sha256 in lora.sha256.items()}
        if not names or None in names.values():
            return []
        if len(set(names.values())) == 1:
            name = str(next(iter(names.values())))
            return [self._found_whole(name, lora, strength)]
        return [
            FoundLoRA(str(name), lora.name, "hash", False, _only(strength, role))
            for role, name in names.items()
        ]

    def _found_by_short_hash(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        """By the beginning of a file's hash (AutoV2), or of its tensors' (AutoV3)."""
        for short in lora.shorts:
            for name, role, known in self._all_hashes if len(short) >= SHORTEST_HASH else ():
                if known.startswith(short) or (not role and short.startswith(known)):
                    # Of a pair's half that only its tensors tell, the file's name says which it is.
                    namesake, half = self._namesake(lora.name)
                    expert = role or (half if namesake == name else "")
                    one = _only(strength, expert) if expert in ("high", "low") else strength
                    return [FoundLoRA(name, lora.name, "hash", False, one)]
        return []

    @cached_property
    def _all_hashes(self) -> list[tuple[str, str, str]]:
        """Each hash with its LoRA's name and the file's role; "" where it is not known whose."""
        whole = [
            (name, role, found.lower().removeprefix("0x"))
            for name, record in self._records.items()
            for kind in ("sha256s", "model_hashes")
            for role, found in record.get(kind, {}).items()
            if found
        ]
        short = [
            (name, "", found)
            for name, record in self._records.items()
            for found in record.get("hashes", ())
        ]
        return [*whole, *short]

    def _found_whole(self, name: str, lora: UsedLoRA, strength: Any) -> FoundLoRA:
        """It may have a second file now: the expert that had none then gets nothing of it."""
        then, now = set(lora.sha256), set(self._records[name]["sha256s"])
        if then != now and len(then) == 1 and "both" not in then:
            return FoundLoRA(name, lora.name, "hash", False, _only(strength, *then))
        return FoundLoRA(name, lora.name, "hash", then != now, strength)

    def _found_by_name(self, lora: UsedLoRA, strength: Any) -> list[FoundLoRA]:
        name, role = self._namesake(lora.name)
        if not name:
            return []
        known = set(self._records[name]["sha256s"].values())
        differs = "" not in known and not set(lora.sha256.values()) <= known
        if lora.shorts and not lora.sha256:
            # Known to be another only where both hashes of each file are known.
            both = len(self._records[name].get("hashes", ())) == 2 * len(known)
            differs = both and "" not in known
        if role in ("high", "low"):
            strength = _only(strength, role)
        return [FoundLoRA(name, lora.name, "name", differs, strength)]

    def _namesake(self, name: str) -> tuple[str, str]:
        """The LoRA of this name, or the one that has a file of it, and that file's role; names
        are empty where there is none."""
        if name in self._records:
            return name, "both"
        return self._by_file.get(name.casefold(), ("", ""))


def _only(strength: Any, role: str) -> dict[str, Any]:
    """The part of a strength that one expert's file has; the other expert gets nothing of it."""
    other = "low" if role == "high" else "high"
    part = strength.get(role, 0.0) if isinstance(strength, dict) else strength
    return {role: part, other: 0.0}
