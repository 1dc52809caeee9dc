"""Trainers' key layouts: an ordered table of dialects, each of which reads its own keys.

Every key of a file ends as mapped (diffusers layer, part, expert), ignored with a reason, or
unknown. Facts about the layouts: the trainers' sources and real files' key lists.

A `.diff_m` (LightX2V) is the difference of Wan's `modulation` parameter: its extractor writes
`blocks.N.modulation` as `blocks.N.diff_m` and `head.modulation` as `head.diff_m`, and ComfyUI
nodes read it as `blocks.N.modulation.diff`. Parameters that are no layer are addressed by their
own path, so all of these become module `blocks.N.scale_shift_table` (or `scale_shift_table`),
part `diff`. For a layer, `diff` is added to its weight and `diff_b` to its bias.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from backend.lora.module_names import Naming, resolve_dotted, resolve_underscored
from backend.lora.parts import Spelling, split_part
from backend.lora.selection import Expert

ExpertMark = Literal["high", "low", "first"] | None

TEXT_ENCODER = re.compile(r"(?:lora_te\d*_|text_encoder(?:_\d)?\.|lycoris_te|te\d?\.)")


@dataclass(frozen=True, slots=True)
class MappedKey:
    """One key: the diffusers layer it changes, which part it is, and for which expert.

    `expert` is None where the key itself does not say. `dialect` names the trainer's layout.
    """

    key: str
    module: str
    part: str
    expert: Expert | None
    dialect: str


@dataclass(frozen=True)
class KeyReading:
    """All keys of a file, each in exactly one of `mapped`, `ignored` and `unknown`.

    `conflicts` are pairs of mapped keys that name the same part of the same layer.
    """

    mapped: tuple[MappedKey, ...]
    ignored: dict[str, str]
    unknown: tuple[str, ...]
    dialects: tuple[str, ...]
    conflicts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Dialect:
    """One layout. `prefix` must match the start of the layer's name, `spellings` (empty: any)
    hold the part's spelling; `resolve` turns the rest into a diffusers path."""

    name: str
    prefix: re.Pattern[str]
    resolve: Callable[[str], str | None]
    spellings: frozenset[Spelling] = field(default_factory=frozenset)

    def detect(self, stem: str, spelling: Spelling) -> re.Match[str] | None:
        """The match of the prefix if this dialect could have written the key."""
        if self.spellings and spelling not in self.spellings:
            return None
        return self.prefix.match(stem)

    def parse(self, stem: str, part: str, spelling: Spelling) -> Parsed | None:
        """Read a key; None when it is not of this dialect."""
        match = self.detect(stem, spelling)
        if match is None:
            return None
        rest = stem[match.end() :]
        if part == "diff_m":
            rest, part = f"{rest}.modulation", "diff"
        module = self.resolve(rest)
        if module is None:
            return None
        mark = _expert_mark(match.groupdict().get("which"))
        return Parsed(module, part, mark, self.name, spelling == "neutral")


@dataclass(frozen=True)
class Parsed:
    """What a dialect read from one key; `mark` "first" is high if the file has a second."""

    module: str
    part: str
    mark: ExpertMark
    dialect: str
    neutral: bool


def _dotted(path: str) -> str | None:
    found = resolve_dotted(path.replace(".processor.", "."))
    return found[0] if found else None


def _dotted_in(naming: Naming) -> Callable[[str], str | None]:
    def resolve(path: str) -> str | None:
        found = resolve_dotted(path)
        return found[0] if found and found[1] == naming else None

    return resolve


def _row(name: str, prefix: str, resolve: Callable[[str], str | None], *kinds: Spelling) -> Dialect:
    return Dialect(name, re.compile(prefix), resolve, frozenset(kinds))


_MODEL = r"(?:model\.)?diffusion_model\."
_WHICH = r"(?P<which>transformer(?:_[12])?)\."
_DIT = r"(?:pipe\.)?(?P<which>dit2?)\."

