"""How much memory a process takes to decode one video: `KIND WIDTH SIDE FRAMES`, in bytes.

KIND is 2.1 or 2.2. First the growth, then what the forecast says.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import torch
from diffusers import AutoencoderKLWan

from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.task import GenerationTask

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of what the system counts the peak in
PATCHED: dict[str, Any] = {
    "z_dim": 48, "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "scale_factor_spatial": 16, "latents_mean": [0.0] * 48, "latents_std": [1.0] * 48,
    "temperal_downsample": [False, True, True],
}  # fmt: skip


def decoder(kind: str, width: int) -> AutoencoderKLWan:
    torch.manual_seed(0)
    if kind == "2.1":
        return AutoencoderKLWan(base_dim=width)
    return AutoencoderKLWan(base_dim=width // 2, decoder_base_dim=width, **PATCHED)


def main(kind: str, width: int, side: int, frames: int) -> tuple[int, int]:
    torch.set_num_threads(1)
    vae: Any = decoder(kind, width).eval()
    scale = vae.config.scale_factor_spatial
    shape = (1, vae.config.z_dim, (frames - 1) // 4 + 1, side // scale, side // scale)
    latents = torch.randn(shape)
    before = psutil.Process().memory_info().rss
    with torch.no_grad():
        vae.decode(latents, return_dict=False)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT - before
    with tempfile.TemporaryDirectory() as folder:
        vae.save_config(Path(folder) / "vae")
        found = Footprint.of(Path(folder))
    task = GenerationTask(model_type="x", prompt="x", width=side, height=side, num_frames=frames)
    return growth, found.decoding(task)


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    print(*main(kind, *map(int, numbers)))
