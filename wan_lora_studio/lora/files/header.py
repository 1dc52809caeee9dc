"""Header of a safetensors file, read strictly.

Format: 8 bytes little-endian header length N, N bytes of JSON, then tensor data. Source:
https://huggingface.co/docs/safetensors. This reader is stricter than the library: it also
refuses duplicate keys, empty tensors, unprintable keys, deep ranks and oversized headers.
Tensor data is never read or mapped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files.foreign_files import LOOKED_AT, foreign_kind
from wan_lora_studio.lora.files.header_fast import read_usual
from wan_lora_studio.lora.files.header_strict import Columns, TensorEntry, fail, read_json
from wan_lora_studio.lora.files.header_text import header_text
from wan_lora_studio.lora.files.opening import open_regular
from wan_lora_studio.texts import say

__all__ = [
    "MAX_HEADER_BYTES",
    "Columns",
    "Header",
    "RawHeader",
    "TensorEntry",
    "open_regular",
    "parse_header",
    "raw_header",
    "read_header",
    "read_raw",
]

MAX_HEADER_BYTES = 100_000_000  # the limit of the format itself
PICKLE_RISK = say("lora.files.pickle_risk")
CONVERSION = (
    "from safetensors.torch import save_file; import torch;"
    ' state = torch.load("in.ckpt", map_location="cpu", weights_only=True);'
    ' state = state.get("state_dict", state);'
    " save_file({k: v.clone().contiguous() for k, v in state.items() if torch.is_tensor(v)},"
    ' "out.safetensors")'
)
CONVERT_A_PICKLE = (
    say("lora.files.find_safetensors"),
    say("lora.files.convert_pickle", code=CONVERSION),
)
DOWNLOAD_AGAIN = (say("lora.files.download_itself"),)


@dataclass(frozen=True, slots=True)
class RawHeader:
    """A header's text, not looked at yet, without the `left_out` bytes of long texts; sizes in
    bytes."""

    name: str
    text: bytes
    file_size: int
    left_out: int = 0
    left_empty: tuple[str, ...] = ()

    @property
    def data_start(self) -> int:
        return 8 + len(self.text) + self.left_out


@dataclass(frozen=True)
class Header:
    """A validated header. `data_start` and `file_size` are in bytes."""

    columns: Columns
    metadata: dict[str, str]
    data_start: int
    file_size: int

    @cached_property
    def tensors(self) -> dict[str, TensorEntry]:
        """The entries by key, in the header's order."""
        entries = map(TensorEntry, *self.columns)
        return dict(zip(self.columns.keys, entries, strict=True))


def read_header(path: str | Path) -> Header:
    """Read and validate the header of the safetensors file at `path`.

    Raises LoRAFileError with one message per way of being wrong. Links are followed; a FIFO or
    a device is refused without being opened.
    """
    return parse_header(read_raw(path))


def read_raw(path: str | Path) -> RawHeader:
    """The text of the header, as `read_header` reads it; raises as it does."""
    path = Path(path)
    with os.fdopen(open_regular(path), "rb", buffering=0) as file:
        return raw_header(file, path.name)


def raw_header(file: FileIO, name: str) -> RawHeader:
    """The text of the header of an open file; raises as `read_header` does."""
    file_size = os.fstat(file.fileno()).st_size
    length = _header_length(file, name, file_size)
    file.seek(8)
    text, left_empty = header_text(file.read, length, name)
    return RawHeader(name, text, file_size, length - len(text), left_empty)


def parse_header(raw: RawHeader) -> Header:
    """Validate a header's text. Raises LoRAFileError."""
    sizes = raw.data_start, raw.file_size
    columns, metadata = read_usual(raw.text, *sizes) or read_json(raw.text, raw.name, *sizes)
    return Header(columns, metadata, *sizes)


def _header_length(file: FileIO, name: str, file_size: int) -> int:
    if file_size == 0:
        fail(name, say("lora.files.empty"))
    start = file.read(LOOKED_AT)
    if kind := foreign_kind(start):
        raise LoRAFileError(
            say("lora.files.problem", file=name, problem=say("lora.files.foreign", kind=kind)),
            cause=say("lora.files.foreign_cause"),
            suggestions=CONVERT_A_PICKLE if "pickle" in kind else DOWNLOAD_AGAIN,
            context={"file": name},
        )
    if file_size < 8:
        fail(name, say("lora.files.too_short", size=file_size))
    length = int.from_bytes(start[:8], "little")
    if start[8:9] not in (b"{", b"") and length > file_size - 8:
        fail(name, say("lora.files.no_header"))
    if length > MAX_HEADER_BYTES:
        fail(name, say("lora.files.header.too_large", size=length, most=MAX_HEADER_BYTES))
    if length > file_size - 8:
        fail(name, say("lora.files.incomplete_header", needed=length + 8, size=file_size))
    if length < 2:
        fail(name, say("lora.files.header.empty"))
    return length
