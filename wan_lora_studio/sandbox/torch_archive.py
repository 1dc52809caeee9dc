"""A PyTorch archive (`torch.save`'s zip) read without PyTorch, and without running what it says.

Only tensors, dictionaries and plain values can come out of it; every other name in its pickle
ends the reading. This runs in a jailed process only. Source: `torch/serialization.py` (2.13).
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from wan_lora_studio.sandbox.refusals import (
    DAMAGED,
    NO_TENSORS,
    NOT_ALLOWED,
    OLD_PICKLE,
    PACKED,
    SCATTERED,
    TOO_LARGE,
    RefusedError,
)

# PyTorch's storage classes, as safetensors names their values, and bytes of one.
STORAGES: dict[str, tuple[str, int]] = {
    "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
    "DoubleStorage": ("F64", 8), "LongStorage": ("I64", 8), "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}  # fmt: skip
MOST_TENSORS = 20_000
MOST_RANK = 8
MOST_PICKLE = 64 * 1024 * 1024  # bytes of the part that says what is in the archive
MOST_ENTRIES = 50_000
PIECE = 1024 * 1024
WRAPPERS = ("state_dict", "module", "model", "lora", "params")  # what trainers put weights under


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: str
    item: int  # bytes of one value
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int  # in values
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * self.storage.item


class _Reader(pickle.Unpickler):
    """Knows five names; whatever else a pickle asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        raise RefusedError(NOT_ALLOWED, f"{module}.{name}"[:80])

    def persistent_load(self, pid: Any) -> Any:
        match pid:
            case ("storage", (str(kind), int(item)), str(key), _, int(count)) if count >= 0:
                return _Storage(key, kind, item, count)
        raise RefusedError(NOT_ALLOWED, "a reference")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    whole = (shape, strides)
    if not isinstance(storage, _Storage) or not all(isinstance(one, tuple) for one in whole):
        raise RefusedError(DAMAGED)
    numbers = (offset, *shape, *strides)
    if not all(isinstance(one, int) and 0 <= one < 2**48 for one in numbers):
        raise RefusedError(DAMAGED)
    if len(shape) > MOST_RANK or len(shape) != len(strides):
        raise RefusedError(DAMAGED)
    step = 1
    for side, stride in zip(reversed(shape), reversed(strides), strict=True):
        if side != 1 and stride != step:
            raise RefusedError(SCATTERED)
        step *= side
    if offset + prod(shape) > storage.count:
        raise RefusedError(DAMAGED)
    return _Tensor(storage, offset, tuple(shape))


def _parameter(data: Any, *_: Any) -> Any:
    return data


def converted(source: BinaryIO, target: BinaryIO, size: int) -> int:
    """Write the archive's tensors as safetensors; gives how many. `size` is the source's.

    Raises RefusedError, or what a damaged archive makes `zipfile` and `pickle` raise.
    """
    if source.read(4) != b"PK\x03\x04":
        raise RefusedError(OLD_PICKLE)
    with zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise RefusedError(TOO_LARGE)
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise RefusedError(PACKED)
        names = {entry.filename: entry for entry in entries}
        told = next((name for name in names if name.endswith("/data.pkl")), None)
        if told is None or len(names) != len(entries):
            raise RefusedError(DAMAGED)
        if names[told].file_size > MOST_PICKLE:
            raise RefusedError(TOO_LARGE)
        with archive.open(told) as file:
            found = _Reader(file).load()
        tensors = _tensors(found)
        if sum(tensor.size for tensor in tensors.values()) > size:
            raise RefusedError(TOO_LARGE)
        _write_header(target, tensors)
        folder = told.removesuffix("data.pkl")
        for tensor in tensors.values():
            for piece in _bytes(archive, f"{folder}data/{tensor.storage.key}", tensor):
                target.write(piece)
    return len(tensors)


def _tensors(found: Any) -> dict[str, _Tensor]:
    """Those by name; other values are left out."""
    for _ in range(3):
        inner = [found.get(name) for name in WRAPPERS] if isinstance(found, Mapping) else []
        within = next((one for one in inner if isinstance(one, Mapping)), None)
        if within is None:
            break
        found = within
    if not isinstance(found, Mapping):
        raise RefusedError(NO_TENSORS)
    tensors = {
        name: value
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, _Tensor)
    }
    if not tensors:
        raise RefusedError(NO_TENSORS)
    if len(tensors) > MOST_TENSORS:
        raise RefusedError(TOO_LARGE)
    return tensors


def _write_header(target: BinaryIO, tensors: Mapping[str, _Tensor]) -> None:
    header: dict[str, Any] = {}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": tensor.storage.kind,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.size],
        }
        at += tensor.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    target.write(len(text).to_bytes(8, "little") + text)


def _bytes(archive: zipfile.ZipFile, name: str, tensor: _Tensor) -> Iterator[bytes]:
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise RefusedError(DAMAGED) from None
    if entry.file_size != tensor.storage.count * tensor.storage.item:
        raise RefusedError(DAMAGED)
    with archive.open(entry) as file:
        file.seek(tensor.offset * tensor.storage.item)
        left = tensor.size
        while left > 0:
            piece = file.read(min(left, PIECE))
            if not piece:
                raise RefusedError(DAMAGED)
            left -= len(piece)
            yield piece
