"""Sidecars: the files beside a LoRA that describe it, and what they say together.

Which tool writes what where is in `sidecar_forms.py`; `webui_json.py` writes one of them. All of
it is untrusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.description import MAX_TEXT, Description, plain_text, split_words
from wan_lora_studio.lora.files import loose_values
from wan_lora_studio.lora.files.companion_names import companion_kind
from wan_lora_studio.lora.files.encodings import decoded, encoding_note
from wan_lora_studio.lora.files.opening import read_small
from wan_lora_studio.lora.files.sidecar_forms import PLAIN, READ, Form, Kind, Place, form_of
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.untrusted_json import Limits, UntrustedJSONError, read_object

MAX_SIDECAR_BYTES = 4 * MB
MAX_NOTES = 20
MAX_ITEMS = 50  # of a list that are looked at
LIMITS = Limits(size=MAX_SIDECAR_BYTES)
VERSION = 3  # to be raised whenever the files are read in another way
READERS: Mapping[Kind, Any] = {
    "text": loose_values.read_text,
    "html": loose_values.read_html,
    "list": loose_values.read_list,
    "line": loose_values.read_line,
    "number": loose_values.read_number,
    "flag": loose_values.read_flag,
}
DESCRIBED = frozenset(item.name for item in fields(Description))
# A text of trigger words alone: one line of a few short parts, none of which is a sentence.
MOST_WORDS, LONGEST_WORD, MOST_BLANKS = 12, 40, 3
_LABELS = {
    "trigger_words": r"triggers?|trigger ?words?|activation (?:text|words?)|key ?words?|触发词",
    "negative_prompt": r"negative(?: prompt| text)?",
    "strength": r"(?:preferred |recommended )?(?:strength|weight)",
}
_LABELLED = re.compile(
    rf"\s*(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _LABELS.items())})"
    r"\s{0,3}[:=：]\s*(?P<value>\S.*)",
    re.IGNORECASE,
)
PLAIN_FORM = Form(
    {name: ((name,),) for name in ("text", "trigger_words", "negative_prompt", "strength")},
    lines=frozenset({"trigger_words"}),
    texts=frozenset({"strength"}),
)


@dataclass(frozen=True, slots=True)
class SidecarReading:
    """What the text files say, which of them could not be read, and what in them was not as
    their tool writes it."""

    description: Description = field(default_factory=Description)
    strength: float | None = None
    problems: tuple[str, ...] = ()
    favourite: bool = False
    strength_range: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Everything, as the catalogue keeps it."""
        own = (self.strength, self.problems, self.favourite, self.strength_range, self.notes)
        return json.dumps([VERSION, asdict(self.description), *own])

    @classmethod
    def from_json(cls, text: str) -> SidecarReading:
        """The reverse of `to_json`. Raises ValueError or TypeError on other text."""
        version, description, strength, problems, favourite, ends, notes = json.loads(text)
        if version != VERSION:
            raise ValueError("written by another version")
        return cls(
            Description.from_plain(description),
            strength,
            tuple(problems),
            favourite,
            None if ends is None else tuple(ends),
            tuple(notes),
        )

    def before(self, other: SidecarReading) -> SidecarReading:
        """This reading, with what it leaves empty taken from `other`; the notes of both."""
        return SidecarReading(
            merged_sidecars(self.description, other.description),
            self.strength if self.strength is not None else other.strength,
            self.problems + other.problems,
            self.favourite or other.favourite,
            self.strength_range or other.strength_range,
            (self.notes + other.notes)[:MAX_NOTES],
        )


def read_sidecars(stem_path: Path, endings: Collection[str]) -> SidecarReading:
    """Read the text files of a stem. A broken one is named in `problems` and skipped."""
    found = SidecarReading()
    for ending in sorted(
        filter(is_read_sidecar, endings), key=lambda ending: READ.index(companion_kind(ending))
    ):
        path = stem_path.with_name(stem_path.name + ending)
        try:
            reading = read_sidecar(path, ending)
        except LoRAFileError as error:
            reading = SidecarReading(problems=(error.message,))
        if companion_kind(ending) == ".txt" and found.description.text:
            text, said = reading.description.text, reading.description
            reading = replace(reading, description=replace(said, text="", usage_hint=text))
        found = found.before(reading)
    return found


def is_read_sidecar(ending: str) -> bool:
    """Whether a file of this ending says something about the LoRA in words."""
    return companion_kind(ending) in READ


