"""What a person would write without the app: diffusers' pipeline and an encoder, nothing else.

A process that is loaded once and then makes the videos whose parameters come as lines of JSON on
its standard input; it answers each with the path of the MP4.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import av
import torch
from diffusers import AutoencoderKLWan, WanPipeline

ENCODING = {"crf": "16", "preset": "medium", "x264-params": "mbtree=0"}


def make_video(pipeline: Any, asked: dict[str, Any], path: Path) -> None:
    """`asked` holds the pipeline's own arguments, and `seed` and `fps`."""
    generator = torch.Generator("cpu").manual_seed(asked.pop("seed"))
    fps = asked.pop("fps")
    frames = pipeline(**asked, generator=generator, output_type="pt").frames[0]
    pixels = (frames.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options=ENCODING)
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def main(model: Path, outputs: Path) -> None:
    vae = AutoencoderKLWan.from_pretrained(model, subfolder="vae", dtype=torch.float32)
    pipeline = WanPipeline.from_pretrained(model, vae=vae, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    print("ready", flush=True)
    for number, line in enumerate(sys.stdin):
        path = outputs / f"{number}.mp4"
        make_video(pipeline, json.loads(line), path)
        print(path, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
