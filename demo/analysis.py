"""Plain image analysis of a video: what moves, in which colour, which way, over what.

Videos are [F, H, W, 3] in 0..1. Nothing here knows how the video was made.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from demo.world import BACKGROUNDS, COLOURS, DIRECTIONS, SHAPES, background, distance

FOREGROUND = 0.16  # colour distance from the (possibly shadowed) background
LEAST_SHIFT = 14.0  # pixels; less is no motion
BLOCK = 16  # pixels, the tiles of the pixel mosaic
TRAIL_GAP, TRAIL_REACH = 3.0, 19.0  # pixels from the shape, where a trail is looked for
# radius of each shape over the square root of its area
RADIUS_OF_AREA = {"circle": 0.5642, "square": 0.5889, "triangle": 0.6647}


@dataclass(frozen=True)
class Seen:
    """What was recognised; empty strings where nothing was."""

    colour: str
    shape: str
    direction: str
    background: str

    def hits(self, attributes: list[int]) -> list[bool]:
        """Whether each of the four wanted attribute indices was seen."""
        wanted = (
            list(COLOURS)[attributes[0]],
            SHAPES[attributes[1]],
            list(DIRECTIONS)[attributes[2]],
            list(BACKGROUNDS)[attributes[3]],
        )
        got = (self.colour, self.shape, self.direction, self.background)
        return [a == b for a, b in zip(got, wanted, strict=True)]


def look_at(video: Tensor) -> Seen:
    """Recognise the scene's four attributes."""
    name, picture = _background(video)
    strength = difference(video, picture)
    mask = _without_specks(strength > FOREGROUND)
    return Seen(_colour(video, mask), _shape(mask), _direction(mask), name)


def difference(video: Tensor, picture: Tensor) -> Tensor:
    """Distance [F, H, W] of each pixel from the background colour or a shadow on it."""
    shade = ((video * picture).sum(-1) / picture.square().sum(-1).clamp(min=1e-4)).clamp(0.4, 1.0)
    apart: Tensor = torch.linalg.vector_norm(video - shade[..., None] * picture, dim=-1)
    return apart


def _background(video: Tensor) -> tuple[str, Tensor]:
    """Name and ideal picture [H, 1, 3]; the shape never covers half of a row."""
    height = video.shape[1]
    profile = video.median(2).values.median(0).values
    rows = (torch.arange(height) + 0.5).expand(len(BACKGROUNDS), -1)
    ideal = background(torch.arange(len(BACKGROUNDS)), rows, height).transpose(1, 2)
    best = int((ideal - profile).square().mean((1, 2)).argmin())
    return list(BACKGROUNDS)[best], ideal[best][:, None]


def background_picture(video: Tensor) -> Tensor:
    """Ideal picture [H, 1, 3] of the background that the video shows."""
    return _background(video)[1]


def _without_specks(mask: Tensor) -> Tensor:
    share = functional.avg_pool2d(mask.float()[:, None], 5, 1, 2)[:, 0]
    return mask & (share > 0.4)


def _colour(video: Tensor, mask: Tensor) -> str:
    pixels = video[mask]
    if len(pixels) < 100:
        return ""
    brightest = pixels / pixels.amax(1, keepdim=True).clamp(min=0.05)
    middle = brightest.median(0).values
    ideal = torch.tensor(list(COLOURS.values()))
    ideal = ideal / ideal.amax(1, keepdim=True)
    return list(COLOURS)[int((ideal - middle).square().sum(1).argmin())]


def centroids(mask: Tensor) -> Tensor:
    """Centre [F, 2] (x, y) of the mask in each frame; nan where it is empty."""
    weight = mask.float()
    total = weight.sum((1, 2))
    total = torch.where(total < 40, torch.nan, total)
    x = (weight.sum(1) * torch.arange(mask.shape[2])).sum(1) / total
    y = (weight.sum(2) * torch.arange(mask.shape[1])).sum(1) / total
    return torch.stack([x, y], 1)


def _direction(mask: Tensor) -> str:
    centre = centroids(mask)
    shift = centre[-3:].nanmean(0) - centre[:3].nanmean(0)
    if not bool((shift.norm() > LEAST_SHIFT).item()):
        return ""
    ways = torch.tensor(list(DIRECTIONS.values()))
    return list(DIRECTIONS)[int((ways @ shift).argmax())]


