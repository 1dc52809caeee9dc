"""The LoRAs that a prompt names, as a selection of the library's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wan_lora_studio.lora.index import Meant
from wan_lora_studio.lora.roles import EXPERTS
from wan_lora_studio.lora.selection import PromptLoRA, read_prompt, without_notation


class Library(Protocol):
    """Where the names are looked up."""

    def meant(self, text: str) -> Meant | None: ...

    def usual_strength(self, name: str) -> Any: ...


@dataclass(frozen=True)
class PromptSelection:
    """`text` is the prompt without its LoRAs, `text_with_unknown` still has those that the library
    lacks. `selected` has the strengths by name; an unknown one is called as it was written, and is
    in `unknown` too. `tags` are the texts of those that are known. `problems` are sentences on what
    could not be read and is still in both texts."""

    text: str
    text_with_unknown: str
    selected: dict[str, Any]
    tags: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def select(prompt: str, library: Library) -> PromptSelection:
    """Read the LoRAs of a prompt. One that is named twice gets both strengths together, as in
    A1111; so the two files of a pair make one LoRA with a strength for each expert."""
    reading = read_prompt(prompt)
    selected: dict[str, Any] = {}
    known: list[PromptLoRA] = []
    unknown: list[str] = []
    for lora in reading.loras:
        meant = library.meant(lora.name)
        name = lora.name if meant is None else meant.name
        if meant is None:
            unknown.append(name)
        else:
            known.append(lora)
        strength = _strength(lora, meant, library)
        selected[name] = _sum(selected[name], strength) if name in selected else strength
    return PromptSelection(
        reading.text,
        without_notation(prompt, known),
        selected,
        tuple(lora.tag for lora in known),
        tuple(dict.fromkeys(unknown)),
        reading.problems,
    )


def _strength(lora: PromptLoRA, meant: Meant | None, library: Library) -> Any:
    given: Any = lora.strength
    if given is None:
        given = 1.0 if meant is None else library.usual_strength(meant.name)
    if meant is None or meant.role == "both":
        return dict(given) if isinstance(given, Mapping) else given
    part = given.get(meant.role, 0.0) if isinstance(given, Mapping) else given
    return {expert: part if expert == meant.role else 0.0 for expert in EXPERTS}


def _sum(first: Any, second: Any) -> Any:
    """Both strengths together. A schedule, which only a last use can have left, has no sum."""
    if isinstance(first, Mapping) or isinstance(second, Mapping):
        parts = {expert: _sum(_part(first, expert), _part(second, expert)) for expert in EXPERTS}
        return parts["high"] if parts["high"] == parts["low"] else parts
    if isinstance(first, list) or isinstance(second, list):
        return second
    return round(first + second, 6)


def _part(strength: Any, expert: str) -> Any:
    return strength.get(expert, 0.0) if isinstance(strength, Mapping) else strength
