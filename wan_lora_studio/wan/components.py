"""Components: what diffusers calls the parts of a Wan pipeline that have weights. No torch here."""

from __future__ import annotations

TRANSFORMERS = ("transformer", "transformer_2")  # in the order in which they sample
ENCODER = "text_encoder"
ENCODERS = (ENCODER, "image_encoder")
DECODER = "vae"
