"""Reading a comment out of an MP4: ours, other programs', and files made to do harm."""

from __future__ import annotations

import io
import json
import random
import struct
from pathlib import Path

import pytest

from tests.support.result_files import metadata, video_bytes, write_video
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.results.mp4 import MAX_BOXES, MAX_COMMENT, read_comment


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def tagged(text: bytes, *, versioned: bool = True) -> bytes:
    """An MP4's `moov` with nothing but a comment."""
    data = box(b"data", struct.pack(">II", 1, 0) + text)
    items = box(b"hdlr", b"\0" * 24) + box(b"ilst", box(b"\xa9cmt", data))
    meta = box(b"meta", (b"\0" * 4 if versioned else b"") + items)
    return box(b"moov", box(b"udta", meta))


def whole(moov: bytes) -> bytes:
    return box(b"ftyp", b"isom\0\0\0\0") + moov + box(b"mdat", b"pictures")


def test_the_comment_that_our_writer_wrote(tmp_path: Path) -> None:
    data = metadata(prompt='ein "Fuchs" über 🦊')
    with write_video(tmp_path, "one", data).open("rb") as file:
        assert json.loads(read_comment(file)) == data


@pytest.mark.parametrize("versioned", [True, False])
def test_both_forms_of_meta(versioned: bool) -> None:
    assert read_comment(io.BytesIO(whole(tagged(b"{}", versioned=versioned)))) == "{}"


def test_boxes_with_long_sizes_and_open_ends() -> None:
    moov = tagged(b"{}")
    long = struct.pack(">I4sQ", 1, b"moov", len(moov) + 8) + moov[8:]
    open_end = struct.pack(">I4s", 0, b"mdat") + b"to the end"
    assert read_comment(io.BytesIO(box(b"ftyp", b"isom") + long + open_end)) == "{}"


@pytest.mark.parametrize("missing", range(1, 2000, 37))
def test_a_file_that_is_cut_short_is_refused(missing: int) -> None:
    with pytest.raises(GenerationError):
        read_comment(io.BytesIO(video_bytes()[:-missing]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\0" * 64,
        b"not a video at all, only words",
        box(b"ftyp", b"isom") + box(b"mdat", b""),
        whole(box(b"moov", b"")),
        whole(box(b"moov", struct.pack(">I", 2**31) + b"udta")),
        whole(box(b"moov", struct.pack(">I4sQ", 1, b"udta", 2**63))),
        whole(box(b"moov", struct.pack(">I4s", 4, b"udta"))),
        whole(tagged(b"\xff\xfe")),
        whole(tagged(b"x" * (MAX_COMMENT + 1))),
        whole(box(b"moov", box(b"free", b"") * (MAX_BOXES + 1))),
        b"PK\x03\x04" + b"\0" * 100,
    ],
    ids=lambda data: data[:12].hex(),
)
def test_what_is_no_whole_video_with_a_comment_is_refused(data: bytes) -> None:
    with pytest.raises(GenerationError) as caught:
        read_comment(io.BytesIO(data))
    assert caught.value.suggestions


def test_damage_anywhere_is_survived() -> None:
    """Whatever the bytes say, there is a text or an error of ours."""
    chance = random.Random(20260101)
    good = video_bytes()
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert isinstance(read_comment(io.BytesIO(data)), str)
        except GenerationError:
            continue
