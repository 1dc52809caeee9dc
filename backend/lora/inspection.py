"""What a LoRA file is, from its header alone: `inspect_lora` → `LoRAInfo`.

Whether it fits a model is `compatibility.judge`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from math import prod
from pathlib import Path

from backend.lora.dialects import read_keys, unsupported_kinds
from backend.lora.experts import find_role
from backend.lora.family import family_of, hidden_size
from backend.lora.header import Header, open_regular, read_header
from backend.lora.info import LoRAInfo
from backend.lora.key_forms import KeyReading
from backend.lora.layers import LayerGroup, group_layers
from backend.lora.metadata import describe
from backend.lora.scaling import read_scaling
from backend.lora.shapes import Algebra, algebras, flaw, rank
from backend.lora.task_hints import task_hints
from backend.lora.tensor_data import read_numbers

LISTED = 20  # problems that are spelled out; the rest is counted


def inspect_lora(path: str | Path, *, name_hint: str | None = None) -> LoRAInfo:
    """Read what the file at `path` is. Tensor data is not read, apart from single numbers.

    `name_hint` is the name by which its role is judged (a path relative to the library, so that
    a folder name can count); default: its own name and folder. Raises LoRAFileError if the
    header is broken. A file of unknown layout is no error: it has no `layers`.
    """
    path = Path(path)
    header = read_header(path)
    columns = header.columns
    reading = read_keys(columns.keys)
    layers = group_layers(reading.forms, dict(zip(columns.keys, columns.shapes, strict=True)))
    hint = name_hint or f"{path.parent.name}/{path.name}"
    role = find_role({form.expert for form in reading.forms if form.expert}, header.metadata, hint)
    ranks = _ranks(layers)
    alphas = _alphas(path, header, reading)
    width = hidden_size(layers)
    return LoRAInfo(
        dialects=reading.dialects,
        algebras=_algebras(layers),
        ranks=tuple(sorted(ranks)),
        rank=max(ranks, key=lambda r: ranks[r]) if ranks else None,
        alpha=alphas[0] if len(alphas) == 1 else None,
        alphas=alphas,
        scaling=read_scaling(path, header.metadata),
        expert=role.role,
        expert_evidence=role.evidence,
        family=family_of(width),
        width=width,
        task_hints=task_hints(layers, width, header.metadata, hint),
        blocks=len({number for layer in layers for number in layer.blocks}),
        modules=sum(layer.count for layer in layers),
        tensors=len(columns.keys),
        tensor_bytes=header.file_size - header.data_start,
        parameters=sum(_parameters(layer) for layer in layers),
        dtypes=tuple(sorted({*columns.dtypes})),
        description=describe(header.metadata),
        model_hash=header.metadata.get("sshs_model_hash", "")[:128],
        layers=layers,
        ignored=reading.ignored,
        unknown=reading.unknown,
        problems=_problems(layers, reading),
    )


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


def _alphas(path: Path, header: Header, reading: KeyReading) -> tuple[float, ...]:
    forms = [form for form in reading.forms if form.part == "alpha"]
    keys = {key for form in forms for key in form.keys.values()}
    if not keys:
        return ()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        return tuple(sorted(read_numbers(file, header.columns, keys)))


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
