"""Card fields: the library as the page's grid needs it, with nothing said twice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lora_ui.http.feed import PROGRESS, written
from wan_lora_studio.lora.selection import accelerator_of

# What only the details of one LoRA show; they are asked for when opened.
LEFT_OUT = frozenset(
    {
        "alpha", "compatible_models", "current_strength", "edited", "evidence", "files",
        "header_notes", "is_applied", "is_loaded", "model_hashes", "parameters", "ranks",
        "role_evidence", "sha256", "sha256s",
        "sidecar_notes", "sidecar_problems", "tensor_bytes", "verdicts",
    }
)  # fmt: skip
TEXTS_LEFT_OUT = frozenset(
    {"base_model", "date", "example_prompt", "negative_prompt", "usage_hint", "version"}
)
_NUMBER = re.compile(r"(\d+)")


class Shown(Protocol):
    """A library that says what of it has changed."""

    def changes_since(self, known: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it shows, with those LoRAs alone of which `known` has another state, and the
        states of all by name."""


class Cards:
    """The library as the grid's cards, each distinct verdict and each set of them written once.

    `verdicts` lists the distinct verdicts, `fits` the distinct `{model: index into verdicts}`;
    a card's `fit` is an index into `fits`. They come nearly in the order that the page sorts them
    into by the reader's language, which then takes few steps. Cards of what has not changed since
    the last time are not written again; one thread at a time.
    """

    def __init__(self, loras: Shown) -> None:
        self._loras = loras
        self._states: dict[str, Any] = {}
        self._written: dict[str, _Written] = {}  # by name, in order
        self._verdicts, self._fits = _Table(), _Table()

    def text(self) -> str:
        """A JSON object, without what changes all the time."""
        data, states = self._loras.changes_since(self._states)
        changed = data.pop("loras")
        if len(changed) == len(states):
            self._verdicts, self._fits = _Table(), _Table()
        length, fits = data["search"]["description"], self._places(changed)
        new = {
            record["name"]: _Written(
                _place(record), written({**_card(record, length), "fit": fits[id(record)]})
            )
            for record in changed
        }
        kept = {name: card for name, card in self._written.items() if name in states}
        ordered = sorted((kept | new).items(), key=lambda item: item[1].place)
        self._states, self._written = states, dict(ordered)
        rest = {**data, "verdicts": self._verdicts.rows, "fits": self._fits.rows}
        del rest[PROGRESS]
        cards = ",".join(card.text for card in self._written.values())
        return f'{written(rest)[:-1]},"loras":[{cards}]}}'

    def _places(self, records: list[dict[str, Any]]) -> dict[int, int]:
        """By the record's identity, the place of its verdicts in the table."""
        places: dict[int, int] = {}  # by the verdicts that records share
        found = {}
        for record in records:
            said = record["verdicts"]
            if id(said) not in places:
                each = {model: self._verdicts.index(_shown(one)) for model, one in said.items()}
                places[id(said)] = self._fits.index(each)
            found[id(record)] = places[id(said)]
        return found


@dataclass(frozen=True, slots=True)
class _Written:
    """A card as JSON, and where it is in the order."""

    place: tuple[list[tuple[int, str]], str]
    text: str


class _Table:
    """Distinct values in the order in which they came."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._places: dict[str, int] = {}

    def index(self, value: Any) -> int:
        place = self._places.setdefault(json.dumps(value, sort_keys=True), len(self.rows))
        if place == len(self.rows):
            self.rows.append(value)
        return place


def _place(record: Mapping[str, Any]) -> tuple[list[tuple[int, str]], str]:
    """By what it is called, numbers by their value."""
    name = record["name"]
    parts = _NUMBER.split((record.get("title") or name).casefold())
    return [(int(each[:18]) if each.isdecimal() else -1, each) for each in parts if each], name


def _shown(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {key: verdict[key] for key in ("verdict", "misfit", "reasons", "coverage")}


def _card(record: Mapping[str, Any], description: int) -> dict[str, Any]:
    """`description` is how many characters of one the page searches."""
    kept = {key: value for key, value in record.items() if key not in LEFT_OUT}
    texts = {key: value for key, value in record["metadata"].items() if key not in TEXTS_LEFT_OUT}
    texts["description"] = str(texts.get("description", ""))[:description]
    fast = {"accelerator": True} if accelerator_of(record) else {}
    return {**kept, **fast, "metadata": texts}
