"""LoRAs that make a video in a few steps without guidance, and the settings that they are for.

What a person tags goes first; then the tags, the title, the name and the hint of the file, in the
words that the makers of such LoRAs use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TAG = "accelerator"
NOT_TAG = "no accelerator"  # takes it back for a LoRA whose name sounds like one
TAGS = frozenset({TAG, "acceleration", "distillation", "distilled", "step distillation"})
DEFAULT_STEPS = 4
DEFAULT_FLOW_SHIFT = 5.0  # at which the distilled Wan models of lightx2v were made
GUIDANCE = 1.0
MOST_STEPS = 16  # more is no acceleration, but a number that means something else
# The words of their names, each by a part without which a name cannot hold it: to look for those
# parts first is ten times as fast, and every LoRA of a library is asked.
_WORDS = {
    "lightning": "lightning",
    "lightx2v": "lightx2v",
    "causvid": "causvid",
    "accvid": "accvid",
    "fastwan": "fastwan",
    "fusionx": "fusionx",
    "forcing": r"self[-_ ]?forcing",
    "turbo": "turbo",
    "hyper": r"hyper[-_ ]?sd",
    "dmd": "dmd2?",
    "lcm": "lcm",
    "distill": r"(?:cfg[-_ ]?)?step[-_ ]?distill\w*",
}
_NAMES = re.compile(rf"(?<![a-z])(?:{'|'.join(_WORDS.values())})(?![a-z])", re.IGNORECASE)
_STEPS = re.compile(r"(?<![\d.])(\d{1,2})[-_ ]?steps?(?![a-z])", re.IGNORECASE)
_SHIFT = re.compile(r"shift\D{0,6}?(\d+(?:\.\d+)?)", re.IGNORECASE)
_STRENGTH = re.compile(r"strengths?\D{0,6}?(\d+(?:\.\d+)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Accelerator:
    """The settings that one click applies; `guidance` is for both experts."""

    steps: int
    guidance: float
    flow_shift: float
    strength: Any

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def accelerator_of(record: Mapping[str, Any]) -> Accelerator | None:
    """The settings that a library record's LoRA is for; None if it is no accelerator."""
    metadata = record["metadata"]
    tags = {str(tag).casefold() for tag in metadata["tags"]}
    names = " ".join((record["name"], record["title"]))
    if NOT_TAG in tags or not (tags & TAGS or _sounds_fast(names)):
        return None
    hints = (str(metadata.get("usage_hint", "")), names, " ".join(tags), metadata["description"])
    return Accelerator(
        steps=_steps(hints),
        guidance=GUIDANCE,
        flow_shift=_number(_SHIFT, hints) or DEFAULT_FLOW_SHIFT,
        strength=_preferred(record, _number(_STRENGTH, hints)),
    )


def _sounds_fast(names: str) -> bool:
    plain = names.lower()
    return any(part in plain for part in _WORDS) and _NAMES.search(names) is not None


def tags_with(tags: list[str], *, accelerator: bool) -> list[str]:
    """The tags after a person has said whether it is an accelerator."""
    kept = [tag for tag in tags if tag.casefold() not in (*TAGS, NOT_TAG)]
    return [*kept, TAG if accelerator else NOT_TAG]


def _steps(texts: tuple[str, ...]) -> int:
    found = (int(value) for text in texts for value in _STEPS.findall(text))
    return next((steps for steps in found if 1 <= steps <= MOST_STEPS), DEFAULT_STEPS)


def _number(pattern: re.Pattern[str], texts: tuple[str, ...]) -> float | None:
    for text in texts:
        if found := pattern.search(text):
            return float(found.group(1))
    return None


def _preferred(record: Mapping[str, Any], hinted: float | None) -> Any:
    """The strength that a person or a sidecar prefers, else the hint's, else 1."""
    preferred = record.get("preferred_strengths")
    if preferred:
        high, low = preferred["high"], preferred["low"]
        return high if high == low else {"high": high, "low": low}
    return 1.0 if hinted is None else hinted
