"""Rows: models of other programs as rows of the model table, each a variant of a row that is there.

High and low noise are paired by the rules for LoRAs. What is not sure is no row: it is left out
with what to write into config.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wan_lora_studio.lora.index import Entry, entries_by_name
from wan_lora_studio.model_store import installed_folder
from wan_lora_studio.settings import Component, Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.found_models.looking import FoundFile, LeftOut, look

GENERATION = re.compile(r"wan[ ._-]?2[._]?([12])(?!\d)", re.IGNORECASE)
NOISE = re.compile(r"[-_. ]noise(?=[-_. ]|$)", re.IGNORECASE)
PARTS: Mapping[str, Component] = {"high": "transformer", "low": "transformer_2"}
WEIGHT_SUFFIXES = (".safetensors", ".bin")
# Of several text encoders or VAEs the first of these is taken.
BEST = ("bf16", "fp16", "fp32", "fp8 scaled", "fp8")
SUFFIX = ".safetensors"
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
VAE_OF_48_CHANNELS = ("wan2.2-ti2v-5B",)


@dataclass(frozen=True)
class FoundModels:
    """`rows` are new rows of the model table as they are written in a file, and rows that are
    there with more weights; `left_out` is what lies there and is not offered."""

    rows: Mapping[str, Mapping[str, Any]]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class _Model:
    """Transformers that make one model: a variant of the row `like`."""

    like: str
    name: str
    storage: str
    weights: Mapping[Component, Path]


def found_models(settings: Settings) -> FoundModels:
    """What the folders of `extra_model_paths` offer. Never raises for what lies there."""
    if not settings.model_folders:
        return FoundModels({}, ())
    looked = look(settings.model_folders, settings.data_dir)
    unusable = [
        LeftOut(file.path, file.what.why, _ADVICE) for file in looked.files if file.what.why
    ]
    usable = [file for file in looked.files if not file.what.why]
    models, asked = _models(settings, usable)
    shared = _Shared(settings, usable)
    rows: dict[str, Mapping[str, Any]] = dict(shared.for_the_table())
    known = [set(settings.weight_files(name).values()) for name in settings.models]
    taken = set(settings.models)
    for model in models:
        if set(model.weights.values()) in known:
            continue  # a row of the table names these files
        name = _free_name(model.name, taken)
        taken.add(name)
        rows[name] = _row(settings, model, shared)
    return FoundModels(rows, (*looked.left_out, *unusable, *asked))


_ADVICE = say("wan.found_models.other_file")


def _row(settings: Settings, model: _Model, shared: _Shared) -> dict[str, Any]:
    title = settings.model(model.like).title.partition(" (")[0]
    weights = {part: str(path) for part, path in model.weights.items()}
    return {
        "like": model.like,
        "title": f"{title} · {model.storage} ({model.name})",
        "precision": "fp8" if model.storage.startswith("fp8") else "bf16",
        "weights": {**shared.beside(model.like), **weights},
    }


class _Shared:
    """Text encoders and VAEs, which are used where a row's folder has none."""

    def __init__(self, settings: Settings, files: Iterable[FoundFile]) -> None:
        self._settings = settings
        self._files = sorted(files, key=lambda file: (_rank(file), str(file.path)))

    def beside(self, name: str) -> dict[str, str]:
        """Of a row, by component: the files that it can do with."""
        wide = self._settings.model(name).architecture in VAE_OF_48_CHANNELS
        wanted: Mapping[Component, str] = {
            "text_encoder": "umt5-xxl",
            "vae": "wan2.2" if wide else "wan2.1",
        }
        found: dict[str, str] = {}
        for part, kind in wanted.items():
            fitting = (
                file.path
                for file in self._files
                if file.what.component == part and kind in file.what.kinds
            )
            path = next(fitting, None)
            if path is not None and not _folder_has(self._settings, name, part):
                found[part] = str(path)
        return found

    def for_the_table(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The table's rows whose own files lie in the folders, with what they can do with."""
        folders = self._settings.model_folders
        for name, row in self._settings.models.items():
            files = self._settings.weight_files(name).values()
            theirs = [path for path in files if any(map(path.is_relative_to, folders))]
            more = self.beside(name) if theirs else {}
            if more.keys() - row.weights.keys():
                yield name, {**row.model_dump(), "weights": {**more, **row.weights}}


def _rank(file: FoundFile) -> int:
    storage = file.what.storage
    return BEST.index(storage) if storage in BEST else len(BEST)


def _folder_has(settings: Settings, name: str, part: Component) -> bool:
    """Whether the row's folder, in models_dir or in the hub's cache, has weights of its own."""
    folder = (installed_folder(settings, name) or settings.model_folder(name)) / part
    return folder.is_dir() and any(path.suffix in WEIGHT_SUFFIXES for path in folder.iterdir())


def _models(settings: Settings, files: list[FoundFile]) -> tuple[list[_Model], list[LeftOut]]:
    groups: dict[tuple[tuple[str, ...], str], list[FoundFile]] = {}
    for file in files:
        if file.what.component == "transformer":
            groups.setdefault((file.what.kinds, file.what.storage), []).append(file)
    models: list[_Model] = []
    left_out: list[LeftOut] = []
    for (kinds, storage), group in groups.items():
        bases = [row for kind in kinds if (row := _base(settings, kind))]
        if not bases:
            left_out += [LeftOut(file.path, _no_row(kinds), _ADD_A_ROW) for file in group]
            continue
        one = next((row for row in bases if len(settings.model(row).experts) == 1), None)
        two = next((row for row in bases if len(settings.model(row).experts) == 2), None)
        alone = [file for file in group if one and (two is None or _is_of_2_1(file.path))]
        for file in alone:
            assert one is not None
            models.append(_Model(one, _name(file.path), storage, {"transformer": file.path}))
        rest = {_as_lora(file.path): file.path for file in group if file not in alone}
        if rest and two is not None:
            for entry in entries_by_name(rest):
                if entry.is_pair:
                    models.append(_paired(entry, two, storage, rest))
                else:
                    left_out.append(_question(entry, two, one, rest, settings))
    return models, left_out


def _is_of_2_1(path: Path) -> bool:
    """By its name, or by its folder's where that says nothing."""
    said = (GENERATION.search(name) for name in (path.name, path.parent.name))
    return next((found[1] == "1" for found in said if found), False)


def _base(settings: Settings, kind: str) -> str | None:
    """The row that others of its kind are like: one without files of its own, where there is."""
    rows = [name for name, row in settings.models.items() if row.architecture == kind]
    plain = (name for name in rows if not settings.model(name).weights)
    return next(plain, rows[0] if rows else None)


def _no_row(kinds: tuple[str, ...]) -> str:
    return say("wan.found_models.no_row", kinds=", ".join(kinds))


_ADD_A_ROW = say("wan.found_models.add_row")


def _paired(entry: Entry, like: str, storage: str, paths: Mapping[str, Path]) -> _Model:
    weights = {PARTS[role]: paths[file.path] for role, file in entry.files.items()}
    # What is left of `high_noise` once the role is out of a pair's name.
    return _Model(like, NOISE.sub("", entry.name), storage, weights)


def _question(
    entry: Entry, two: str, one: str | None, paths: Mapping[str, Path], settings: Settings
) -> LeftOut:
    """What someone has to say of a file of which it isn't sure what it is."""
    own = paths[entry.first.path]
    title = settings.model(two).title.partition(" (")[0]
    half = entry.missing_half
    others = [path for path in paths.values() if _name(path) in entry.offers]
    other = str(others[0]) if others else say("wan.found_models.the_other_file")
    if half is not None:
        weights = {PARTS["low" if half == "high" else "high"]: str(own), PARTS[half]: other}
        why = say("wan.found_models.which_half", model=title, half=half)
        return LeftOut(own, why, say("wan.found_models.write", row=_written(two, entry, weights)))
    weights = {PARTS["high"]: str(own), PARTS["low"]: other}
    advice = say("wan.found_models.write_high", row=_written(two, entry, weights))
    if one is None:
        why = say("wan.found_models.which_expert", model=title)
        return LeftOut(own, why, advice)
    single = settings.model(one).title.partition(" (")[0]
    why = say("wan.found_models.which_model", single=single, model=title)
    alone = _written(one, entry, {"transformer": str(own)})
    instead = say("wan.found_models.write_model", model=single, row=alone)
    return LeftOut(own, why, f"{instead} {advice}")


def _written(like: str, entry: Entry, weights: Mapping[Component, str]) -> str:
    ordered = {part: weights[part] for part in PARTS.values() if part in weights}
    row = {"like": like, "title": entry.name, "weights": ordered}
    return json.dumps({"models": {_plain(entry.name): row}}, ensure_ascii=False)


def _as_lora(path: Path) -> str:
    """The path as that of a LoRA would be, whose ending is no part of its name."""
    return (path if path.is_dir() else path.with_suffix("")).as_posix() + SUFFIX


def _name(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _plain(name: str) -> str:
    return NOT_IN_NAMES.sub("-", name).strip("-.") or "model"


def _free_name(name: str, taken: set[str]) -> str:
    """The name as a model_type, with a number where another has it."""
    plain = _plain(name)
    lowered = {each.casefold() for each in taken}
    number = 2
    found = plain
    while found.casefold() in lowered:
        found, number = f"{plain}-{number}", number + 1
    return found
