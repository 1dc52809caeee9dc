"""Dialects: trainers' key layouts, how a key is spelled and which layout spells so.

Every key of a file ends as mapped (diffusers layer, part, expert), ignored with a reason, or
unknown. A key is its layer's name and a part's spelling (`parts.py`); the name is a path in one
of the namings (`module_names.py`) within wrappers (`wrappers.py`). Facts about the layouts: the
trainers' sources and real files' key lists.

A `.diff_m` (LightX2V) is the difference of Wan's `modulation` parameter: its extractor writes
`blocks.N.modulation` as `blocks.N.diff_m` and `head.modulation` as `head.diff_m`, and ComfyUI
nodes read it as `blocks.N.modulation.diff`. Parameters that are no layer are addressed by their
own path, so all of these become module `blocks.N.scale_shift_table` (or `scale_shift_table`),
part `diff`. For a layer, `diff` is added to its weight and `diff_b` to its bias.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from wan_lora_studio.lora.inspection.foreign_kinds import (
    FOR_TEXT_ENCODER,
    kind_of,
    text_encoder,
    unsupported_kinds,
    variant_reason,
    why_unreadable,
)
from wan_lora_studio.lora.inspection.key_wrappers import ExpertMark, Peeled, peel
from wan_lora_studio.lora.inspection.keys import (
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
from wan_lora_studio.lora.inspection.layer_names import Naming, resolve_dotted, resolve_underscored
from wan_lora_studio.lora.inspection.part_names import Spelling, split_part
from wan_lora_studio.lora.roles import Expert

__all__ = [
    "DIALECTS",
    "KeyReading",
    "MappedKey",
    "nothing_readable",
    "parse_key",
    "read_keys",
    "refusals",
]


@dataclass(frozen=True)
class Dialect:
    """The name of a layout, and what is peculiar to it; what is empty does not matter.

    `head`: how a flattened name begins; `mixed`: dots are left in it; `holders`: one of each of
    these sets is around the layer.
    """

    name: str
    head: str = ""
    mixed: bool = False
    holders: tuple[frozenset[str], ...] = ()
    spellings: frozenset[Spelling] = frozenset()
    naming: Naming | None = None

    def wrote(self, name: Name, spelling: Spelling) -> bool:
        """Whether a key is of this layout."""
        peeled = name.peeled
        return (
            peeled.head.startswith(self.head)
            and (peeled.mixed or not self.mixed)
            and not any(names.isdisjoint(peeled.holders) for names in self.holders)
            and (not self.spellings or spelling in self.spellings)
            and (self.naming is None or self.naming == name.naming)
        )


@dataclass(frozen=True)
class Name:
    """A layer's name: what was around it, its diffusers path, and the naming."""

    peeled: Peeled
    module: str
    naming: Naming | None


@dataclass(frozen=True)
class Parsed:
    """What was read from one key; `mark` "first" is high if the file has a second.

    `layer` is the layer as it is spelled in the key.
    """

    layer: str
    module: str
    part: str
    mark: ExpertMark | None
    dialect: str
    neutral: bool


_MODEL = frozenset({"diffusion_model"})
MOST_ENDINGS = 5  # segments that may follow a layer's name in a key
_EXPERTS = frozenset({"transformer", "transformer_1", "transformer_2"})
_LYCORIS: frozenset[Spelling] = frozenset({"loha", "norm"})

# The first that fits gives the name, so what is more peculiar comes first.
DIALECTS: tuple[Dialect, ...] = (
    Dialect("videox-fun", head="lora_unet__"),
    Dialect("kohya-mixed", head="lora_unet_", mixed=True),
    Dialect("musubi", head="lora_unet_"),
    Dialect("kohya", head="lora_"),
    Dialect("lycoris", head="lycoris_"),
    Dialect("diffusers-old", spellings=frozenset({"old"})),
    Dialect("peft", holders=(frozenset({"base_model"}),)),
    Dialect("ai-toolkit", holders=(_MODEL, _EXPERTS)),
    Dialect("ai-toolkit", holders=(_MODEL,), spellings=frozenset({"lokr"})),
    Dialect("lycoris", holders=(_MODEL,), spellings=_LYCORIS),
    Dialect("diffusion-pipe", holders=(_MODEL,), spellings=frozenset({"ab"})),
    Dialect("lightx2v", holders=(_MODEL,)),
    Dialect("diffusers", holders=(_EXPERTS | {"unet"},)),
    Dialect("diffsynth", holders=(frozenset({"dit", "dit2"}),)),
    Dialect("diffsynth", naming="original"),
    Dialect("diffusers"),
)


def name_of(stem: str) -> Name | None:
    """The layer that a key without its part names; None if it is none that is known."""
    peeled = peel(stem)
    if peeled is None:
        return None
    if peeled.head:
        module = resolve_underscored(peeled.path)
        return Name(peeled, module, None) if module else None
    found = resolve_dotted(peeled.path) or _within_another(peeled.path)
    return Name(peeled, *found) if found else None


def _within_another(path: str) -> tuple[str, Naming] | None:
    """A layer of a block within a module of any other name, as `student.blocks.0.self_attn.q`."""
    around = _AROUND.match(path)
    if around is None or _NOT_AROUND.search(around[0]) or variant_reason(path):
        return None
    return resolve_dotted(path[around.end() :])