def read_sidecar(path: Path, ending: str) -> SidecarReading:
    """What one text file of that ending says. Raises LoRAFileError, whatever is wrong with it."""
    with one_file(path.name, LoRAFileError):
        try:
            return _read(path, companion_kind(ending))
        except (OSError, ValueError) as error:
            reason = plain_text(str(error))[:200]
            raise LoRAFileError(
                say("lora.files.sidecar.unreadable", file=path.name, reason=reason)
            ) from error


def _read(path: Path, kind: str) -> SidecarReading:
    text, encoding = decoded(read_small(path, MAX_SIDECAR_BYTES))
    form, values = (
        (PLAIN_FORM, _said_plainly(text, kind))
        if kind in PLAIN
        else form_of(kind, read_object(text, LIMITS))
    )
    notes = [encoding_note(encoding)] if encoding_note(encoding) else []
    plain = dict(_fields(form, values, notes))
    low, high = plain.get("lowest"), plain.get("highest")
    return SidecarReading(
        Description(**{name: value for name, value in plain.items() if name in DESCRIBED}),
        plain.get("strength"),
        favourite=plain.get("favourite", False),
        strength_range=None if low is None or high is None or low >= high else (low, high),
        notes=tuple(f"{path.name}: {note}" for note in notes[:MAX_NOTES]),
    )


def _fields(form: Form, values: Mapping[str, Any], notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Each field of ours for which the form has a value."""
    for name, places in form.fields.items():
        for place in places:
            value = _value_at(values, place)
            if value is None or _is_unset(value, form):
                continue
            told: list[str] = []
            read = READERS[form.kind(name)](value, told.append)
            if name not in form.texts:
                notes += [f"{place[-1]} {note}" for note in told]
            if read not in ("", (), None, False) and not _is_unset(read, form):
                yield name, read
                break


def _is_unset(value: Any, form: Form) -> bool:
    return isinstance(value, str | int | float) and value in form.unset


def _value_at(values: Any, place: Place) -> Any:
    """The value at a place; None where there is none. A text on the way may be JSON itself, as
    ComfyUI-Lora-Manager keeps its `usage_tips`."""
    for at, key in enumerate(place):
        if key == "*":
            items = values[:MAX_ITEMS] if isinstance(values, list) else ()
            found = (_value_at(item, place[at + 1 :]) for item in items)
            return next((value for value in found if value), None)
        if isinstance(values, str):
            try:
                values = read_object(values)
            except UntrustedJSONError:
                return None
        if not isinstance(values, Mapping):
            return None
        values = values.get(key)
    return values


def _said_plainly(text: str, kind: str) -> Mapping[str, str]:
    """What a plain text says. A1111 takes `.txt` for the description; others keep the trigger
    words or a prompt in it, with a word before them or without."""
    if kind != ".txt":
        return {"text": text}
    found: dict[str, str] = {}
    rest = []
    for line in text[:MAX_TEXT].splitlines():
        labelled = _LABELLED.fullmatch(line)
        name = next((each for each in _LABELS if labelled and labelled[each]), None)
        if labelled and name and name not in found:
            found[name] = labelled["value"]
        else:
            rest.append(line)
    left = "\n".join(rest).strip()
    if left and "trigger_words" not in found and _is_words(left):
        return {**found, "trigger_words": left}
    return {**found, "text": left}


def _is_words(text: str) -> bool:
    words = split_words(text)
    short = (len(word) <= LONGEST_WORD and word.count(" ") <= MOST_BLANKS for word in words)
    return "\n" not in text and len(words) <= MOST_WORDS and all(short) and text[-1] not in ".!?。"


def merged_sidecars(first: Description, second: Description) -> Description:
    """`first`, with what it leaves empty taken from `second`."""
    empty = {
        name: getattr(second, name)
        for name in first.__dataclass_fields__
        if not getattr(first, name)
    }
    return replace(first, **empty)


def load_json(path: Path) -> Mapping[str, Any]:
    """The JSON object in a regular file of at most 4 MB. Raises OSError or UntrustedJSONError."""
    data = read_small(path, MAX_SIDECAR_BYTES)
    try:
        text = decoded(data)[0]
    except ValueError as error:
        raise UntrustedJSONError(say("lora.files.sidecar.no_text")) from error
    return read_object(text, LIMITS)