def _shape(mask: Tensor) -> str:
    """The shape whose ideal mask, of the same area and centre, overlaps best."""
    centre = centroids(mask)
    overlaps = torch.zeros(len(SHAPES))
    rows = torch.arange(mask.shape[1])[:, None].float()
    columns = torch.arange(mask.shape[2])[None].float()
    for frame in range(0, len(mask), 2):
        if bool(centre[frame].isnan().any()):
            continue
        area = mask[frame].sum()
        for index, name in enumerate(SHAPES):
            radius = RADIUS_OF_AREA[name] * area.sqrt()
            # The triangle's centroid lies below the middle of its height.
            dy = rows - centre[frame, 1] + (0.33 * radius if name == "triangle" else 0.0)
            dx = columns - centre[frame, 0]
            edge = distance(
                torch.tensor([index]), dx[None, None].expand(1, 1, *mask.shape[1:]),
                dy[None, None].expand(1, 1, *mask.shape[1:]), radius.view(1, 1, 1, 1),
            )[0, 0]  # fmt: skip
            ideal = edge < 0
            overlaps[index] += (ideal & mask[frame]).sum() / (ideal | mask[frame]).sum()
    return SHAPES[int(overlaps.argmax())] if overlaps.any() else ""


def hollowness(video: Tensor) -> float:
    """1 minus (strength in the shape's middle) / (strength at its rim): high for outlines."""
    strength = difference(video, background_picture(video))
    mask = _without_specks(strength > FOREGROUND)
    centre, values = centroids(mask), []
    rows, columns = torch.arange(mask.shape[1])[:, None], torch.arange(mask.shape[2])[None]
    for frame in range(len(mask)):
        if bool(centre[frame].isnan().any()):
            continue
        away = torch.hypot(columns - centre[frame, 0], rows - centre[frame, 1])
        middle = strength[frame][away < 6].mean()
        rim = strength[frame][mask[frame]].quantile(0.9)
        values.append(float(1 - middle / rim.clamp(min=0.05)))
    return sum(values) / len(values) if values else 0.0


def blockiness(video: Tensor) -> float:
    """Share of the picture's steps between neighbouring pixels that lie on block borders."""
    total, border = 0.0, 0.0
    for dim in (1, 2):
        step = video.diff(dim=dim).abs().mean((0, 3))
        lines = step.mean(1) if dim == 1 else step.mean(0)
        total += float(lines.sum())
        border += float(lines[BLOCK - 1 :: BLOCK].sum())
    return border / max(total, 1e-6)


def warmth(video: Tensor) -> float:
    """Mean red minus mean blue."""
    return float(video[..., 0].mean() - video[..., 2].mean())


def trail(video: Tensor) -> float:
    """How much more there is just behind the moving shape than just ahead of it, per pixel.

    Places are counted from the shape's front edge and its width across the motion: a trail
    moves the centre of what is seen, but neither of these two.
    """
    strength = difference(video, background_picture(video))
    mask = _without_specks(strength > FOREGROUND)
    centre = centroids(mask)
    heading = centre[-3:].nanmean(0) - centre[:3].nanmean(0)
    heading = heading / heading.norm().clamp(min=1e-3)
    rows, columns = torch.arange(mask.shape[1])[:, None], torch.arange(mask.shape[2])[None]
    along = columns * heading[0] + rows * heading[1]
    across = columns * heading[1] - rows * heading[0]
    values = []
    for seen, inside in zip(strength, mask, strict=True):
        if inside.sum() < 40:
            continue
        core = inside & (seen > 0.6 * seen[inside].quantile(0.9))
        front = along[core].quantile(0.99)
        side = across[core].quantile(torch.tensor([0.02, 0.98]))
        width = side[1] - side[0]
        lane = (across - side.mean()).abs() < width / 4
        from_back = front - 1.05 * width - along
        from_front = along - front
        behind = seen[lane & (from_back > TRAIL_GAP) & (from_back < TRAIL_REACH)]
        ahead = seen[lane & (from_front > TRAIL_GAP) & (from_front < TRAIL_REACH)]
        if len(behind) > 50 and len(ahead) > 50:
            values.append(float(behind.mean() - ahead.mean()))
    return sum(values) / len(values) if values else 0.0
