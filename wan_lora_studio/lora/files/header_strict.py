"""Header, strict: its JSON text, tensor by tensor, whoever wrote it.

Accepts any order and any spelling that JSON allows. Stricter than the library: it also refuses
duplicate keys, empty tensors, unprintable keys and deep ranks. One message per way of being wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple, NoReturn

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB, in_part
from wan_lora_studio.untrusted_json import Limits, UntrustedJSONError, read_object, shortened

MAX_TENSORS = 20_000
MAX_RANK = 8
MAX_METADATA = 10_000  # entries
# Each tensor is an object of three, with up to ten numbers.
LIMITS = Limits(size=100 * MB, depth=8, values=20 * MAX_TENSORS)
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
_FIELDS = frozenset({"dtype", "shape", "data_offsets"})


class TensorEntry(NamedTuple):
    """One tensor of a file. `start` and `end` are absolute byte offsets in the file."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Columns(NamedTuple):
    """All tensors of a file, one list for each field of their entries."""

    keys: Sequence[str]
    dtypes: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    starts: Sequence[int]
    ends: Sequence[int]


Metadata = dict[str, str]


def read_json(raw: bytes, name: str, data_start: int, file_size: int) -> tuple[Columns, Metadata]:
    """The tensors, in the text's order, and the metadata.

    `name` is the file's, for messages; sizes in bytes. Raises LoRAFileError.
    """
    values = _parse_json(raw, name)
    metadata = _metadata(values.pop("__metadata__", {}), name)
    tensors = _tensors(values, name, data_start)
    _check_layout(tensors, name, data_start, file_size)
    return Columns(*zip(*tensors, strict=True)), metadata


def _parse_json(raw: bytes, name: str) -> dict[str, Any]:
    if raw[:1] != b"{":
        fail(name, say("lora.files.no_brace"))
    try:
        return read_object(raw, LIMITS, unique=True)
    except UntrustedJSONError as error:
        fail(name, say("lora.files.header.unreadable", problem=error.reason), error)


def _metadata(value: Any, name: str) -> Metadata:
    if not isinstance(value, dict):
        fail(name, say("lora.files.header.metadata_form"))
    if len(value) > MAX_METADATA:
        fail(name, say("lora.files.header.metadata_entries", count=len(value), most=MAX_METADATA))
    for key, text in value.items():
        if not isinstance(text, str):
            fail(name, say("lora.files.header.metadata_text", name=_named(key)))
    return value


def _tensors(values: dict[str, Any], name: str, data_start: int) -> list[TensorEntry]:
    if not values:
        fail(name, say("lora.files.header.no_tensors"))
    if len(values) > MAX_TENSORS:
        fail(name, say("lora.files.header.tensors", count=len(values), most=MAX_TENSORS))
    return [_entry(key, value, name, data_start) for key, value in values.items()]


def _entry(key: str, value: Any, name: str, data_start: int) -> TensorEntry:
    if not key or not key.isprintable():
        fail(name, say("lora.files.header.key", tensor=_named(key)))
    if not isinstance(value, dict) or value.keys() != _FIELDS:
        fail(name, say("lora.files.header.fields", tensor=_named(key)))
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    bits = DTYPE_BITS.get(dtype) if isinstance(dtype, str) else None
    if bits is None:
        fail(name, say("lora.files.header.dtype", tensor=_named(key), dtype=shortened(dtype)))
    if not _are_sizes(shape):
        fail(name, say("lora.files.header.shape", tensor=_named(key), shape=shortened(shape)))
    if len(shape) > MAX_RANK:
        fail(
            name,
            say(
                "lora.files.header.dimensions", tensor=_named(key), count=len(shape), most=MAX_RANK
            ),
        )
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        fail(name, say("lora.files.header.offsets", tensor=_named(key), offsets=shortened(offsets)))
    start, end = offsets
    needed = prod(shape) * bits
    if needed == 0:
        fail(name, say("lora.files.header.no_numbers", tensor=_named(key), shape=shortened(shape)))
    if needed != (end - start) * 8:
        fail(
            name,
            say(
                "lora.files.header.size",
                tensor=_named(key),
                needed=needed // 8,
                claimed=end - start,
            ),
        )
    return TensorEntry(key, dtype, tuple(shape), start + data_start, end + data_start)


def _are_sizes(value: Any) -> bool:
    # `type is int` also refuses true and false, which are ints to isinstance.
    return type(value) is list and all(type(item) is int and item >= 0 for item in value)


def _check_layout(tensors: list[TensorEntry], name: str, data_start: int, file_size: int) -> None:
    position, previous = data_start, ""
    for entry in sorted(tensors, key=lambda item: item.start):
        if entry.start < position:
            fail(
                name,
                say("lora.files.header.overlap", first=_named(previous), second=_named(entry.key)),
            )
        if entry.start > position:
            fail(
                name,
                say("lora.files.header.gap", size=entry.start - position, tensor=_named(entry.key)),
            )
        position, previous = entry.end, entry.key
    if position > file_size:
        fail(name, say("lora.files.incomplete", part=in_part(file_size, position)))
    if position < file_size:
        fail(name, say("lora.files.header.rest", size=file_size - position))


def _named(key: str) -> str:
    return shortened(key, 200)


def fail(name: str, what: str, cause: BaseException | None = None) -> NoReturn:
    """Raise LoRAFileError about the file `name`."""
    said = say("lora.files.problem", file=name, problem=what)
    raise LoRAFileError(said, context={"file": name}) from cause
