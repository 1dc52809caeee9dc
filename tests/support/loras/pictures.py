"""Pictures and videos of one colour beside LoRAs, and what their thumbnails show."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from PIL import Image

from wan_lora_studio.lora.library.library import LoRALibrary

Color = tuple[int, int, int]
RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)


def picture(path: Path, color: Color, kind: str = "PNG") -> Path:
    Image.new("RGB", (64, 48), color).save(path, kind)
    return path


def video(path: Path, color: Color) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), color, np.uint8))
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return path


def looks_like(path: Path, color: Color) -> bool:
    with Image.open(io.BytesIO(path.read_bytes())) as found:
        pixel = found.convert("RGB").getpixel((found.width // 2, found.height // 2))
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 25 for a, b in zip(pixel, color, strict=True))


def thumbnail(library: LoRALibrary, name: str) -> Path:
    return library.root / library.record(name)["thumbnail_path"]
