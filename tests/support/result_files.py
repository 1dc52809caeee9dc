"""Small finished videos, with whatever metadata a test wants them to carry."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np

from wan_lora_studio.wan.generation.video_file import ResultFiles, write_result

WANGP = {
    "type": "WanGP v9.1 by DeepBeepMeep - Wan2.2 Text2video 14B",
    "model_type": "t2v_2_2",
    "prompt": "a lighthouse in a storm",
    "negative_prompt": "blurry",
    "resolution": "832x480",
    "video_length": 81,
    "num_inference_steps": 30,
    "guidance_scale": 4.5,
    "guidance2_scale": 3.5,
    "flow_shift": 7,
    "force_fps": "16",
    "seed": 1234,
    "activated_loras": ["style_HIGH.safetensors", "https://host/x/style_LOW.safetensors"],
    "loras_multipliers": "0.9;0 0;0.7",
}


def task(**changes: Any) -> dict[str, Any]:
    return {
        "id": "task-1",
        "model_type": "demo",
        "prompt": "a red circle moving left",
        "negative_prompt": "",
        "width": 32,
        "height": 32,
        "num_frames": 5,
        "fps": 8,
        "steps": 4,
        "guidance_scale": 4.0,
        "guidance_scale_2": 4.0,
        "flow_shift": 3.0,
        "seed": 7,
        "selected_loras": {},
        **changes,
    }


def metadata(loras: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """As `generate_video` writes it, `loras` being the reports by name."""
    return {
        "format": 1,
        "task": task(**changes),
        "frames_shape": [5, 32, 32, 3],
        "loras": loras or {},
        "warnings": [],
        "timings": {"sample": 1.0},
    }


def write_video(folder: Path, name: str, data: dict[str, Any]) -> Path:
    """A real MP4 of 5 frames with its JSON and its poster; `name` without suffix."""
    files = ResultFiles(folder / f"{name}.mp4", folder / f"{name}.json", folder / f"{name}.jpg")
    frames = np.zeros((5, 32, 32, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[:, : 6 * (index + 1)] = (200, 60, 40)
    write_result(files, frames, 8, data)
    return files.video


@cache
def video_bytes() -> bytes:
    """A whole video of ours, as it is on disk."""
    with TemporaryDirectory() as folder:
        return write_video(Path(folder), "one", metadata()).read_bytes()


def frames_of(video: str) -> list[bytes]:
    with av.open(video) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
