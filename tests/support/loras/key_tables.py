"""Reading `key_tables/<trainer>_<variant>.json`, and writing the files they describe.

`keys`: key → [dtype, shape] or [dtype, shape, value]. `{0-39}` or `{3,20-29}` in a key stands for
each of these block numbers. The file's data is zeros, as a hole in a sparse file, apart from the
values. `beside` are JSON files to put into its folder.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("key_tables")
BYTES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "I64": 8}
_FORMS = {"F16": "<e", "F32": "<f", "I64": "<q"}
_BLOCKS = re.compile(r"\{([0-9,-]+)\}")


@dataclass(frozen=True)
class Fixture:
    """A file as its trainer writes it, and what is to be found out about it."""

    file: str
    keys: dict[str, list[Any]]
    metadata: dict[str, str]
    beside: dict[str, Any]
    expected: dict[str, Any]
    models: dict[str, dict[str, Any]]


def names() -> list[str]:
    """All fixtures by name."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> Fixture:
    plain = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    plain["keys"] = {key: plain["keys"][form] for form in plain["keys"] for key in spelled(form)}
    return Fixture(**{"beside": {}, **plain})


def spelled(form: str) -> Iterator[str]:
    """The keys that a key with block numbers in braces stands for."""
    match = _BLOCKS.search(form)
    if match is None:
        yield form
        return
    for piece in match[1].split(","):
        first, _, last = piece.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield form.replace(match[0], str(number))


def all_spelled(forms: Iterable[str]) -> list[str]:
    return [key for form in forms for key in spelled(form)]


def write(fixture: Fixture, folder: Path) -> Path:
    """Write the file and what belongs beside it below `folder`; its path."""
    header: dict[str, Any] = {"__metadata__": fixture.metadata} if fixture.metadata else {}
    values: dict[int, bytes] = {}
    position = 0
    for key, (dtype, shape, *value) in fixture.keys.items():
        end = position + prod(shape) * BYTES[dtype]
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        if value:
            values[position] = encoded(dtype, value[0])
        position = end
    raw = json.dumps(header, separators=(",", ":")).encode()
    path = folder / fixture.file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + position)
        for start, data in values.items():
            file.seek(8 + len(raw) + start)
            file.write(data)
    for name, content in fixture.beside.items():
        (path.parent / name).write_text(json.dumps(content), encoding="utf-8")
    return path


def encoded(dtype: str, value: float) -> bytes:
    if dtype == "BF16":
        return struct.pack("<f", value)[2:]
    return struct.pack(_FORMS[dtype], value)