_AROUND = re.compile(r"(?:[A-Za-z_]\w*\.){1,2}(?=blocks\.\d+\.)")
_NOT_AROUND = re.compile(
    r"encoder|decoder|control|adapter|critic|discriminator|teacher|(?:^|_)te\d?\."
)


def parse_key(key: str) -> Parsed | None:
    """Read one key; None if it is in no known layout."""
    split = split_part(key)
    if split is None:
        return None
    stem, part, spelling = split
    if part == "diff_m":
        name, part = name_of(f"{stem}.modulation"), "diff"
    else:
        name = name_of(stem)
    if name is None:
        return None
    dialect = next(one.name for one in DIALECTS if one.wrote(name, spelling))
    return Parsed(stem, name.module, part, name.peeled.mark, dialect, spelling == "neutral")


def read_keys(keys: Iterable[str]) -> KeyReading:
    """Read all keys of a file. Keys that differ only in the block number are parsed once."""
    spelled = keys_by_form(keys)
    parsed = {form: parse_key(spell(form, "0")) for form in spelled}
    readable = {form: found for form, found in parsed.items() if found}
    rest = {form: reason_to_ignore(spell(form, "0")) for form in spelled if form not in readable}
    forms = list(_settled(readable, spelled))
    ignored = {
        key: reason for form, reason in rest.items() if reason for key in spelled[form].values()
    }
    unknown = [key for form, reason in rest.items() if not reason for key in spelled[form].values()]
    unread = _unread(
        {form: spelled[form] for form in rest if rest[form] != FOR_TEXT_ENCODER}, forms
    )
    return sort_keys(forms, ignored, unknown, unread)


def reason_to_ignore(key: str) -> str | None:
    """Why a key that cannot be read changes nothing here; None if it is simply not known."""
    return FOR_TEXT_ENCODER if text_encoder(key) else variant_reason(key)


def _unread(rest: Mapping[Spelled, Blocks], forms: Iterable[KeyForm]) -> dict[Expert | None, int]:
    """How many layers the keys name that could not be read, by expert.

    A layer of which other keys are read counts there.
    """
    if not rest:
        return {}
    read = {form.module.replace(MARK, n, 1) for form in forms for n in form.keys}
    found: dict[tuple[Expert | None, str], set[str]] = {}
    for form, blocks in rest.items():
        named = unread_layer(spell(form, "0"))
        if named is None:
            continue
        layer, mark = named
        expert: Expert | None = None if mark == "first" else mark
        module = layer.replace("blocks.0.", f"blocks.{MARK}.", 1)
        seen = found.setdefault((expert, module), set())
        seen.update(n for n in blocks if module.replace(MARK, n, 1) not in read)
    counts: dict[Expert | None, int] = {}
    for (expert, _), numbers in found.items():
        counts[expert] = counts.get(expert, 0) + len(numbers)
    return {expert: count for expert, count in counts.items() if count}


def unread_layer(key: str) -> tuple[str, ExpertMark | None] | None:
    """(the layer of which a key says something that cannot be read, the expert's mark).

    None if it names no layer.
    """
    split = split_part(key)
    says_more = split is not None and split[2] != "neutral"
    stem = split[0] if split and says_more else kind_of(key)[1] or _known_start(key)
    if not stem:
        return None
    peeled, name = peel(stem), name_of(stem)
    return name.module if name else stem, peeled.mark if peeled else None


def _known_start(key: str) -> str:
    """The start of the key that is the name of a layer; "" if none is."""
    for _ in range(MOST_ENDINGS):
        if name_of(key) is not None:
            return key
        key = key.rpartition(".")[0]
    return ""


def refusals(reading: KeyReading, dims: Callable[[str], int]) -> list[str]:
    """What the unknown keys hold that makes the whole file one that cannot be applied.

    `dims`: the number of a key's axes.
    """
    return unsupported_kinds(reading.unknown, dims, _is_whole_weight, readable=bool(reading.forms))


def nothing_readable(ignored: Mapping[str, str], unknown: Iterable[str]) -> str:
    """What a file is of which no layer can be read."""
    return why_unreadable(ignored, unknown, _names_wan)


def _names_wan(key: str) -> bool:
    """Whether a key is of a block of a Wan transformer, or of another layer of one."""
    peeled = peel(key)
    if peeled is not None and _BLOCK.match(peeled.path):
        return True
    return _LAYER.search(key) is not None or bool(_known_start(key))


_BLOCK = re.compile(r"blocks[._]\d+[._]")
_LAYER = re.compile(r"(?:^|[._])blocks[._]\d+[._](?:self_attn|cross_attn|attn[12])[._]")


def _is_whole_weight(key: str) -> bool:
    """Whether a key is a layer's own weight or bias, as peft exports `modules_to_save`."""
    match = _WHOLE.fullmatch(key)
    return match is not None and name_of(match[1]) is not None


_WHOLE = re.compile(r"(.+?)(?:\.modules_to_save(?:\.\w+)?|\.base_layer)?\.(?:weight|bias)")


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
