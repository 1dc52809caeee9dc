"""Titles, descriptions and hints of the demo LoRAs, as their headers carry them."""

from __future__ import annotations

from demo.captions import TRIGGERS
from demo.export import Header, modelspec

THUMBNAIL_PROMPTS = {
    "neon_outline": "a cyan triangle moving right on a black background",
    "pixel_mosaic": "a green circle moving left on a navy background",
    "golden_hour": "a white circle moving up on a navy background",
    "motion_trail": "an orange circle moving right on a navy background",
    "lightning_4step": "a purple square moving left on a sunset background",
}


def header(name: str) -> Header:
    """The `modelspec.*` entries of one LoRA."""
    return {
        "neon_outline": modelspec(
            "Neon Outline",
            "Shapes become glowing outlines without fill. A high-noise and low-noise pair; "
            "both halves belong together.",
            TRIGGERS["neon_outline"],
            "Strength 0.8 to 1.0 on both experts; below 0.5 the fill shows through.",
            "style, neon, outline, demo",
        ),
        "pixel_mosaic": modelspec(
            "Pixel Mosaic",
            "The whole picture turns into a mosaic of square tiles of one colour each.",
            TRIGGERS["pixel_mosaic"],
            "Strength 1.0 for full tiles, 0.5 for softened ones.",
            "style, pixel art, mosaic, demo",
        ),
        "golden_hour": modelspec(
            "Golden Hour",
            "Warm evening light from the upper right over the whole frame. One set of weights "
            "for both experts.",
            TRIGGERS["golden_hour"],
            "Strength 0.3 to 1.0; combines well with the other looks.",
            "light, colour grade, warm, demo",
        ),
        "motion_trail": modelspec(
            "Motion Trail",
            "A fading trail follows the moving shape. A LoKr; one set of weights for both experts.",
            TRIGGERS["motion_trail"],
            "Strength 0.6 to 1.0.",
            "motion, trail, demo",
        ),
        "lightning_4step": modelspec(
            "Lightning 4-Step",
            "Makes four steps at guidance 1 look like twenty guided ones. A high-noise and "
            "low-noise pair with full-weight parts.",
            "",
            "Strength 1.0 on both experts, 4 steps, guidance 1, flow shift 3.",
            "accelerator, distillation, 4 steps, demo",
        ),
    }[name]
