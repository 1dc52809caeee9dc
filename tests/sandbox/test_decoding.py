"""The decoder: bombs and broken files are refused, and the one who asked takes no harm."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from tests.support.loras.pictures import GREEN, RED, video
from wan_lora_studio.sandbox import RefusedError
from wan_lora_studio.sandbox.decoding import AT_ONCE, Decoder


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.end()


def encoded(kind: str, size: tuple[int, int] = (60, 40)) -> io.BytesIO:
    data = io.BytesIO()
    Image.new("RGB", size, RED).save(data, kind)
    return data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_pictures_of_the_kinds_that_are_taken(decoder: Decoder, kind: str) -> None:
    picture = decoder.picture(encoded(kind), 30)
    assert picture.size == (30, 20)
    assert looks_like_colour(picture, RED)


def looks_like_colour(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    found = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(found, tuple)
    return all(abs(a - b) < 12 for a, b in zip(found, colour, strict=True))


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PCX", "TGA", "ICO", "PPM", "EPS", "DDS", "SGI"])
def test_other_kinds_are_not_even_tried(decoder: Decoder, kind: str) -> None:
    with pytest.raises(RefusedError):
        decoder.picture(encoded(kind), 30)


def test_a_file_and_its_path_are_not_needed(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG").getvalue())
    with path.open("rb") as file:
        path.unlink()
        assert decoder.picture(file, 60).size == (60, 40)


def test_frames_of_a_video(decoder: Decoder, tmp_path: Path) -> None:
    with video(tmp_path / "a.mp4", GREEN).open("rb") as file:
        for which in ("first", "middle", "last"):
            picture = decoder.frame(file, "video/mp4", which, 4096)
            assert looks_like_colour(picture, GREEN)


def test_texts_of_a_picture(decoder: Decoder) -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("parameters", "a fox, steps: 3")
    data = io.BytesIO()
    Image.new("RGB", (4, 4)).save(data, "PNG", pnginfo=said)
    assert decoder.texts(data) == {"parameters": "a fox, steps: 3"}


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def webp_bomb() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16383, 16383)).save(data, "WEBP", lossless=True, method=0)
    return data.getvalue()


BOMBS = {
    "a PNG of 100,000 by 100,000": lambda: png(100_000, 100_000, zlib.compress(b"\0")),
    "a PNG of one row": lambda: png(2_000_000_000, 1, zlib.compress(b"\0")),
    "a WebP of 268 million pixels": webp_bomb,
    "a PNG with a row of a gigabyte": lambda: png(330_000_000, 1, zlib.compress(bytes(10**9), 9)),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_and_the_next_file_is_read(decoder: Decoder, name: str) -> None:
    bomb = BOMBS[name]()
    assert len(bomb) < 2_000_000
    with pytest.raises(RefusedError):
        decoder.picture(io.BytesIO(bomb), 256)
    assert decoder.picture(encoded("PNG"), 60).size == (60, 40)


def test_data_beyond_the_picture_is_not_unpacked(decoder: Decoder) -> None:
    long = png(9, 9, zlib.compress(bytes(200_000_000), 9))
    assert decoder.picture(io.BytesIO(long), 256).size == (9, 9)


MEASURED = """
import io, resource, sys
from wan_lora_studio.sandbox import RefusedError, decoder
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        try:
            decoder.picture(file, 256)
        except RefusedError:
            pass
print(peak() - before)
"""


def test_bombs_take_no_memory_of_the_one_who_asks(tmp_path: Path) -> None:
    paths = []
    for number, bomb in enumerate(BOMBS.values()):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(bomb())
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *paths], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 30


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not Windows's")
def test_a_process_that_dies_is_a_refusal_and_the_next_goes_on(decoder: Decoder) -> None:
    decoder.picture(encoded("PNG"), 60)
    process = decoder._idle[-1].process._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with pytest.raises(RefusedError, match="no_decoder"):
        decoder.picture(encoded("PNG"), 60)
    assert decoder.picture(encoded("PNG"), 60).size == (60, 40)


def test_many_at_once_share_few_processes(decoder: Decoder) -> None:
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda _: decoder.picture(encoded("PNG"), 60).size, range(60)))
    assert found == [(60, 40)] * 60
    assert len(decoder._idle) <= AT_ONCE
