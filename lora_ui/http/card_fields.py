"""Card fields: the library as the page's grid needs it, with nothing said twice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

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


def compact(data: Mapping[str, Any]) -> dict[str, Any]:
    """The display data with each distinct verdict, and each set of them, written once.

    `verdicts` lists the distinct verdicts, `fits` the distinct `{model: index into verdicts}`;
    a card's `fit` is an index into `fits`. They come nearly in the order that the page sorts them
    into by the reader's language, which then takes few steps.
    """
    verdicts, fits = _Table(), _Table()
    places: dict[int, int] = {}  # by the verdicts that records share
    cards = []
    for record in sorted(data["loras"], key=_place):
        said = record["verdicts"]
        if id(said) not in places:
            found = {model: verdicts.index(_shown(each)) for model, each in said.items()}
            places[id(said)] = fits.index(found)
        card = _card(record, data["search"]["description"])
        cards.append({**card, "fit": places[id(said)]})
    rest = {key: value for key, value in data.items() if key != "loras"}
    return {**rest, "verdicts": verdicts.rows, "fits": fits.rows, "loras": cards}


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
