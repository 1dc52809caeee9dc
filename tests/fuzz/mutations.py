"""Changes of JSON as values, for readers that no change of single bytes gets far into."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

INTERESTING = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 5e-324, 2**31, 2**53, 2**63, 2**64, 10**99,
    "", " ", "a", "0", "1e5", "NaN", "None", "\0", "\ud800", "\u202e", "é", "[[", "{}", "x" * 600,
    "<![foo[", "a,b;c\n", "875,1000", [], {}, [[]], [{}], [0, 1], [[0, 1], [1, 0]], {"": None},
    {"high": 1, "low": 0}, {"both": "a" * 64},
)  # fmt: skip
Mutate = Callable[[bytes, int], bytes]


def mutated(data: bytes, most: int, seed: int, bytewise: Mutate) -> bytes:
    """`data` with the JSON in it changed in one place, or a byte of it as `bytewise` does."""
    chance = random.Random(seed)
    start = data.find(b"{")
    if start < 0 or chance.random() < 0.4:
        return bytewise(data, most)
    try:
        value, end = json.JSONDecoder().raw_decode(data[start:].decode("latin-1"))
    except (ValueError, RecursionError):
        return bytewise(data, most)
    for _ in range(chance.choice((1, 1, 2, 4))):
        value = _changed(value, chance)
    text = json.dumps(value, separators=(",", ":")).encode("latin-1", "replace")
    return (data[:start] + text + data[start + end :])[:most]


def _changed(value: Any, chance: random.Random) -> Any:
    """A copy with a change at this place or below it."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        return _changed_object(value, chance)
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        kept = [*value]
        if chance.random() < 0.2:
            kept[place : place + 1] = chance.choice(([], [value[place]] * 2, [value[place]] * 40))
        else:
            kept[place] = _changed(value[place], chance)
        return kept
    if isinstance(value, str) and chance.random() < 0.5:
        place = chance.randrange(len(value) + 1)
        return value[:place] + chance.choice(("", ",", '"', "[", "9", "\0", "é")) + value[place:]
    return chance.choice(INTERESTING)


def _changed_object(value: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    key = chance.choice(list(value))
    kept = dict(value)
    kind = chance.random()
    if kind < 0.1:
        del kept[key]
    elif kind < 0.2:
        kept[chance.choice((key + "2", "", key.upper(), key[:-1], "__metadata__"))] = value[key]
    elif kind < 0.3:
        kept[key] = value[chance.choice(list(value))]
    else:
        kept[key] = _changed(value[key], chance)
    return kept
