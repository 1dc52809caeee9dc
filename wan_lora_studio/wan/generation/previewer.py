"""Previewer: pictures of a video while it is sampled, for a small share of the time."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable
from typing import Any

from PIL import Image
from torch import Tensor

from wan_lora_studio.wan.generation.decoding import decode_latents
from wan_lora_studio.wan.generation.latent_preview import LatentColours
from wan_lora_studio.wan.models import release_memory
from wan_lora_studio.wan.out_of_memory import is_out_of_memory

logger = logging.getLogger(__name__)

SIDE = 384  # pixels, at most
SCALE = 4  # a pixel of latents is 8 or 16 of the video
COLOURS_SHARE = 0.013  # of the sampling time, for pictures in the latents' colours
DECODER_SHARE = 0.005  # of it for those by the decoder
ASSUMED = 0.02  # of a step, that one frame takes to decode, before it was tried
LONG_STEP = 1.0  # seconds, which leave time for the decoder, and for all frames
MOVING_MS = 120  # for each of them


class Previewer:
    """Shows the video as the model expects it: in the colours that its latents are known to have,
    and now and then as the decoder shows it, where `decode` allows that.

    Without `colours` only the decoder can show it.
    """

    def __init__(
        self,
        pipeline: Any,
        colours: LatentColours | None,
        *,
        enabled: bool,
        decode: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline, self._colours = pipeline, colours
        self._enabled, self._decode, self._clock = enabled, decode, clock
        self._started = self._last = clock()
        # Seconds so far, and of the last decoding, 0 before the first.
        self._colouring = self._decoding = self._cost = 0.0

    def picture(self, latents: Tensor) -> bytes | None:
        """A JPEG of the middle frame, or a moving WebP; None when it is not its turn.

        To be called after each step. `latents`: [1, channels, frames, height/8, width/8].
        """
        before = self._clock()
        step, self._last = before - self._last, before
        passed = before - self._started
        made = None
        if self._enabled and self._decoders_turn(passed, step):
            made = self._decoded(self._expected(latents)[0], step)
            self._last = self._clock()
            self._cost = self._last - before
            self._decoding += self._cost
        elif self._enabled and self._colouring <= COLOURS_SHARE * passed:
            made = self._coloured(self._expected(latents)[0], step)
            self._last = self._clock()
            self._colouring += self._last - before
        return made

    def _decoders_turn(self, passed: float, step: float) -> bool:
        if not self._decode:
            return False
        if self._colours is None:
            return self._decoding <= (DECODER_SHARE + COLOURS_SHARE) * passed
        cost = self._cost or ASSUMED * step
        return step >= LONG_STEP and self._decoding + cost <= DECODER_SHARE * passed

    def _coloured(self, latents: Tensor, step: float) -> bytes | None:
        if self._colours is None:
            return None
        middle = latents.shape[1] // 2
        # Without the first, which stands for a single frame and has other colours.
        all_of_them = slice(min(1, middle), None)
        shown = all_of_them if step >= LONG_STEP else slice(middle, middle + 1)
        pictures = [
            _enlarged(Image.fromarray(frame.numpy()))
            for frame in self._colours.frames(latents[:, shown])
        ]
        return _encoded(pictures)

    def _decoded(self, latents: Tensor, step: float) -> bytes | None:
        middle = latents.shape[1] // 2
        try:
            frames = decode_latents(self._pipeline, latents[None, :, middle : middle + 1])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._decode = False
        else:
            return _encoded([Image.fromarray(frames[-1])])
        # Sampling needs the memory more; what the failure held is free only here.
        logger.warning("no memory for previews by the decoder: this run goes on without")
        self._pipeline.vae.clear_cache()
        release_memory()
        return self._coloured(latents, step)

    def _expected(self, latents: Tensor) -> Tensor:
        """The scheduler's estimate of the clean latents where it keeps one."""
        outputs = getattr(self._pipeline.scheduler, "model_outputs", None)
        if outputs and outputs[-1] is not None and outputs[-1].shape == latents.shape:
            estimate: Tensor = outputs[-1]
            return estimate
        return latents


def _enlarged(picture: Image.Image) -> Image.Image:
    wide, high = picture.size
    return picture.resize((wide * SCALE, high * SCALE), Image.Resampling.BICUBIC)


def _encoded(pictures: list[Image.Image]) -> bytes:
    for picture in pictures:
        picture.thumbnail((SIDE, SIDE))
    first, *others = pictures
    buffer = io.BytesIO()
    if others:
        first.save(
            buffer, "WEBP", save_all=True, append_images=others,
            duration=MOVING_MS, loop=0, quality=70, method=0,
        )  # fmt: skip
    else:
        first.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
