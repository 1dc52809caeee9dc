"""Sets as files: our JSON, and WanGP's `.lset`.

WanGP writes `{"loras": [file names], "loras_mult": text, "prompt": text, "full_prompt": bool}`
(wgp.py of github.com/deepbeepmeep/Wan2GP); `#` starts a comment line of the prompt. Newer ones
hold whole settings, with `activated_loras` and `loras_multipliers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from wan_lora_studio.errors import GenerationError, LoRAError
from wan_lora_studio.lora.description import plain_text
from wan_lora_studio.lora.names import name_key
from wan_lora_studio.lora.selection.strengths import LoRASelection
from wan_lora_studio.lora.selection.wangp_multipliers import Phases, parse_multipliers
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import Limits, UntrustedJSONError, read_object

FORMAT = "wan-lora-set"
VERSION = 1
MOST_LORAS = 100
LIMITS = Limits(size=1_000_000)

Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class SetItem:
    """One LoRA of a set. `strength` is in the selection's form; `sha256`, by role, finds the
    file where it is called something else."""

    name: str
    strength: Any
    on: bool = True
    sha256: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "strength": self.strength,
            "on": self.on,
            "sha256": dict(self.sha256),
        }

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> SetItem:
        """Raises GenerationError for what is no strength, and KeyError, TypeError or ValueError
        for what is no item."""
        name = value["name"]
        strength = LoRASelection.parse({name: value["strength"]}).to_plain()[name]
        hashes = value.get("sha256") or {}
        if not isinstance(hashes, Mapping):
            raise TypeError("sha256 must be an object")
        return cls(
            name,
            strength,
            bool(value.get("on", True)),
            {str(role): str(text) for role, text in hashes.items()},
        )


@dataclass(frozen=True)
class SetFile:
    """What a file holds; the items are named as the library names them, where it has them.
    `notes` say in words what could not be taken over as it is."""

    name: str
    items: tuple[SetItem, ...]
    prompt: str = ""
    notes: tuple[str, ...] = ()


def to_set_file(name: str, items: Sequence[SetItem]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": name,
        "loras": [item.to_dict() for item in items],
    }


def read_set_file(text: str, filename: str, records: Records) -> SetFile:
    """Raises LoRAError that says what is wrong with the file."""
    stem = PurePosixPath(filename.replace("\\", "/")).stem or say(
        "lora.selection.sets.file.unnamed"
    )
    try:
        data = read_object(text, LIMITS)
    except UntrustedJSONError as error:
        raise _unreadable(filename, error.reason) from error
    try:
        found = _ours(data, stem) if data.get("format") == FORMAT else _wangp(data, stem)
    except GenerationError as error:
        sentence = say("lora.selection.sets.file.refused", file=filename, problem=error.message)
        raise _refused(sentence) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(filename, say("lora.selection.sets.file.no_name_or_strength")) from error
    if not found.items:
        raise _unreadable(filename, say("lora.selection.sets.file.no_lora"))
    return SetFile(found.name, _located(found.items, records), found.prompt, found.notes)


def _ours(data: Mapping[str, Any], stem: str) -> SetFile:
    name = plain_text(data.get("name")) or stem
    return SetFile(name, tuple(SetItem.from_plain(item) for item in data["loras"]))


def _wangp(data: Mapping[str, Any], stem: str) -> SetFile:
    names = data.get("loras", data.get("activated_loras"))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise GenerationError(say("lora.selection.sets.file.no_set"))
    text = data.get("loras_mult", data.get("loras_multipliers")) or ""
    phases = Phases.of(data)
    handover = 0.5 if phases.handover is None else phases.handover
    strengths = parse_multipliers(str(text), len(names), handover=handover, phases=phases)
    stems = [PurePosixPath(name.replace("\\", "/")).stem for name in names]
    items = tuple(SetItem(*pair) for pair in zip(stems, strengths, strict=True))
    lines = plain_text(data.get("prompt")).splitlines()
    prompt = "\n".join(line for line in lines if line.strip() and not line.startswith("#"))
    note = phases.note(str(text))
    return SetFile(stem, items, prompt, (note,) if note else ())


def _located(items: Sequence[SetItem], records: Records) -> tuple[SetItem, ...]:
    """The items under the library's names: found by hash, by name, or by a file's name. The two
    halves of what the library holds as a pair become one item."""
    by_hash: dict[str, tuple[str, str]] = {}
    by_stem: dict[str, tuple[str, str]] = {}
    for name, record in records.items():
        for role, path in record["files"].items():
            by_stem.setdefault(name_key(PurePosixPath(path).stem), (name, role))
            if sha256 := record["sha256s"].get(role):
                by_hash.setdefault(sha256, (name, role))
    found: dict[str, SetItem] = {}
    for item in items:
        name, role = _place(item, records, by_hash, by_stem)
        strength = _half(item.strength, role)
        if name in found:
            strength = _together(found[name].strength, strength)
        found[name] = SetItem(name, strength, item.on, item.sha256)
    return tuple(found.values())


def _place(
    item: SetItem,
    records: Records,
    by_hash: Mapping[str, tuple[str, str]],
    by_stem: Mapping[str, tuple[str, str]],
) -> tuple[str, str]:
    """The library's name and the role of the file; the item's own name if it is not there."""
    for sha256 in item.sha256.values():
        if sha256 in by_hash:
            return by_hash[sha256][0], "both"
    if item.name in records:
        return item.name, "both"
    return by_stem.get(name_key(item.name), (item.name, "both"))


def _half(strength: Any, role: str) -> Any:
    if role not in ("high", "low"):
        return strength
    own = strength[role] if isinstance(strength, dict) else strength
    return {"high": 0.0, "low": 0.0, role: own}


def _together(first: Any, second: Any) -> Any:
    """Two halves as one: each brings its own expert's part."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return second
    return {role: second[role] or first[role] for role in ("high", "low")}


def _unreadable(filename: str, why: str) -> LoRAError:
    return _refused(say("lora.selection.sets.file.not_imported", file=filename, problem=why))


def _refused(message: str) -> LoRAError:
    return LoRAError(
        message,
        suggestions=[say("lora.selection.sets.file.choose_file")],
    )
