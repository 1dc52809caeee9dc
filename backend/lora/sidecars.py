"""Files beside a LoRA that belong to it: previews and descriptions by other tools.

They move with the LoRA and are read here; `webui_json.py` writes one of them. Formats:
A1111/Forge `stem.json`, ComfyUI-Lora-Manager `stem.metadata.json`, Civitai helpers'
`stem.civitai.info`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from backend.lora.metadata import Description, plain_text, split_words
from backend.lora.names import SUFFIX
from backend.lora.small_files import read_small
from backend.untrusted_json import Limits, UntrustedJSONError, read_json, read_object

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
VIDEOS = (".mp4", ".webm")
TEXTS = (
    ".json",
    ".txt",
    ".civitai.info",
    ".cm-info.json",
    ".swarm.json",
    ".metadata.json",
    ".description.txt",
)
MARKS = (".preview", ".thumb", "")
SUFFIXES = TEXTS + tuple(f"{mark}{end}" for mark in MARKS for end in PICTURES + VIDEOS)
CIVITAI_KEYS = frozenset({"modelVersions", "modelId", "trainedWords", "nsfwLevel"})
MAX_BYTES = 4 * 1024 * 1024
LIMITS = Limits(size=MAX_BYTES)


@dataclass(frozen=True, slots=True)
class SidecarReading:
    """What the text files say, and which of them could not be read."""

    description: Description = field(default_factory=Description)
    strength: float | None = None
    problems: tuple[str, ...] = ()
    favourite: bool = False
    strength_range: tuple[float, float] | None = None

    def to_json(self) -> str:
        """Everything, as the catalogue keeps it."""
        own = (self.strength, self.problems, self.favourite, self.strength_range)
        return json.dumps([asdict(self.description), *own])

    @classmethod
    def from_json(cls, text: str) -> SidecarReading:
        """The reverse of `to_json`. Raises ValueError or TypeError on other text."""
        description, strength, problems, favourite, ends = json.loads(text)
        return cls(
            Description.from_plain(description),
            strength,
            tuple(problems),
            favourite,
            None if ends is None else tuple(ends),
        )


def sidecar_suffixes(stem: str, names: Collection[str]) -> list[str]:
    """The suffixes with which `stem` has files among `names` (one folder's file names).

    `a.preview.png` belongs to `a.preview.safetensors` rather than to `a` if both are there.
    """
    found = []
    for suffix in SUFFIXES:
        if f"{stem}{suffix}" not in names:
            continue
        longer = next((mark for mark in MARKS if mark and suffix.startswith(mark)), "")
        if not (longer and f"{stem}{longer}{SUFFIX}" in names):
            found.append(suffix)
    return found


def ending_of(filename: str) -> str | None:
    """What follows the stem in a sidecar's name, whatever the stem; None if it is no sidecar."""
    found = [suffix for suffix in SUFFIXES if filename.casefold().endswith(suffix)]
    return max(found, key=len, default=None)


def preview_suffixes(suffixes: Collection[str]) -> list[str]:
    """Picture suffixes among `suffixes`, then video suffixes, the best first."""
    pictures = [f"{mark}{end}" for mark in MARKS for end in PICTURES]
    videos = [f"{mark}{end}" for mark in MARKS for end in VIDEOS]
    return [suffix for suffix in pictures + videos if suffix in suffixes]


def read_sidecars(stem_path: Path, suffixes: Collection[str]) -> SidecarReading:
    """Read the text files of a stem. A broken one is named in `problems` and skipped."""
    description, strength, problems, favourite = Description(), None, [], False
    ends: tuple[float, float] | None = None
    for suffix, reader in READERS.items():
        if suffix not in suffixes:
            continue
        path = stem_path.with_name(stem_path.name + suffix)
        try:
            values = load_json(path)
        except (OSError, UntrustedJSONError) as error:
            problems.append(f"{path.name} cannot be read: {error}")
            continue
        found, value = reader(values)
        description = merged(description, found)
        strength = strength if strength is not None else value
        favourite = favourite or values.get("favorite") is True
        ends = ends or _range(usage_tips(values))
    return SidecarReading(description, strength, tuple(problems), favourite, ends)


def merged(first: Description, second: Description) -> Description:
    """`first`, with what it leaves empty taken from `second`."""
    empty = {
        name: getattr(second, name)
        for name in first.__dataclass_fields__
        if not getattr(first, name)
    }
    return replace(first, **empty)


def load_json(path: Path) -> Mapping[str, Any]:
    """The JSON object in a regular file of at most 4 MB. Raises OSError or UntrustedJSONError."""
    return read_object(read_small(path, MAX_BYTES), LIMITS)


def is_civitai_dump(values: Mapping[str, Any]) -> bool:
    """Whether a `stem.json` is Civitai's own description of the model, as SD.Next keeps it."""
    return not CIVITAI_KEYS.isdisjoint(values)


def _webui(values: Mapping[str, Any]) -> tuple[Description, float | None]:
    if is_civitai_dump(values):
        return _civitai_dump(values)
    found = Description(
        text=strip_html(values.get("description")),
        base_model=plain_text(values.get("sd version")),
        trigger_words=split_words(plain_text(values.get("activation text"))),
        usage_hint=plain_text(values.get("notes")),
    )
    # 0 is what A1111 writes when nothing was entered.
    return found, _number(values.get("preferred weight")) or None


def _lora_manager(values: Mapping[str, Any]) -> tuple[Description, float | None]:
    civitai = _mapping(values.get("civitai"))
    strength = _number(usage_tips(values).get("strength"))
    found = Description(
        title=plain_text(values.get("model_name")),
        text=strip_html(values.get("modelDescription")),
        base_model=plain_text(values.get("base_model")),
        usage_hint=plain_text(values.get("notes")),
        tags=_words(values.get("tags")),
        trigger_words=_words(civitai.get("trainedWords")),
        author=plain_text(_mapping(civitai.get("creator")).get("username")),
    )
    return found, strength


def usage_tips(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """ComfyUI-Lora-Manager's tips, a JSON text: `strength`, `strength_min`, `strength_max`."""
    tips = values.get("usage_tips")
    try:
        return _mapping(read_json(tips)) if isinstance(tips, str) and tips else {}
    except UntrustedJSONError:
        return {}


def _range(tips: Mapping[str, Any]) -> tuple[float, float] | None:
    low, high = _number(tips.get("strength_min")), _number(tips.get("strength_max"))
    return None if low is None or high is None or low >= high else (low, high)


def _civitai(values: Mapping[str, Any]) -> tuple[Description, float | None]:
    model = _mapping(values.get("model"))
    found = Description(
        title=plain_text(model.get("name")),
        text=strip_html(values.get("description")),
        version=plain_text(values.get("name")),
        base_model=plain_text(values.get("baseModel")),
        tags=_words(model.get("tags")),
        trigger_words=_words(values.get("trainedWords")),
        author=plain_text(_mapping(values.get("creator")).get("username")),
    )
    return found, None


def _civitai_dump(values: Mapping[str, Any]) -> tuple[Description, float | None]:
    """A version, or a model with its versions, of which the first is the newest."""
    versions = values.get("modelVersions")
    if not isinstance(versions, list) or not versions:
        return _civitai(values)
    return _civitai({**_mapping(versions[0]), "creator": values.get("creator"), "model": values})


READERS = {".json": _webui, ".metadata.json": _lora_manager, ".civitai.info": _civitai}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> tuple[str, ...]:
    words = [plain_text(word) for word in value] if isinstance(value, list) else []
    return tuple(dict.fromkeys(word for word in words if word))[:50]


def _number(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and abs(value) <= 100 else None


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("p", "br", "li", "div"):
            self.parts.append("\n")


def strip_html(value: Any) -> str:
    """The text of an HTML fragment, as Civitai stores descriptions."""
    text = plain_text(value)
    if "<" not in text:
        return text
    parser = _Text()
    parser.feed(text.replace("<![", "["))  # what the parser ends at with an AssertionError
    parser.close()
    return plain_text("".join(parser.parts))
