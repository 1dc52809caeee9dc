"""A strict reader for safetensors headers.

Format: 8 bytes little-endian header length N, N bytes of JSON, then tensor data. Source:
https://huggingface.co/docs/safetensors. This reader is stricter than the library: it also
refuses duplicate keys, empty tensors, unprintable keys, deep ranks and oversized headers.
Tensor data is never read or mapped.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from backend.errors import LoRAFileError

MAX_HEADER_BYTES = 16 * 1024 * 1024
MAX_TENSORS = 20_000
MAX_RANK = 8
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
_FIELDS = frozenset({"dtype", "shape", "data_offsets"})
FOREIGN_STARTS = (
    (b"PK\x03\x04", "a zip archive or a PyTorch pickle"),
    (b"\x80\x02", "a PyTorch pickle"),
    (b"\x80\x03", "a PyTorch pickle"),
    (b"\x80\x04", "a PyTorch pickle"),
    (b"GGUF", "a GGUF file"),
    (b"version https://", "a Git LFS pointer, not the file itself"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
)


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a file. `start` and `end` are absolute byte offsets in the file."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """A validated header. `data_start` and `file_size` are in bytes."""

    tensors: dict[str, TensorEntry]
    metadata: dict[str, str]
    data_start: int
    file_size: int


def read_header(path: str | Path) -> Header:
    """Read and validate the header of the safetensors file at `path`.

    Raises LoRAFileError with one message per way of being wrong. A symbolic link, a FIFO or a
    device is refused without being opened for real; a symlinked parent folder is followed.
    """
    path = Path(path)
    with os.fdopen(open_regular(path), "rb") as file:
        file_size = os.fstat(file.fileno()).st_size
        raw = _header_bytes(file, path.name, file_size)
    data_start = 8 + len(raw)
    values = _parse_json(raw, path.name)
    metadata = _metadata(values.pop("__metadata__", {}), path.name)
    tensors = _tensors(values, path.name, data_start)
    _check_layout(tensors, path.name, data_start, file_size)
    return Header(tensors, metadata, data_start, file_size)


def open_regular(path: Path) -> int:
    """A read-only descriptor of a regular file; the caller closes it. Never blocks.

    Raises LoRAFileError for a missing file, a symbolic link, a FIFO, a device or a folder.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise LoRAFileError(
            f"{path.name}: the file does not exist.", suggestions=["Refresh the library."]
        ) from error
    except OSError as error:
        link = path.is_symlink()
        reason = "it is a symbolic link" if link else error.strerror or str(error)
        raise LoRAFileError(
            f"{path.name}: the file cannot be opened: {reason}.",
            suggestions=["Put the file itself into the library."],
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LoRAFileError(
            f"{path.name}: this is not a regular file.",
            suggestions=["Put a .safetensors file into the library."],
        )
    return descriptor


def _header_bytes(file: BinaryIO, name: str, file_size: int) -> bytes:
    if file_size == 0:
        _fail(name, "the file is empty")
    start = file.read(16)
    for magic, what in FOREIGN_STARTS:
        if start.startswith(magic):
            _fail(name, f"this is {what}, not a safetensors file")
    if file_size < 8:
        _fail(name, f"the file is too short to hold a header ({file_size} bytes)")
    length = int.from_bytes(start[:8], "little")
    if length > MAX_HEADER_BYTES:
        _fail(name, f"the header claims {length} bytes; at most {MAX_HEADER_BYTES} are accepted")
    if length > file_size - 8:
        _fail(name, f"the file is truncated: its header needs {length + 8} bytes of {file_size}")
    if length < 2:
        _fail(name, "the header is empty")
    file.seek(8)
    raw = file.read(length)
    if len(raw) != length:
        _fail(name, "the file became shorter while it was read")
    return raw


def _parse_json(raw: bytes, name: str) -> dict[str, Any]:
    if raw[:1] != b"{":
        _fail(name, "the header does not start with '{', so this is no safetensors file")
    try:
        values = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        _fail(name, "the header is not valid UTF-8", error)
    except _DuplicateKeyError as error:
        _fail(name, f"the header holds the key {error.key!r} twice", error)
    except RecursionError as error:
        _fail(name, "the header is nested too deeply", error)
    except ValueError as error:
        _fail(name, f"the header is not valid JSON: {error}", error)
    assert isinstance(values, dict)
    return values


class _DuplicateKeyError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return values


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _metadata(value: Any, name: str) -> dict[str, str]:
    if not isinstance(value, dict):
        _fail(name, "__metadata__ is not an object")
    for key, text in value.items():
        if not isinstance(text, str):
            _fail(name, f"the metadata entry {key!r} is not text")
    return value


def _tensors(values: dict[str, Any], name: str, data_start: int) -> dict[str, TensorEntry]:
    if not values:
        _fail(name, "the file holds no tensors")
    if len(values) > MAX_TENSORS:
        _fail(name, f"the file holds {len(values)} tensors; at most {MAX_TENSORS} are accepted")
    return {key: _entry(key, value, name, data_start) for key, value in values.items()}


def _entry(key: str, value: Any, name: str, data_start: int) -> TensorEntry:
    if not key or not key.isprintable():
        _fail(name, f"the tensor key {key!r} is empty or not printable")
    if not isinstance(value, dict) or value.keys() != _FIELDS:
        _fail(name, f"tensor {key!r} needs exactly dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    bits = DTYPE_BITS.get(dtype) if isinstance(dtype, str) else None
    if bits is None:
        _fail(name, f"tensor {key!r} has the unknown dtype {dtype!r}")
    if not _are_sizes(shape):
        _fail(name, f"tensor {key!r} has the invalid shape {_short(shape)}")
    if len(shape) > MAX_RANK:
        _fail(name, f"tensor {key!r} has {len(shape)} dimensions; at most {MAX_RANK} are accepted")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        _fail(name, f"tensor {key!r} has the invalid data_offsets {_short(offsets)}")
    start, end = offsets
    needed = prod(shape) * bits
    if needed == 0:
        _fail(name, f"tensor {key!r} is empty (shape {_short(shape)})")
    if needed != (end - start) * 8:
        _fail(name, f"tensor {key!r} needs {needed // 8} bytes but claims {end - start}")
    return TensorEntry(key, dtype, tuple(shape), start + data_start, end + data_start)


def _are_sizes(value: Any) -> bool:
    # `type is int` also refuses true and false, which are ints to isinstance.
    return type(value) is list and all(type(item) is int and item >= 0 for item in value)


def _check_layout(
    tensors: dict[str, TensorEntry], name: str, data_start: int, file_size: int
) -> None:
    position, previous = data_start, ""
    for entry in sorted(tensors.values(), key=lambda item: item.start):
        if entry.start < position:
            _fail(name, f"the tensors {previous!r} and {entry.key!r} overlap")
        if entry.start > position:
            _fail(name, f"there are {entry.start - position} unused bytes before {entry.key!r}")
        position, previous = entry.end, entry.key
    if position > file_size:
        _fail(name, f"the file is truncated: {position} bytes are needed, {file_size} are there")
    if position < file_size:
        _fail(name, f"the file has {file_size - position} bytes after its last tensor")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fail(name: str, what: str, cause: BaseException | None = None) -> NoReturn:
    raise LoRAFileError(f"{name}: {what}.", context={"file": name}) from cause
