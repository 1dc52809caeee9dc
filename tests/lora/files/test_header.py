"""One hostile file for each way in which a header can be wrong, and its own message."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.loras.files import Tensors, write_lora, write_raw, write_safetensors
from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files.header import MAX_HEADER_BYTES, read_header
from wan_lora_studio.lora.files.header_strict import MAX_TENSORS
from wan_lora_studio.lora.inspection.inspector import inspect_lora


def entry(
    shape: Sequence[Any] = (2,), offsets: Sequence[int] = (0, 8), dtype: Any = "F32"
) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def refused(path: Path, match: str) -> None:
    with pytest.raises(LoRAFileError, match=match) as caught:
        read_header(path)
    assert path.name in caught.value.message
    assert caught.value.suggestions


HEADERS = {
    "no_tensors": ({}, b"", "no tensors"),
    "only_metadata": ({"__metadata__": {"a": "b"}}, b"", "no tensors"),
    "metadata_not_text": ({"__metadata__": {"a": 1}, "x": entry()}, bytes(8), "not text"),
    "metadata_a_list": ({"__metadata__": ["a"], "x": entry()}, bytes(8), "not an object"),
    "tensor_a_list": ({"x": [1]}, b"", "needs exactly dtype"),
    "extra_field": ({"x": {**entry(), "more": 1}}, bytes(8), "needs exactly dtype"),
    "unknown_dtype": ({"x": entry(dtype="F31")}, bytes(8), "unknown dtype"),
    "dtype_a_number": ({"x": entry(dtype=3)}, bytes(8), "unknown dtype"),
    "negative_shape": ({"x": entry(shape=(-2, -1))}, bytes(8), "invalid shape"),
    "fraction_in_shape": ({"x": entry(shape=(2.0,))}, bytes(8), "invalid shape"),
    "true_in_shape": ({"x": entry(shape=(True, 2))}, bytes(8), "invalid shape"),
    "rank_9": ({"x": entry(shape=(1,) * 8 + (2,))}, bytes(8), "9 dimensions"),
    "rank_100": ({"x": entry(shape=(1,) * 99 + (2,))}, bytes(8), "100 dimensions"),
    "three_offsets": ({"x": entry(offsets=(0, 4, 8))}, bytes(8), "invalid data_offsets"),
    "reversed_offsets": ({"x": entry(offsets=(8, 0))}, bytes(8), "invalid data_offsets"),
    "negative_offset": ({"x": entry(offsets=(-8, 0))}, bytes(8), "invalid data_offsets"),
    "empty_tensor": ({"x": entry(shape=(0,), offsets=(0, 0))}, b"", "is empty"),
    "wrong_size": ({"x": entry(shape=(3,))}, bytes(8), "needs 12 bytes but claims 8"),
    "overflow": ({"x": entry(shape=(2**63, 2**63))}, bytes(8), "bytes but claims 8"),
    "empty_key": ({"": entry()}, bytes(8), "empty or not printable"),
    "nul_in_key": ({"a\0b": entry()}, bytes(8), "not printable"),
    "bidi_in_key": ({"a\u202eb": entry()}, bytes(8), "not printable"),
    "overlap": ({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12), "overlap"),
    "hole": ({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20), "4 unused bytes before 'b'"),
    "hole_at_start": ({"a": entry(offsets=(4, 12))}, bytes(12), "4 unused bytes"),
    "trailing": ({"a": entry()}, bytes(9), "1 bytes after its last tensor"),
    "truncated_data": ({"a": entry()}, bytes(7), "incomplete download"),
}


@pytest.mark.parametrize("way", HEADERS)
def test_wrong_header(tmp_path: Path, way: str) -> None:
    header, data, match = HEADERS[way]
    refused(write_raw(tmp_path / f"{way}.safetensors", json.dumps(header), data), match)


TEXTS = {
    "not_json": (b"{nonsense}", "it is not JSON"),
    "a_list": (b"[1, 2]", "does not start with"),
    "leading_space": (b' {"a":1}', "does not start with"),
    "not_utf8": (b'{"\xff": 1}', "not UTF-8"),
    "nan": (b'{"a": NaN}', "not a JSON number"),
    "deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested more than 8 levels deep"),
    "huge_number": (b'{"a":' + b"1" * 5000 + b"}", "a number of more than 100 digits"),
    "duplicate_key": (
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}',
        "holds the key 'a' twice",
    ),
    "duplicate_field": (
        b'{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}',
        "holds the key 'dtype' twice",
    ),
}


@pytest.mark.parametrize("way", TEXTS)
def test_wrong_text(tmp_path: Path, way: str) -> None:
    text, match = TEXTS[way]
    refused(write_raw(tmp_path / f"{way}.safetensors", text, bytes(8)), match)


FILES = {
    "empty": (b"", "is empty"),
    "short": (b"\x08\0\0", "too short"),
    "no_header": (bytes(8), "header is empty"),
    "truncated_header": ((100).to_bytes(8, "little") + b"{}", "incomplete download"),
    "huge_header": ((2**62).to_bytes(8, "little") + b"{}", "at most"),
    "zip": (b"PK\x03\x04" + bytes(20), "zip archive or a PyTorch pickle"),
    "pickle": (b"\x80\x02}q\x00." + bytes(20), "PyTorch pickle"),
    "gguf": (b"GGUF" + bytes(20), "GGUF"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "html": (b"<!DOCTYPE html><html>", "web page"),
    "login": (b"\n\n  <!doctype HTML>\n<html lang=en>" + b"x" * 5000, "asks to log in"),
    "text": (b"This model has moved to another place.\n", "but a text"),
    "long text": ("Grüße, 世界. ".encode() * 500, "but a text"),
    "utf-16": ("moved".encode("utf-16"), "but a text"),
    "json": (b'{"error": "Unauthorized", "message": "log in"}', "a JSON text"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML text"),
    "pdf": (b"%PDF-1.7\n" + bytes(20), "a PDF document"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "a 7-Zip archive"),
    "mp4": (b"\0\0\0\x20ftypisom" + bytes(40), "MP4 family"),
    "noise": (b"\x93\xb1\xff\x17\x80\x99\xd0\xe1\xa5\x8b" * 9, "does not begin with a header"),
}


@pytest.mark.parametrize("way", FILES)
def test_not_a_safetensors_file(tmp_path: Path, way: str) -> None:
    path = tmp_path / f"{way}.safetensors"
    path.write_bytes(FILES[way][0])
    refused(path, FILES[way][1])


def test_too_many_tensors(tmp_path: Path) -> None:
    header = {f"t{i}": entry((1,), (4 * i, 4 * i + 4)) for i in range(MAX_TENSORS + 1)}
    path = write_raw(tmp_path / "many.safetensors", json.dumps(header), bytes(4 * len(header)))
    refused(path, "at most 20000")


def test_a_header_over_the_limit_of_the_format(tmp_path: Path) -> None:
    text = json.dumps({"__metadata__": {"a": "x" * MAX_HEADER_BYTES}, "x": entry()})
    refused(write_raw(tmp_path / "long.safetensors", text, bytes(8)), "at most")


def test_no_regular_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.safetensors"
    os.mkfifo(fifo)
    refused(fifo, "not a regular file")
    refused(tmp_path, "not a regular file")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        refused(tmp_path / "s", "not a regular file")
    refused(tmp_path / "absent.safetensors", "does not exist")


def test_a_link_is_read_through_to_a_regular_file_only(tmp_path: Path) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to("real.safetensors")
    refused(link, "link to 'real.safetensors', which is not there")
    write_lora(tmp_path / "real.safetensors")
    assert read_header(link) == read_header(tmp_path / "real.safetensors")
    for number, target in enumerate(("/dev/zero", tmp_path, "/dev/stdin")):
        other = tmp_path / f"{number}.safetensors"
        other.symlink_to(target)
        refused(other, "not a regular file")
    circle = tmp_path / "circle.safetensors"
    circle.symlink_to(circle.name)
    refused(circle, "in a circle")


def test_a_symlinked_library_root_is_fine(tmp_path: Path) -> None:
    write_lora(tmp_path / "real" / "a.safetensors")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert read_header(tmp_path / "root" / "a.safetensors").tensors


def test_what_a_header_says(tmp_path: Path) -> None:
    tensors: Tensors = {"a": np.zeros((2, 3), np.float32), "b": np.zeros((), np.float16)}
    path = write_safetensors(tmp_path / "a.safetensors", tensors, {"who": "me"})
    header = read_header(path)
    assert header.metadata == {"who": "me"}
    assert header.tensors["a"].shape == (2, 3)
    assert header.tensors["b"].shape == ()
    assert header.tensors["b"].dtype == "F16"
    assert header.tensors["a"].start == header.data_start
    assert header.tensors["b"].end == header.file_size == path.stat().st_size


def test_padding_spaces_after_the_json_are_fine(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.safetensors", json.dumps({"x": entry()}) + "   ", bytes(8))
    assert list(read_header(path).tensors) == ["x"]


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x8B1F])
def test_a_length_that_begins_like_a_foreign_file_is_fine(length: int, tmp_path: Path) -> None:
    """Its first bytes are those of a pickle or a gzip archive."""
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    text = json.dumps({"a": entry}).ljust(length)
    assert len(text) == length
    assert list(read_header(write_raw(tmp_path / "a.safetensors", text, bytes(4))).tensors) == ["a"]


def test_a_large_header_is_read(tmp_path: Path) -> None:
    """Kohya's trainer writes the frequency of every tag of a data set."""
    tags = {f"{number:06d} of the words of a caption": number % 7 for number in range(450_000)}
    header: dict[str, Any] = {
        "__metadata__": {
            "ss_tag_frequency": json.dumps({"x": tags}),
            "modelspec.trigger_phrase": "zap",
        }
    }
    layer = "diffusion_model.blocks.{}.self_attn.q.lora_{}.weight"
    for index in range(2 * 39):
        key = layer.format(index // 2, "AB"[index % 2])
        shape = [2, 8] if index % 2 == 0 else [8, 2]
        header[key] = {
            "dtype": "F16",
            "shape": shape,
            "data_offsets": [index * 32, index * 32 + 32],
        }
    text = json.dumps(header)
    assert len(text) > 16 * 2**20
    info = inspect_lora(write_raw(tmp_path / "a.safetensors", text, bytes(2 * 39 * 32)))
    assert (info.modules, info.trigger_words) == (39, ("zap",))
