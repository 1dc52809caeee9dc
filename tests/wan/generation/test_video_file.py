"""Result files: H.264 with its task inside, a JSON and a poster beside it, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.wan.generation.video_file import (
    Frames,
    ResultFiles,
    read_metadata,
    write_result,
)

METADATA = {"task": {"prompt": "ein roter Kreis \u2192 \u201clinks\u201d \U0001f534; = # \\ \n"}}


def moving_square() -> Frames:
    frames = np.zeros((17, 64, 96, 3), np.uint8)
    for index in range(17):
        frames[index, 20:40, 2 * index : 2 * index + 20] = (200, 40, 40)
    return frames


def test_the_video_is_playable_everywhere_and_carries_its_task(tmp_path: Path) -> None:
    frames = moving_square()
    files = ResultFiles.named(tmp_path / "new", "A Red/../Square!", "abcdef0123456")
    write_result(files, frames, 8, METADATA)
    with av.open(str(files.video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 8
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 17
    error = np.abs(np.stack(decoded).astype(int) - frames).mean()
    assert error < 3
    raw = files.video.read_bytes()
    assert raw.index(b"moov") < raw.index(b"mdat"), "the index must come first"
    assert read_metadata(files.video) == METADATA
    assert json.loads(files.sidecar.read_text(encoding="utf-8")) == METADATA
    with Image.open(files.poster) as poster:
        assert poster.size == (96, 64)
    assert sorted(path.suffix for path in files.video.parent.iterdir()) == [".jpg", ".json", ".mp4"]


def test_the_same_frames_give_the_same_video_every_time(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(5, 64, 64, 3)).cumsum(1).cumsum(2)
    frames = ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8)
    files = ResultFiles.named(tmp_path, "again", "id")
    contents = set()
    for _ in range(60):
        write_result(files, frames, 8, METADATA)
        contents.add(files.video.read_bytes())
    assert len(contents) == 1


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    files = ResultFiles.named(tmp_path, "x", "id")
    files.poster.mkdir()
    (files.poster / "in the way").touch()
    with pytest.raises(GenerationError, match="could not be written"):
        write_result(files, moving_square(), 8, METADATA)
    assert list(tmp_path.iterdir()) == [files.poster]


def test_a_file_without_generation_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"not a video")
    with pytest.raises(GenerationError, match="carries no generation data"):
        read_metadata(path)
