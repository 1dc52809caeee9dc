"""Video file: an MP4 that carries its task, the same task as JSON, and a poster."""

from __future__ import annotations

import errno
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.filesystem import replace, sync_file, sync_folder
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import read_object

Frames = NDArray[np.uint8]
# Without mbtree: with it, x264 on AVX-512 does not give the same frames every time (seen in 1 to
# 25 of 100 encodings of the same 5 frames; without it in none of 1,700).
ENCODING = {"crf": "16", "preset": "medium", "x264-params": "mbtree=0"}
POSTER_QUALITY = 90
# EAGAIN: for the stack of one of x264's threads. What x264 itself lacks memory for is an
# `ExternalError` without a reason; there is no other, as its settings are always the same.
NO_MEMORY = (errno.ENOMEM, errno.EAGAIN)


@dataclass(frozen=True)
class ResultFiles:
    """Where a result's three files are."""

    video: Path
    sidecar: Path
    poster: Path

    @classmethod
    def named(cls, folder: Path, prompt: str, task_id: str) -> ResultFiles:
        """Names that sort by time and tell the prompt; the id keeps them apart."""
        slug = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:40].strip("-") or "video"
        stamp = time.strftime("%Y%m%d-%H%M%S")
        short_id = re.sub(r"[^A-Za-z0-9]", "", task_id)[:8] or "task"
        stem = f"{stamp}-{slug}-{short_id}"
        return cls(folder / f"{stem}.mp4", folder / f"{stem}.json", folder / f"{stem}.jpg")


def write_result(files: ResultFiles, frames: Frames, fps: int, metadata: Mapping[str, Any]) -> None:
    """Write the three files; the video appears last and only when it is whole.

    `frames`: [frames, height, width, 3], RGB. The MP4 is H.264, yuv420p, with the index in
    front; its comment tag holds `metadata` as JSON. Raises GenerationError when the disk
    refuses, MemoryError when there is none for the encoder; nothing partial is left then.
    """
    partial = {path: path.with_name(f".{path.name}.part") for path in _paths(files)}
    placed: list[Path] = []
    try:
        files.video.parent.mkdir(parents=True, exist_ok=True)
        _encode(partial[files.video], frames, fps, json.dumps(metadata, ensure_ascii=False))
        partial[files.sidecar].write_text(
            json.dumps(metadata, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        Image.fromarray(frames[len(frames) // 2]).save(
            partial[files.poster], format="JPEG", quality=POSTER_QUALITY
        )
        for path in (files.sidecar, files.poster, files.video):
            sync_file(partial[path])
            replace(partial[path], path)
            placed.append(path)
        sync_folder(files.video.parent)
    except (OSError, av.FFmpegError) as error:
        for path in placed:
            path.unlink(missing_ok=True)
        if isinstance(error, av.error.ExternalError) or error.errno in NO_MEMORY:
            raise MemoryError(say("wan.generation.encoder_memory")) from error
        raise GenerationError(
            say("wan.generation.not_written", folder=files.video.parent, problem=error),
            cause=say("wan.generation.not_written_cause"),
            suggestions=[say("wan.generation.free_space")],
            context={"folder": str(files.video.parent)},
        ) from error
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def read_metadata(video: Path) -> dict[str, Any]:
    """The JSON that `write_result` put into a video. Raises GenerationError if there is none."""
    try:
        with av.open(str(video)) as container:
            return read_object(container.metadata.get("comment", ""))
    except (OSError, ValueError) as error:  # FFmpeg's errors are some of each
        raise GenerationError(
            say("wan.generation.no_data", file=video.name),
            cause=say("wan.generation.no_data_cause"),
            suggestions=[say("wan.generation.choose_own")],
        ) from error


def _encode(path: Path, frames: Frames, fps: int, comment: str) -> None:
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=fps, options=ENCODING)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _paths(files: ResultFiles) -> tuple[Path, Path, Path]:
    return files.video, files.sidecar, files.poster
