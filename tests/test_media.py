"""Files are told by their content, and opened only if they are what is asked for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from wan_lora_studio.media import is_media, media_type, open_media

STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff\xe0": "image/jpeg",
    b"GIF89a": "image/gif",
    b"RIFF\x10\0\0\0WEBPVP8 ": "image/webp",
    b"\0\0\0\x20ftypavif": "image/avif",
    b"\0\0\0\x20ftypisom": "video/mp4",
    b"\x1a\x45\xdf\xa3": "video/webm",
}


@pytest.mark.parametrize("start", STARTS)
def test_what_begins_how(start: bytes) -> None:
    assert media_type(start) == STARTS[start]


@pytest.mark.parametrize(
    "start",
    [
        b"", b"root:x:0:0:root", b"#EXTM3U\n", b"ftyp", b"RIFF\0\0\0\0WAVE", b"%!PS", b"<svg",
        b"GIF", b"\0\0\0\x20ftypheic", b"II*\0", b"\x89PNG",
    ],
)  # fmt: skip
def test_what_is_neither_picture_nor_video(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(start)
    assert media_type(start) is None
    assert open_media(tmp_path / "a.mp4", "video/") is None


@pytest.mark.parametrize("name", ["a.png", "a.mp4"])
def test_a_link_to_something_else_is_never_opened(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/etc/passwd")
    for kind in ("", "image/", "video/", "image/png"):
        assert not is_media(tmp_path / name, kind)


def test_a_link_to_a_picture_is_read_through_if_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    (tmp_path / "a.png").symlink_to("real")
    found = open_media(tmp_path / "a.png", "image/")
    assert found is not None
    with found.file:
        assert found.media_type == "image/png"
        assert found.file.read().endswith(b"rest")
    assert not is_media(tmp_path / "a.png", "image/", follow=False)
    assert is_media(tmp_path / "real", "image/", follow=False)
    assert not is_media(tmp_path / "real", "image/jpeg")
    assert not is_media(tmp_path / "real", "video/")


def test_what_is_no_regular_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")
    (tmp_path / "to_fifo.mp4").symlink_to("fifo.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.mp4"))
    for path in (
        *tmp_path.iterdir(),
        tmp_path / "absent",
        tmp_path / "a\0b",
        tmp_path / ("x" * 300),
    ):
        assert not is_media(path, "")
