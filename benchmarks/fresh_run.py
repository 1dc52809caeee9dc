"""Make a video again in a process that has run nothing before, and compare the frames.

`python -m benchmarks.fresh_run VIDEO LORAS OUTPUTS` is that process: it reads the task out of the
video and prints the path of what it made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.live_app import ROOT, environment


def same_when_fresh(video: Path, loras: Path) -> bool:
    """Whether a fresh process makes the same frames, bit for bit. Raises RuntimeError if none."""
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(
            [sys.executable, "-m", "benchmarks.fresh_run", str(video), str(loras), folder],
            cwd=ROOT,
            env=environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise RuntimeError(made.stderr)
        return bool(np.array_equal(decoded(video), decoded(Path(made.stdout.splitlines()[-1]))))


def decoded(video: Path) -> NDArray[np.uint8]:
    """Frames [frames, height, width, 3]. Raises av.FFmpegError or ValueError for a broken file."""
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    found: NDArray[np.uint8] = np.stack(frames)
    return found


def make_again(video: Path, loras: Path, outputs: Path) -> str:
    """The path of a new video for the same task, made in this process with as many threads."""
    import torch

    from wan_lora_studio.settings import load_settings
    from wan_lora_studio.wan.generation import generate_video, read_metadata
    from wan_lora_studio.wan.lora_manager import LoRAManager
    from wan_lora_studio.wan.models import ModelManager
    from wan_lora_studio.wan.task import GenerationTask

    metadata: dict[str, Any] = read_metadata(video)
    torch.set_num_threads(metadata["environment"]["threads"])
    settings = load_settings(
        loras_dir=loras,
        models_dir=ROOT / "models",
        outputs_dir=outputs,
        data_dir=outputs / "data",
        device=metadata["environment"]["device"],
    )
    task = GenerationTask.from_dict(metadata["task"])
    models, library = ModelManager(settings), LoRAManager(settings)
    return generate_video(task, models=models, loras=library).video_path


if __name__ == "__main__":
    print(make_again(*(Path(argument) for argument in sys.argv[1:4])))