DIALECTS: tuple[Dialect, ...] = (
    _row("videox-fun", r"lora_unet__", resolve_underscored),
    _row("kohya-mixed", r"lora_unet_(?=.*\.)", resolve_underscored),
    _row("musubi", r"lora_unet_", resolve_underscored),
    _row("kohya", r"lora_(?P<which>transformer(?:_[12](?=_))?)_", resolve_underscored),
    _row("lycoris", r"lycoris_", resolve_underscored),
    _row("peft", rf"base_model\.model\.(?:{_MODEL})?{_WHICH}", _dotted),
    _row("peft", rf"base_model\.model\.{_DIT}", _dotted),
    _row("peft", rf"base_model\.model\.(?:{_MODEL}|model\.)?", _dotted),
    _row("ai-toolkit", _MODEL + _WHICH, _dotted),
    _row("ai-toolkit", _MODEL, _dotted, "lokr"),
    _row("lycoris", _MODEL, _dotted, "loha", "norm"),
    _row("diffusion-pipe", _MODEL, _dotted, "ab"),
    _row("diffusers-old", rf"(?:unet\.|{_WHICH})?", _dotted, "old"),
    _row("lightx2v", _MODEL, _dotted),
    _row("diffusers", _WHICH, _dotted),
    _row("diffusers", r"unet\.", _dotted),
    _row("diffsynth", _DIT, _dotted),
    _row("diffsynth", r"(?:model\.)?", _dotted_in("original")),
    _row("diffusers", r"(?:model\.)?", _dotted_in("diffusers")),
)


def _expert_mark(which: str | None) -> ExpertMark:
    marks: dict[str | None, ExpertMark] = {
        "transformer": "first",
        "dit": "first",
        "transformer_1": "high",
        "transformer_2": "low",
        "dit2": "low",
    }
    return marks.get(which)


def parse_key(key: str) -> Parsed | None:
    """Read one key through the first dialect that can; None if none does."""
    split = split_part(key)
    if split is None:
        return None
    parsed = (dialect.parse(*split) for dialect in DIALECTS)
    return next((found for found in parsed if found is not None), None)


_NUMBERED = re.compile(r"(.*?blocks[._])(0|[1-9][0-9]{0,3})([._].*)", re.DOTALL)


def read_keys(keys: Iterable[str]) -> KeyReading:
    """Read all keys of a file. Keys that differ only in the block number are parsed once."""
    forms: dict[tuple[str, str], Parsed | None] = {}
    split: list[tuple[str, tuple[str, str], str]] = []
    for key in keys:
        match = _NUMBERED.fullmatch(key)
        form, number = ((match[1], match[3]), match[2]) if match else ((key, ""), "")
        if form not in forms:
            forms[form] = parse_key(f"{form[0]}0{form[1]}" if match else key)
        split.append((key, form, number))
    settled = _settled(forms)
    mapped = []
    rest = []
    for key, form, number in split:
        found = settled[form]
        if found is None:
            rest.append(key)
            continue
        module, part, expert, dialect = found
        place = f"blocks.{number}{module[8:]}" if number else module
        mapped.append(MappedKey(key, place, part, expert, dialect))
    return _reading(mapped, rest)


Settled = tuple[str, str, Expert | None, str]


def _settled(
    forms: dict[tuple[str, str], Parsed | None],
) -> dict[tuple[str, str], Settled | None]:
    """(module, part, expert, dialect) of each form, now that all forms of the file are known."""
    parsed = [found for found in forms.values() if found]
    first: Expert | None = "high" if any(found.mark == "low" for found in parsed) else None
    # A neutral spelling such as `.alpha` belongs to the dialect of its layer's weights.
    owners = {(found.mark, found.module): found.dialect for found in parsed if not found.neutral}
    return {
        form: None
        if found is None
        else (
            found.module,
            found.part,
            first if found.mark == "first" else found.mark,
            owners.get((found.mark, found.module), found.dialect)
            if found.neutral
            else found.dialect,
        )
        for form, found in forms.items()
    }


def _reading(mapped: list[MappedKey], rest: list[str]) -> KeyReading:
    places: dict[tuple[str | None, str, str], str] = {}
    conflicts = []
    weighted = set()
    for m in mapped:
        first = places.setdefault((m.expert, m.module, m.part), m.key)
        if first is not m.key:
            conflicts.append((first, m.key))
        if m.part != "alpha":
            weighted.add((m.expert, m.module))
    kept = [m for m in mapped if m.part != "alpha" or (m.expert, m.module) in weighted]
    ignored = {
        m.key: "alpha of a layer that has no weights in this file"
        for m in mapped
        if m.part == "alpha" and (m.expert, m.module) not in weighted
    }
    ignored |= {
        key: "belongs to a text encoder, which Wan generation leaves unchanged"
        for key in rest
        if TEXT_ENCODER.match(key)
    }
    return KeyReading(
        mapped=tuple(kept),
        ignored=ignored,
        unknown=tuple(key for key in rest if key not in ignored),
        dialects=tuple(dict.fromkeys(m.dialect for m in kept)),
        conflicts=tuple(conflicts),
    )
