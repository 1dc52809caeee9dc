"""Keys of a file, and what they turn out to be: mapped, ignored with a reason, or unknown.

A form is all keys that differ only in the block number. A file of 1,200 keys has about 30, so
they are what is worked with; single keys are spelled out where someone asks for them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from wan_lora_studio.lora.inspection.layer_names import fused_into
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.texts import say

MARK = "{n}"  # stands for the block number
ORPHAN = say("lora.inspection.orphan")
SCALES = ("alpha", "rank")  # parts that say something about a layer's other parts only
_NUMBER = re.compile(r"(blocks[._])(0|[1-9][0-9]{0,3})(?=[._])")

# What is around a key's block number: before "blocks", that with its mark, after the number. The
# second is empty in a key without block number, which is all in the first.
Spelled = tuple[str, str, str]
Blocks = dict[str, str]  # block number, "" for a layer outside the blocks → key


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


@dataclass(frozen=True, slots=True)
class KeyForm:
    """Mapped keys that differ only in the block, `{n}` in `module` and `template`."""

    module: str
    part: str
    expert: Expert | None
    dialect: str
    template: str
    keys: Blocks

    def without(self, keys: Container[str]) -> KeyForm:
        """The form less those of its keys."""
        return replace(self, keys={n: key for n, key in self.keys.items() if key not in keys})

    def mapped(self) -> Iterator[MappedKey]:
        """Each key on its own."""
        for number, key in self.keys.items():
            module = self.module.replace(MARK, number, 1)
            yield MappedKey(key, module, self.part, self.expert, self.dialect)


@dataclass(frozen=True)
class KeyReading:
    """All keys of a file, each in exactly one of `forms`, `ignored` and `unknown`.

    `conflicts` are pairs of mapped keys that name the same part of the same layer. `unread`
    counts, by expert, the layers that keys outside `forms` name.
    """

    forms: tuple[KeyForm, ...]
    ignored: dict[str, str]
    unknown: tuple[str, ...]
    unread: dict[Expert | None, int]
    conflicts: tuple[tuple[str, str], ...] = ()

    @cached_property
    def mapped(self) -> tuple[MappedKey, ...]:
        return tuple(key for form in self.forms for key in form.mapped())

    @property
    def dialects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(form.dialect for form in self.forms))


def keys_by_form(keys: Iterable[str]) -> dict[Spelled, Blocks]:
    """Group keys by what is around their block number."""
    forms: defaultdict[Spelled, Blocks] = defaultdict(dict)
    split = _NUMBER.split
    for key in keys:
        pieces = split(key, 1)
        if len(pieces) == 1:
            forms[key, "", ""][""] = key
        else:
            head, blocks, number, tail = pieces
            forms[head, blocks, tail][number] = key
    return forms


def spell(form: Spelled, number: str) -> str:
    """The key of that form with `number` for its block number."""
    head, blocks, tail = form
    return f"{head}{blocks}{number}{tail}" if blocks else head


def sort_keys(
    forms: Iterable[KeyForm],
    ignored: Mapping[str, str],
    unknown: Iterable[str],
    unread: Mapping[Expert | None, int],
) -> KeyReading:
    """Set aside what changes no layer; `ignored` and `unknown` could not be read."""
    forms = list(forms)
    orphans = dict.fromkeys(_orphan_scales(forms), ORPHAN)
    kept = [form.without(orphans) for form in forms] if orphans else forms
    return KeyReading(
        forms=tuple(form for form in kept if form.keys),
        ignored={**orphans, **ignored},
        unknown=tuple(unknown),
        unread=dict(unread),
        conflicts=tuple(_conflicts(forms)),
    )


def _orphan_scales(forms: Iterable[KeyForm]) -> Iterator[str]:
    """The alpha and rank keys of layers that have nothing else."""
    weighted: defaultdict[tuple[Expert | None, str], set[str]] = defaultdict(set)
    for form in forms:
        if form.part not in SCALES:
            weighted[form.expert, form.module].update(form.keys)
    for form in forms:
        if form.part in SCALES:
            alone = form.keys.keys() - weighted[form.expert, form.module]
            yield from (key for number, key in form.keys.items() if number in alone)


def _conflicts(forms: Iterable[KeyForm]) -> Iterator[tuple[str, str]]:
    places: defaultdict[tuple[Expert | None, str, str], Blocks] = defaultdict(dict)
    for form in forms:
        # A fused layer is each of those that it stands for.
        for module in fused_into(form.module) or (form.module,):
            first = places[form.expert, module, form.part]
            if first:
                yield from ((first[n], key) for n, key in form.keys.items() if n in first)
                first.update({n: key for n, key in form.keys.items() if n not in first})
            else:
                first.update(form.keys)
