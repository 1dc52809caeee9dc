"""What a LoRA file is, from its header alone: `inspect_lora` → `LoRAInfo`.

Whether it fits a model is `compatibility.judge`.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from backend.lora.dialects import read_keys, unsupported_kinds
from backend.lora.experts import find_role
from backend.lora.family import family_of, hidden_size
from backend.lora.header import Header, RawHeader, open_regular, parse_header, read_raw
from backend.lora.header_usual import split_usual
from backend.lora.info import Form, LoRAInfo
from backend.lora.key_forms import KeyReading
from backend.lora.layers import LayerGroup, group_layers
from backend.lora.metadata import describe
from backend.lora.scaling import read_scaling
from backend.lora.shapes import Algebra, algebras, flaw, rank
from backend.lora.task_hints import task_hints
from backend.lora.tensor_data import NumberPlaces, number_places, read_numbers

LISTED = 20  # problems that are spelled out; the rest is counted


@dataclass(frozen=True, slots=True)
class FormReading:
    """A form, the experts that its keys name, and where its alphas are."""

    form: Form
    experts: frozenset[str]
    alphas: tuple[NumberPlaces, ...]


class FormCache:
    """The readings of the last forms that were met, so that equal headers are read once.

    May be used by several threads.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._readings: OrderedDict[str, FormReading] = OrderedDict()

    def read(self, raw: RawHeader) -> tuple[FormReading, Mapping[str, str]]:
        """What the header says, and its metadata. Raises LoRAFileError."""
        split = split_usual(raw.text)
        key = "" if split is None else _form_key(split[1])
        reading = self._find(key)
        if split and reading and reading.form.tensor_bytes == raw.file_size - raw.data_start:
            return reading, split[0]
        header = parse_header(raw)
        reading = _read_form(header, key or _form_key(raw.text))
        self._keep(key, reading)
        return reading, header.metadata

    def _find(self, key: str) -> FormReading | None:
        with self._lock:
            if key in self._readings:
                self._readings.move_to_end(key)
            return self._readings.get(key)

    def _keep(self, key: str, reading: FormReading) -> None:
        with self._lock:
            if key:
                self._readings[key] = reading
            while len(self._readings) > self._size:
                self._readings.popitem(last=False)


def inspect_lora(
    path: str | Path, *, name_hint: str | None = None, forms: FormCache | None = None
) -> LoRAInfo:
    """Read what the file at `path` is. Tensor data is not read, apart from single numbers.

    `name_hint` is the name by which its role is judged (a path relative to the library, so that
    a folder name can count); default: its own name and folder. `forms` spares reading the same
    form again. Raises LoRAFileError if the header is broken. A file of unknown layout is no
    error: it has no `layers`.
    """
    path = Path(path)
    raw = read_raw(path)
    reading, metadata = (forms or FormCache()).read(raw)
    form = reading.form
    hint = name_hint or f"{path.parent.name}/{path.name}"
    role = find_role(set(reading.experts), metadata, hint)
    return LoRAInfo(
        form=form,
        alphas=_alphas(path, raw.data_start, reading.alphas),
        scaling=read_scaling(path, metadata),
        expert=role.role,
        expert_evidence=role.evidence,
        task_hints=task_hints(form.layers, form.width, metadata, hint),
        description=describe(metadata),
        model_hash=metadata.get("sshs_model_hash", "")[:128],
    )


def _form_key(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


def _read_form(header: Header, key: str) -> FormReading:
    columns = header.columns
    reading = read_keys(columns.keys)
    layers = group_layers(reading.forms, dict(zip(columns.keys, columns.shapes, strict=True)))
    ranks = _ranks(layers)
    width = hidden_size(layers)
    form = Form(
        key=key,
        dialects=reading.dialects,
        algebras=_algebras(layers),
        ranks=tuple(sorted(ranks)),
        rank=max(ranks, key=lambda r: ranks[r]) if ranks else None,
        family=family_of(width),
        width=width,
        blocks=len({number for layer in layers for number in layer.blocks}),
        modules=sum(layer.count for layer in layers),
        tensors=len(columns.keys),
        tensor_bytes=header.file_size - header.data_start,
        parameters=sum(_parameters(layer) for layer in layers),
        dtypes=tuple(sorted({*columns.dtypes})),
        layers=layers,
        ignored=reading.ignored,
        unknown=reading.unknown,
        problems=_problems(layers, reading),
    )
    experts = frozenset(form.expert for form in reading.forms if form.expert)
    alphas = {key for form in reading.forms if form.part == "alpha" for key in form.keys.values()}
    return FormReading(form, experts, number_places(header, alphas))


def _parameters(layers: LayerGroup) -> int:
    return layers.count * sum(prod(part.shape) for part in layers.parts if part.part != "alpha")


def _algebras(layers: Iterable[LayerGroup]) -> tuple[Algebra, ...]:
    found: set[Algebra] = set()
    for layer in layers:
        found |= algebras(layer.shapes)
    order: tuple[Algebra, ...] = ("lora", "lokr", "loha", "dora", "diff")
    return tuple(name for name in order if name in found)


def _ranks(layers: Iterable[LayerGroup]) -> Counter[int]:
    found: Counter[int] = Counter()
    for layer in layers:
        number = rank(layer.shapes)
        if number is not None:
            found[number] += layer.count
    return found


def _alphas(path: Path, data_start: int, places: tuple[NumberPlaces, ...]) -> tuple[float, ...]:
    if not places:
        return ()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        return read_numbers(file, data_start, places)


def _problems(layers: Iterable[LayerGroup], reading: KeyReading) -> tuple[str, ...]:
    """Why no model can take this file, each naming the layer."""
    found = []
    for layer in layers:
        what = flaw(layer.shapes)
        if what:
            name = next(layer.modules())[0]
            more = f" and {layer.count - 1} more" if layer.count > 1 else ""
            found.append(f"{name}{more}: {what}")
    found += [f"{one} and {other} are two values for one place" for one, other in reading.conflicts]
    found += unsupported_kinds(reading.unknown)
    if len(found) > LISTED:
        found[LISTED:] = [f"and {len(found) - LISTED} more"]
    return tuple(found)
