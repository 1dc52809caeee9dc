"""Long headers are read in little memory, and nothing that is of use is lost."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.loras.files import musubi, write_lora
from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files.header import MAX_HEADER_BYTES, read_header
from wan_lora_studio.lora.files.header_text import (
    CHUNK_BYTES,
    MOST_NAMED,
    MOST_TEXTS,
    Condensed,
    Room,
    header_text,
)
from wan_lora_studio.lora.inspection.inspector import inspect_lora
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings

MB = 1024 * 1024
SMALL = Room(long=8, long_ones=20, rest=10_000)
TAGS = json.dumps({"1_set": {f"some words of a caption, number {i}": 1 for i in range(900_000)}})

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=30), inner),
    max_leaves=8,
)


def condensed(text: bytes, sizes: list[int], room: Room) -> bytes:
    """Added in pieces of these sizes, over and over."""
    found = Condensed("x", room)
    source = io.BytesIO(text)
    while True:
        for size in sizes:
            piece = source.read(size)
            if not piece:
                return found.end()
            found.add(piece)


@given(values, st.lists(st.integers(1, 40), min_size=1, max_size=4), st.booleans())
@settings(deadline=None, max_examples=200)
def test_short_texts_stay_as_they_are(value: Any, sizes: list[int], ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert condensed(text, sizes, Room()) == text


@given(st.dictionaries(st.integers(0, 999), st.text(max_size=60)), st.integers(1, 40))
@settings(deadline=None, max_examples=200)
def test_long_texts_are_left_empty_once_there_is_no_room(texts: dict[int, str], size: int) -> None:
    named = {str(number): text for number, text in texts.items()}
    found = json.loads(condensed(json.dumps(named).encode(), [size], SMALL))
    kept = 0
    for name, text in named.items():
        length = len(json.dumps(text)) - 1
        if length <= SMALL.long or kept + length <= SMALL.long_ones:
            assert found[name] == text
            kept += length if length > SMALL.long else 0
        else:
            assert found[name] == ""


@given(st.binary(max_size=60), st.integers(1, 7))
@settings(deadline=None, max_examples=200)
def test_what_is_no_json_is_left_to_the_parser(text: bytes, size: int) -> None:
    assert condensed(text, [size], Room()) == text


def sound(path: Path, metadata: dict[str, str]) -> Path:
    return write_lora(path, musubi(), metadata)


@pytest.mark.parametrize(
    "texts",
    [
        {"ss_tag_frequency": TAGS},
        {f"k{i}": "x" * 90_000 for i in range(900)},
    ],
    ids=["one", "many"],
)
def test_a_sound_file_with_much_metadata_is_read(texts: dict[str, str], tmp_path: Path) -> None:
    path = sound(
        tmp_path / "a.safetensors", {"modelspec.title": "A", **texts, "trigger_words": "b"}
    )
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    assert 40 * MB < length < MAX_HEADER_BYTES
    tracemalloc.start()
    try:
        info = inspect_lora(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert info.modules == len([key for key in musubi() if key.endswith("alpha")])
    assert info.description.title == "A"
    assert info.description.trigger_words == ("b",)
    assert peak < 60 * MB
    header = read_header(path)
    assert header.file_size - header.data_start == info.tensor_bytes


def test_the_library_and_an_upload_take_such_a_file(settings: Settings, root: Path) -> None:
    sent = sound(root.parent / "sent.safetensors", {"ss_tag_frequency": TAGS})
    record = LoRAUploadHandler(settings).process_upload(sent, "a.safetensors")
    assert record["status"] == "ok"
    assert LoRALibrary(settings).list_available_loras()["a"]["status"] == "ok"


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"ss_tag_frequency": TAGS}, ["The file's ss_tag_frequency was left out: it is too long."]),
        (
            {"ss_tag_frequency": json.dumps({"x": {"y" * 5 * MB: 1}})},
            ["The file's ss_tag_frequency was left out: it is larger than 4 MB."],
        ),
        (
            {"software": json.dumps({"version": "y" * 5 * MB})},
            ["The file's software was left out: it is larger than 4 MB."],
        ),
        ({"ss_datasets": "y" * 9 * MB}, ["The file's ss_datasets was left out: it is too long."]),
        ({"ss_tag_frequency": json.dumps({"x": {"y": 1}}), "ss_datasets": ""}, []),
    ],
    ids=["not kept", "not read", "the software", "of no use", "short"],
)
def test_a_text_that_is_left_out_for_its_size_is_told(
    texts: dict[str, str], told: list[str], settings: Settings, root: Path
) -> None:
    sound(root / "a.safetensors", texts)
    assert LoRALibrary(settings).record("a")["header_notes"] == told
    assert LoRALibrary(settings).record("a")["header_notes"] == told, "from the catalogue"


def test_many_texts_that_are_left_out_are_told_in_few_sentences(tmp_path: Path) -> None:
    many = {f"k{i}": "x" * 90_000 for i in range(150)}
    notes = inspect_lora(sound(tmp_path / "a.safetensors", many)).notes
    assert len(notes) == MOST_NAMED + 1
    assert notes[-1] == "More of the file's texts were left out: they are too long."


def test_a_header_over_the_formats_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{")
        file.truncate(MAX_HEADER_BYTES + 100)
    with pytest.raises(LoRAFileError, match="at most 100000000"):
        read_header(path)


def many_keys(count: int) -> bytes:
    keys = ",".join(f'"key{i}":"v"' for i in range(count))
    entry = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    return f'{{"__metadata__":{{{keys}}},{entry}}}'.encode()


def test_too_many_texts_are_refused_early(tmp_path: Path) -> None:
    text = many_keys(900_000)
    source, given = io.BytesIO(text), 0

    def read(size: int) -> bytes:
        nonlocal given
        given += size
        return source.read(size)

    tracemalloc.start()
    try:
        with pytest.raises(LoRAFileError, match="more than 120,001 texts"):
            header_text(read, len(text), "x")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(text) > 10 * CHUNK_BYTES
    assert given <= 2 * CHUNK_BYTES
    assert peak < 10 * MB


@pytest.mark.parametrize("count", [10_001, 50_000, 900_000])
def test_an_upload_with_too_many_metadata_keys(count: int, settings: Settings, root: Path) -> None:
    text = many_keys(count)
    data = len(text).to_bytes(8, "little") + text + b"\0\0\x80?" * 2
    tracemalloc.start()
    try:
        with pytest.raises(
            LoRAFileError, match=r"a\.safetensors.*10,?000 (metadata entries )?are"
        ) as caught:
            LoRAUploadHandler(settings).process_upload(data, "a.safetensors")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.message.startswith("a.safetensors")
    assert caught.value.suggestions
    assert peak < 60 * MB
    assert not list((root / ".staging").glob("*.safetensors"))


def test_as_many_tensors_and_entries_as_are_taken(tmp_path: Path) -> None:
    assert MOST_TEXTS == 120_001
    header = {
        "__metadata__": {f"k{i}": f"{i}" for i in range(10_000)},
        **{
            f"blocks.{i}.x": {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]}
            for i in range(20_000)
        },
    }
    text = json.dumps(header).encode()
    assert len(text) > CHUNK_BYTES
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0\x80?" * 20_000)
    found = read_header(path)
    assert len(found.tensors) == 20_000
    assert len(found.metadata) == 10_000


def test_the_file_ends_within_its_header() -> None:
    with pytest.raises(LoRAFileError, match="became shorter"):
        header_text(io.BytesIO(b"{").read, 2 * CHUNK_BYTES, "x")
