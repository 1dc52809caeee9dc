"""What a LoRA file is, from its header alone: `inspect_lora` → `LoRAInfo`.

Whether it fits a model is `compatibility.judge`; both are importable from here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.lora.compatibility import Compatibility, Coverage, judge
from backend.lora.dialects import KeyReading, MappedKey, read_keys
from backend.lora.experts import Role, find_role
from backend.lora.header import Header, open_regular, read_header
from backend.lora.layers import LayerGroup, group_layers
from backend.lora.metadata import Description, describe
from backend.lora.parts import unsupported_algebra
from backend.lora.scaling import Scaling, read_scaling
from backend.lora.shapes import Algebra, algebras, flaw, matrix, rank
from backend.lora.tensor_data import read_number, validate_tensor_data

__all__ = [
    "Compatibility",
    "Coverage",
    "LoRAInfo",
    "inspect_lora",
    "judge",
    "validate_tensor_data",
]

FAMILIES = {5120: "wan-14B", 3072: "wan2.2-5B", 1536: "wan2.1-1.3B"}
INFO_VERSION = 1  # to be raised whenever the reading of files changes
LISTED = 20  # problems that are spelled out; the rest is counted


@dataclass(frozen=True)
class LoRAInfo:
    """One file. Sizes in bytes; `ranks` ascending, empty for full matrices and diffs.

    `alpha` is the one alpha value of all layers, else None; `problems` are reasons why no model
    can take the file. `ignored` maps key → reason; `unknown` are keys of no known layer.
    """

    dialects: tuple[str, ...]
    algebras: tuple[Algebra, ...]
    ranks: tuple[int, ...]
    rank: int | None
    alpha: float | None
    alphas: tuple[float, ...]
    scaling: Scaling
    expert: Role
    expert_evidence: str
    family: str
    width: int | None
    blocks: int
    modules: int
    tensors: int
    tensor_bytes: int
    parameters: int
    dtypes: tuple[str, ...]
    description: Description
    model_hash: str
    layers: tuple[LayerGroup, ...]
    ignored: dict[str, str]
    unknown: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def trigger_words(self) -> tuple[str, ...]:
        return self.description.trigger_words

    @property
    def dialect(self) -> str:
        """The layout's name; several joined by `+`, none as an empty string."""
        return "+".join(self.dialects)

    def to_json(self) -> str:
        """Everything, as the catalogue keeps it."""
        plain: dict[str, Any] = {"version": INFO_VERSION}
        plain |= {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["layers"] = [layer.to_plain() for layer in self.layers]
        plain["scaling"] = self.scaling.to_plain()
        plain["description"] = asdict(self.description)
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> LoRAInfo:
        """The reverse of `to_json`. Raises ValueError, TypeError or KeyError on other text."""
        plain: dict[str, Any] = json.loads(text)
        if plain.pop("version", None) != INFO_VERSION:
            raise ValueError("written by another version")
        plain["layers"] = tuple(LayerGroup.from_plain(layer) for layer in plain["layers"])
        plain["scaling"] = Scaling.from_plain(plain["scaling"])
        plain["description"] = Description.from_plain(plain["description"])
        for name in ("dialects", "algebras", "ranks", "alphas", "dtypes", "unknown", "problems"):
            plain[name] = tuple(plain[name])
        return cls(**plain)


def inspect_lora(path: str | Path, *, name_hint: str | None = None) -> LoRAInfo:
    """Read what the file at `path` is. Tensor data is not read, apart from single numbers.

    `name_hint` is the name by which its role is judged (a path relative to the library, so that
    a folder name can count); default: its own name and folder. Raises LoRAFileError if the
    header is broken. A file of unknown layout is no error: it has no `layers`.
    """
    path = Path(path)
    header = read_header(path)
    reading = read_keys(header.tensors)
    layers = group_layers(reading.mapped, header.tensors)
    hint = name_hint or f"{path.parent.name}/{path.name}"
    role = find_role({m.expert for m in reading.mapped if m.expert}, header.metadata, hint)
    ranks = _ranks(layers)
    alphas = _alphas(path, header, reading.mapped)
    width = _width(layers)
    entries = header.tensors
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
        family=FAMILIES.get(width, f"width {width}") if width else "unknown",
        width=width,
        blocks=len({number for layer in layers for number in layer.blocks}),
        modules=sum(layer.count for layer in layers),
        tensors=len(entries),
        tensor_bytes=header.file_size - header.data_start,
        parameters=sum(_size(entries[m.key].shape) for m in reading.mapped if m.part != "alpha"),
        dtypes=tuple(sorted({entry.dtype for entry in entries.values()})),
        description=describe(header.metadata),
        model_hash=header.metadata.get("sshs_model_hash", "")[:128],
        layers=layers,
        ignored=reading.ignored,
        unknown=reading.unknown,
        problems=_problems(layers, reading),
    )


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


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


def _alphas(path: Path, header: Header, mapped: Iterable[MappedKey]) -> tuple[float, ...]:
    entries = [header.tensors[m.key] for m in mapped if m.part == "alpha"]
    if not entries:
        return ()
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        values = {read_number(file, entry) for entry in entries}
    return tuple(sorted(value for value in values if value is not None))


def _width(layers: Iterable[LayerGroup]) -> int | None:
    """The model's hidden size, from the inputs of layers that read the hidden state."""
    for layer in layers:
        shapes = layer.shapes
        if not layer.module.endswith(("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn2.to_q")):
            continue
        found = None if flaw(shapes) else matrix(shapes)
        if isinstance(found, tuple):
            return found[1]
    return _width_from_others(layers)


def _width_from_others(layers: Iterable[LayerGroup]) -> int | None:
    for layer in layers:
        shapes = layer.shapes
        if layer.module.endswith(("attn1.to_out.0", "attn2.to_out.0", "net.2", "attn2.to_k")):
            found = None if flaw(shapes) else matrix(shapes)
            if isinstance(found, tuple):
                return found[0]
        if layer.module.endswith(("norm2", "norm_q", "scale_shift_table")) and "diff" in shapes:
            return shapes["diff"][-1] if shapes["diff"] else None
    return None


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
    algebras_found = {key: unsupported_algebra(key) for key in reading.unknown}
    named = {key: algebra for key, algebra in algebras_found.items() if algebra}
    for algebra in dict.fromkeys(named.values()):
        keys = [key for key in named if named[key] == algebra]
        found.append(f"{algebra} is not supported ({len(keys)} keys, for example {keys[0]})")
    if len(found) > LISTED:
        found[LISTED:] = [f"and {len(found) - LISTED} more"]
    return tuple(found)
