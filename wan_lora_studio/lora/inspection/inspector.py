"""Inspector: what a LoRA file is, from its header alone (`inspect_lora` → `LoRAInfo`).

Whether it fits a model is `compatibility.judge`.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path

from wan_lora_studio.errors import UnsupportedLoRAError
from wan_lora_studio.lora.files import (
    Header,
    NumberPlaces,
    RawHeader,
    number_places,
    open_regular,
    parse_header,
    raw_header,
    read_numbers,
    split_usual,
)
from wan_lora_studio.lora.inspection.dialects import nothing_readable, read_keys, refusals
from wan_lora_studio.lora.inspection.header_texts import describe, too_long
from wan_lora_studio.lora.inspection.info import Form, LoRAInfo
from wan_lora_studio.lora.inspection.keys import SCALES, KeyReading
from wan_lora_studio.lora.inspection.layers import LayerGroup, group_layers, split_fused
from wan_lora_studio.lora.inspection.model_hints import (
    family_of,
    hidden_size,
    layer_hints,
    task_hints,
)
from wan_lora_studio.lora.inspection.role_evidence import find_role
from wan_lora_studio.lora.inspection.scaling import Scaling, read_scaling
from wan_lora_studio.lora.inspection.shapes import Algebra, algebras, rank_of, shape_flaw
from wan_lora_studio.texts import say

LISTED = 20  # problems that are spelled out; the rest is counted


@dataclass(frozen=True, slots=True)
class FormReading:
    """A form, the experts that its keys name, what its layers say of its task, and where its
    alphas are.

    `samples` are one alpha of each kind of layer, and of one kind those of all blocks.
    """

    form: Form
    experts: frozenset[str]
    task_hints: tuple[tuple[str, str], ...]
    alphas: tuple[NumberPlaces, ...]
    samples: tuple[NumberPlaces, ...]


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
    path: str | Path,
    *,
    name_hint: str | None = None,
    forms: FormCache | None = None,
    configured: bool = True,
) -> LoRAInfo:
    """Read what the file at `path` is. Tensor data is not read, apart from single numbers.

    `name_hint` is the name by which its role is judged (a path relative to the library, so that
    a folder name can count); default: its own name and folder. `forms` spares reading the same
    form again; `configured` False says that no adapter's configuration lies beside the file.
    Raises LoRAFileError if the header is broken. A file of unknown layout is no error: it has
    no `layers`.
    """
    path = Path(path)
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        raw = raw_header(file, path.name)
        reading, metadata = (forms or FormCache()).read(raw)
        alphas = _alphas(file, raw.data_start, reading)
    hint = name_hint or f"{path.parent.name}/{path.name}"
    scaling = read_scaling(path, metadata, configured=configured)
    return _info(_Read(raw, reading, metadata, alphas), hint, scaling)


def inspect_with_header(path: Path, name_hint: str) -> tuple[LoRAInfo, Header]:
    """As `inspect_lora` for a file with no adapter's configuration beside it, and its header; of
    which each part is read once."""
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        raw = raw_header(file, path.name)
        header = parse_header(raw)
        split = split_usual(raw.text)
        reading = _read_form(header, _form_key(raw.text if split is None else split[1]))
        alphas = _alphas(file, raw.data_start, reading)
    scaling = read_scaling(path, header.metadata, configured=False)
    return _info(_Read(raw, reading, header.metadata, alphas), name_hint, scaling), header


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a file."""

    raw: RawHeader
    reading: FormReading
    metadata: Mapping[str, str]
    alphas: tuple[float, ...]


def _info(read: _Read, hint: str, scaling: Scaling) -> LoRAInfo:
    form, metadata = read.reading.form, read.metadata
    notes = too_long(read.raw.left_empty)
    description = describe(metadata, notes)
    return LoRAInfo(
        form=form,
        alphas=read.alphas,
        scaling=scaling,
        evidence=find_role(set(read.reading.experts), metadata, hint, family=form.family),
        task_hints=task_hints(read.reading.task_hints, metadata, hint),
        description=description,
        notes=tuple(notes),
        model_hash=metadata.get("sshs_model_hash", "")[:128],
    )


