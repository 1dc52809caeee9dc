"""Generation: from a task to a video file, with exactly the selected LoRAs.

Everything here needs torch and is loaded on first use. It knows no queue and no page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use

if TYPE_CHECKING:
    from wan_lora_studio.wan.generation.generation import generate_video
    from wan_lora_studio.wan.generation.latent_preview import LatentColours, fitted
    from wan_lora_studio.wan.generation.video_file import read_metadata

__all__ = [
    "LatentColours",
    "fitted",
    "generate_video",
    "read_metadata",
]

__getattr__ = on_first_use(
    __name__,
    {
        "LatentColours": "latent_preview",
        "fitted": "latent_preview",
        "generate_video": "generation",
        "read_metadata": "video_file",
    },
)
