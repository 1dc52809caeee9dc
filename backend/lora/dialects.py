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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from backend.lora.key_forms import (
    MARK,
    Blocks,
    KeyForm,
    KeyReading,
    MappedKey,
    Spelled,
    keys_by_form,
    sort_keys,
    spell,
)
from backend.lora.module_names import Naming, resolve_dotted, resolve_underscored
from backend.lora.parts import Spelling, split_part, unsupported_algebra
from backend.lora.selection import Expert

__all__ = ["DIALECTS", "KeyReading", "MappedKey", "parse_key", "read_keys"]

ExpertMark = Literal["high", "low", "first"] | None


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
        return Parsed(stem, module, part, mark, self.name, spelling == "neutral")


@dataclass(frozen=True)
class Parsed:
    """What a dialect read from one key; `mark` "first" is high if the file has a second.

    `layer` is the layer as it is spelled in the key.
    """

    layer: str
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


def read_keys(keys: Iterable[str]) -> KeyReading:
    """Read all keys of a file. Keys that differ only in the block number are parsed once."""
    spelled = keys_by_form(keys)
    parsed = {form: parse_key(spell(form, "0")) for form in spelled}
    rest = [key for form in spelled if not parsed[form] for key in spelled[form].values()]
    readable = {form: found for form, found in parsed.items() if found}
    return sort_keys(_settled(readable, spelled), rest)


def _settled(
    parsed: Mapping[Spelled, Parsed], spelled: Mapping[Spelled, Blocks]
) -> Iterator[KeyForm]:
    """The forms, now that all of the file are known."""
    first: Expert | None = "high" if any(f.mark == "low" for f in parsed.values()) else None
    # A neutral spelling such as `.alpha` belongs to the dialect of its layer's weights.
    owners = {found.layer: found.dialect for found in parsed.values() if not found.neutral}
    for form, found in parsed.items():
        owner = owners.get(found.layer) if found.neutral else None
        yield KeyForm(
            module=found.module.replace("blocks.0.", f"blocks.{MARK}.", 1),
            part=found.part,
            expert=first if found.mark == "first" else found.mark,
            dialect=owner or found.dialect,
            template=spell(form, MARK),
            keys=spelled[form],
        )


# What peft exports for `modules_to_save` and `bias="all"`: a layer's own weight, not a change.
_WHOLE = re.compile(r"(.+?)(?:\.modules_to_save(?:\.\w+)?|\.base_layer)?\.(?:weight|bias)")


def unsupported_kinds(unknown: Iterable[str]) -> list[str]:
    """Why a file with these unknown keys cannot be applied: kinds of layers that no algebra here
    can, each with its number of keys and an example."""
    kinds: dict[str, list[str]] = {}
    for key in unknown:
        kind = unsupported_algebra(key) or ("a layer replaced as a whole" if _is_whole(key) else "")
        if kind:
            kinds.setdefault(kind, []).append(key)
    return [
        f"{kind} is not supported ({len(keys)} keys, for example {keys[0]})"
        for kind, keys in kinds.items()
    ]


def _is_whole(key: str) -> bool:
    match = _WHOLE.fullmatch(key)
    return match is not None and parse_key(f"{match[1]}.diff") is not None
