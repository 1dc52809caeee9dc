"""Latent preview: one colour for each pixel of the latents, without the decoder.

A linear map for each decoder. Wan's two are told apart by the mean of their first channel; their
numbers are those of ComfyUI, `latent_rgb_factors` of `Wan21` and `Wan22` in
`comfy/latent_formats.py`. Another decoder has a file with its own beside it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object
from wan_lora_studio.wan.models import LATENT_COLOURS
from wan_lora_studio.wan.task_limits import FRAME_STRIDE

LEAST_BRIGHT = 0.03  # of white, that all clips are taken for at least
RIDGE = 1e-4  # of the squares of the latents, which are about 1


@dataclass(frozen=True)
class LatentColours:
    """`factors`: for each channel red, green and blue; with `bias` they give -1 to 1."""

    mean: float
    bias: tuple[float, ...]
    factors: tuple[tuple[float, ...], ...]

    def frames(self, latents: Tensor) -> Tensor:
        """RGB uint8 [frames, height, width, 3] of normalised latents [channels, frames, height,
        width]."""
        colours = torch.tensor(self.factors, device=latents.device)
        bias = torch.tensor(self.bias, device=latents.device)
        unit = (torch.einsum("cfhw,cr->fhwr", latents.float(), colours) + bias + 1) / 2
        return (unit.clamp(0, 1) * 255).round().to(torch.uint8).cpu()

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


def colours_of(vae: Any, folder: Path) -> LatentColours | None:
    """Those of a decoder's latents; None for a decoder that they are not known of. `folder` is
    the decoder's own."""
    means = vae.config.latents_mean
    for known in (WAN21, WAN22):
        if len(means) == len(known.factors) and abs(means[0] - known.mean) < 1e-4:
            return known
    found = _beside(folder)
    return found if found is not None and len(found.factors) == len(means) else None


def fitted(latents: Tensor, videos: Tensor) -> LatentColours:
    """The map that comes closest to videos, by least squares over all frames but the first.

    That one stands for one frame of the video, each other for four: its latents are others. Dark
    clips count more, as an error shows more in them.

    `latents`: normalised, [clips, channels, frames, height, width]; `videos`: [clips, 3, frames,
    height, width], -1 to 1.
    """
    latents = latents[:, :, 1:]
    height, width = latents.shape[-2:]
    later = functional.avg_pool3d(videos[:, :, 1:], (FRAME_STRIDE, 1, 1))
    small = functional.adaptive_avg_pool2d(later.transpose(1, 2).flatten(0, 1), (height, width))
    wanted = small.permute(0, 2, 3, 1).reshape(-1, 3).double()
    brightness = ((videos + 1) / 2).mean((1, 2, 3, 4)).double()
    weights = (brightness + LEAST_BRIGHT).rsqrt().repeat_interleave(len(wanted) // len(videos))
    given = latents.permute(0, 2, 3, 4, 1).reshape(-1, latents.shape[1]).double()
    given = torch.cat([given, torch.ones_like(given[:, :1])], 1)
    weighted = (given * (weights / weights.mean())[:, None] ** 2).T
    squares = weighted @ given
    squares += RIDGE * len(given) * torch.eye(len(squares), dtype=squares.dtype)
    *factors, bias = torch.linalg.solve(squares, weighted @ wanted).tolist()
    rounded = [tuple(round(value, 4) for value in row) for row in (bias, *factors)]
    return LatentColours(0.0, rounded[0], tuple(rounded[1:]))


def _beside(folder: Path) -> LatentColours | None:
    """From the file there; None where there is none, or another thing."""
    try:
        found = read_object((folder / LATENT_COLOURS).read_bytes())
        rows = [found["bias"], *found["factors"]]
        read = [tuple(float(value) for value in row) for row in rows]
    except (OSError, UntrustedJSONError, KeyError, TypeError, ValueError):
        return None
    if any(len(row) != 3 for row in read):
        return None
    return LatentColours(0.0, read[0], tuple(read[1:]))


WAN21 = LatentColours(
    mean=-0.7571,
    bias=(-0.1835, -0.0868, -0.3360),
    factors=(
        (-0.1299, -0.1692, 0.2932),
        (0.0671, 0.0406, 0.0442),
        (0.3568, 0.2548, 0.1747),
        (0.0372, 0.2344, 0.1420),
        (0.0313, 0.0189, -0.0328),
        (0.0296, -0.0956, -0.0665),
        (-0.3477, -0.4059, -0.2925),
        (0.0166, 0.1902, 0.1975),
        (-0.0412, 0.0267, -0.1364),
        (-0.1293, 0.0740, 0.1636),
        (0.0680, 0.3019, 0.1128),
        (0.0032, 0.0581, 0.0639),
        (-0.1251, 0.0927, 0.1699),
        (0.0060, -0.0633, 0.0005),
        (0.3477, 0.2275, 0.2950),
        (0.1984, 0.0913, 0.1861),
    ),
)

WAN22 = LatentColours(
    mean=-0.2289,
    bias=(0.0317, -0.0878, -0.1388),
    factors=(
        (0.0119, 0.0103, 0.0046),
        (-0.1062, -0.0504, 0.0165),
        (0.0140, 0.0409, 0.0491),
        (-0.0813, -0.0677, 0.0607),
        (0.0656, 0.0851, 0.0808),
        (0.0264, 0.0463, 0.0912),
        (0.0295, 0.0326, 0.0590),
        (-0.0244, -0.0270, 0.0025),
        (0.0443, -0.0102, 0.0288),
        (-0.0465, -0.0090, -0.0205),
        (0.0359, 0.0236, 0.0082),
        (-0.0776, 0.0854, 0.1048),
        (0.0564, 0.0264, 0.0561),
        (0.0006, 0.0594, 0.0418),
        (-0.0319, -0.0542, -0.0637),
        (-0.0268, 0.0024, 0.0260),
        (0.0539, 0.0265, 0.0358),
        (-0.0359, -0.0312, -0.0287),
        (-0.0285, -0.1032, -0.1237),
        (0.1041, 0.0537, 0.0622),
        (-0.0086, -0.0374, -0.0051),
        (0.0390, 0.0670, 0.2863),
        (0.0069, 0.0144, 0.0082),
        (0.0006, -0.0167, 0.0079),
        (0.0313, -0.0574, -0.0232),
        (-0.1454, -0.0902, -0.0481),
        (0.0714, 0.0827, 0.0447),
        (-0.0304, -0.0574, -0.0196),
        (0.0401, 0.0384, 0.0204),
        (-0.0758, -0.0297, -0.0014),
        (0.0568, 0.1307, 0.1372),
        (-0.0055, -0.0310, -0.0380),
        (0.0239, -0.0305, 0.0325),
        (-0.0663, -0.0673, -0.0140),
        (-0.0416, -0.0047, -0.0023),
        (0.0166, 0.0112, -0.0093),
        (-0.0211, 0.0011, 0.0331),
        (0.1833, 0.1466, 0.2250),
        (-0.0368, 0.0370, 0.0295),
        (-0.3441, -0.3543, -0.2008),
        (-0.0479, -0.0489, -0.0420),
        (-0.0660, -0.0153, 0.0800),
        (-0.0101, 0.0068, 0.0156),
        (-0.0690, -0.0452, -0.0927),
        (-0.0145, 0.0041, 0.0015),
        (0.0421, 0.0451, 0.0373),
        (0.0504, -0.0483, -0.0356),
        (-0.0837, 0.0168, 0.0055),
    ),
)