def _form_key(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


def _read_form(header: Header, key: str) -> FormReading:
    columns = header.columns
    reading = read_keys(columns.keys)
    shapes = dict(zip(columns.keys, columns.shapes, strict=True))
    stored = group_layers(reading.forms, shapes)
    layers, problems = _split(stored)
    problems += _problems(stored, reading)
    problems += refusals(reading, lambda key: len(shapes[key]))
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
        parameters=sum(_parameters(layer) for layer in stored),
        dtypes=tuple(sorted({*columns.dtypes})),
        layers=layers,
        ignored=reading.ignored,
        unknown=reading.unknown,
        unread={expert or "both": count for expert, count in reading.unread.items()},
        problems=_shortened(problems),
    )
    experts = frozenset(form.expert for form in reading.forms if form.expert)
    alphas = [form.keys for form in reading.forms if form.part == "alpha"]
    everywhere = {key for keys in alphas for key in keys.values()}
    samples = {next(iter(keys.values())) for keys in alphas}
    samples.update(max(alphas, key=len, default={}).values())
    return FormReading(
        form=form,
        experts=experts,
        task_hints=layer_hints(layers, width),
        alphas=number_places(header, everywhere),
        samples=number_places(header, samples),
    )


def _parameters(layers: LayerGroup) -> int:
    return layers.count * sum(prod(part.shape) for part in layers.parts if part.part not in SCALES)


def _algebras(layers: Iterable[LayerGroup]) -> tuple[Algebra, ...]:
    found: set[Algebra] = set()
    for layer in layers:
        found |= algebras(layer.shapes)
    order: tuple[Algebra, ...] = ("lora", "lokr", "loha", "dora", "diff")
    return tuple(name for name in order if name in found)


def _ranks(layers: Iterable[LayerGroup]) -> Counter[int]:
    found: Counter[int] = Counter()
    for layer in layers:
        number = rank_of(layer.shapes)
        if number is not None:
            found[number] += layer.count
    return found


def _alphas(file: FileIO, data_start: int, reading: FormReading) -> tuple[float, ...]:
    """Hundreds of numbers lie all over the file, and are mostly the same one."""
    found = read_numbers(file, data_start, reading.samples)
    return found if len(found) == 1 else read_numbers(file, data_start, reading.alphas)


def _split(stored: Iterable[LayerGroup]) -> tuple[tuple[LayerGroup, ...], list[str]]:
    """The layers with fused ones split, and why some cannot be."""
    layers: list[LayerGroup] = []
    problems = []
    for group in stored:
        split = split_fused(group)
        if isinstance(split, str):
            problems.append(
                say("lora.inspection.fused.not_split", layer=_named(group), problem=split)
            )
        layers += (group,) if isinstance(split, str) else split
    return tuple(layers), problems


def _problems(layers: Iterable[LayerGroup], reading: KeyReading) -> list[str]:
    """Why no model can take this file, each naming the layer."""
    found = [
        say("lora.inspection.layer_problem", layer=_named(layer), problem=what)
        for layer in layers
        if (what := shape_flaw(layer.shapes))
    ]
    return found + [
        say("lora.inspection.two_values", one=one, other=other) for one, other in reading.conflicts
    ]


def _named(layer: LayerGroup) -> str:
    first = next(layer.modules())[0]
    if layer.count == 1:
        return first
    return say("lora.inspection.layer_and_more", layer=first, count=layer.count - 1)


def _shortened(problems: list[str]) -> tuple[str, ...]:
    if len(problems) <= LISTED:
        return tuple(problems)
    return (*problems[:LISTED], say("errors.more", count=len(problems) - LISTED))


def require_supported(info: LoRAInfo, name: str) -> None:
    """Raise UnsupportedLoRAError for a file that could be applied to no model at all."""
    if not info.layers and not info.problems:
        problem = nothing_readable(info.ignored, info.unknown)
        raise UnsupportedLoRAError(
            say("lora.files.problem", file=name, problem=problem),
            context={"file": name, "unknown": list(info.unknown[:20])},
        )
    if info.problems:
        raise UnsupportedLoRAError(
            say("lora.files.problem", file=name, problem="; ".join(info.problems)),
            suggestions=[say("lora.inspection.export_again")],
            context={"file": name, "problems": list(info.problems)},
        )
