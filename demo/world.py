"""The demo model's world: shaded shapes with a soft shadow that glide over a background.

A scene is a handful of numbers; a video is drawn from it analytically, with signed
distances, at any frame and in any window. Lengths are pixels of the 128x128 picture,
time is counted in frames, colours are sRGB values in 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

SIZE = 128
FRAMES = 17
FPS = 8

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.90, 0.11, 0.13),
    "green": (0.13, 0.72, 0.22),
    "blue": (0.13, 0.35, 0.97),
    "yellow": (0.98, 0.86, 0.12),
    "purple": (0.60, 0.18, 0.80),
    "white": (0.95, 0.95, 0.95),
    "orange": (1.00, 0.50, 0.06),
    "cyan": (0.12, 0.83, 0.88),
}
SHAPES = ("circle", "square", "triangle")
DIRECTIONS: dict[str, tuple[float, float]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
}
# Each background is a vertical gradient through (height 0..1, colour) stops.
BACKGROUNDS: dict[str, tuple[tuple[float, tuple[float, float, float]], ...]] = {
    "black": ((0.0, (0.02, 0.02, 0.03)), (1.0, (0.05, 0.05, 0.06))),
    "navy": ((0.0, (0.04, 0.07, 0.24)), (1.0, (0.08, 0.13, 0.38))),
    "gray": ((0.0, (0.56, 0.56, 0.57)), (1.0, (0.44, 0.44, 0.45))),
    "sunset": (
        (0.0, (0.24, 0.16, 0.42)),
        (0.45, (0.72, 0.34, 0.47)),
        (0.75, (0.96, 0.55, 0.40)),
        (1.0, (0.99, 0.76, 0.50)),
    ),
}
SHADOW_OFFSET = (5.0, 8.0)


@dataclass(frozen=True)
class Scenes:
    """A batch of scenes; every field is a tensor whose first dimension is the batch."""

    colour: Tensor  # [B] index into COLOURS
    shape: Tensor  # [B] index into SHAPES
    direction: Tensor  # [B] index into DIRECTIONS
    background: Tensor  # [B] index into BACKGROUNDS
    radius: Tensor  # [B] pixels
    start: Tensor  # [B, 2] x, y of the centre at frame 0
    travel: Tensor  # [B] pixels between the first and the last frame

    def __len__(self) -> int:
        return int(self.colour.shape[0])

    def __getitem__(self, index: Tensor | slice) -> Scenes:
        return Scenes(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True)
class Window:
    """Which part of each video to draw: origins are [B], the extent is shared."""

    x: Tensor
    y: Tensor
    frame: Tensor
    width: int = SIZE
    height: int = SIZE
    frames: int = FRAMES

    @staticmethod
    def whole(batch: int) -> Window:
        zero = torch.zeros(batch)
        return Window(zero, zero, zero)


def place(attributes: Tensor, rng: torch.Generator) -> Scenes:
    """Scenes with the given attributes [B, 4] (colour, shape, direction, background).

    Size, speed and place are drawn so that the shape stays inside the picture.
    """
    batch = attributes.shape[0]
    radius = 16.0 + 8.0 * torch.rand(batch, generator=rng)
    travel = 42.0 + 20.0 * torch.rand(batch, generator=rng)
    step = torch.tensor(list(DIRECTIONS.values()))[attributes[:, 2]] * travel[:, None]
    margin = radius[:, None] + 3.0
    low = margin - step.clamp(max=0.0)
    high = SIZE - margin - step.clamp(min=0.0)
    start = low + (high - low) * torch.rand(batch, 2, generator=rng)
    colour, shape, direction, background = attributes.unbind(1)
    return Scenes(colour, shape, direction, background, radius, start, travel)


def stage(attributes: Tensor, rng: torch.Generator) -> Scenes:
    """Like `place`, but the shape crosses the middle of the picture, give or take a little.

    This is what the transformers learn: with the place almost fixed by the prompt, a small
    model has enough left for colour, shape, direction and background.
    """
    batch = attributes.shape[0]
    radius = 18.0 + 4.0 * torch.rand(batch, generator=rng)
    travel = 48.0 + 8.0 * torch.rand(batch, generator=rng)
    step = torch.tensor(list(DIRECTIONS.values()))[attributes[:, 2]] * travel[:, None]
    middle = SIZE / 2 + 10.0 * (torch.rand(batch, 2, generator=rng) - 0.5)
    colour, shape, direction, background = attributes.unbind(1)
    return Scenes(colour, shape, direction, background, radius, middle - step / 2, travel)


def centres(scenes: Scenes, frames: Tensor) -> Tensor:
    """Centres [B, F, 2] of the shapes at the (fractional, possibly negative) frames [B, F]."""
    step = torch.tensor(list(DIRECTIONS.values()))[scenes.direction] * scenes.travel[:, None]
    return scenes.start[:, None] + step[:, None] * (frames / (FRAMES - 1))[..., None]


def distance(shape: Tensor, dx: Tensor, dy: Tensor, radius: Tensor) -> Tensor:
    """Signed distance in pixels to each shape's edge, negative inside.

    shape [B]; dx, dy [B, F, H, W] offsets from the centre; radius [B, 1, 1, 1].
    """
    circle = torch.hypot(dx, dy) - radius
    corner = 0.15 * radius
    half = 0.86 * radius - corner
    qx, qy = dx.abs() - half, dy.abs() - half
    square = (
        torch.hypot(qx.clamp(min=0), qy.clamp(min=0)) + torch.maximum(qx, qy).clamp(max=0) - corner
    )
    # Equilateral triangle pointing up, as the intersection of its three half planes.
    below = dy - 0.33 * radius
    down = below - 0.66 * radius
    slant = 0.8660254 * dx.abs() - 0.5 * below - 0.66 * radius
    triangle = torch.maximum(down, slant)
    kind = shape[:, None, None, None]
    return torch.where(kind == 0, circle, torch.where(kind == 1, square, triangle))


def background(index: Tensor, y: Tensor, height: int = SIZE) -> Tensor:
    """Background colours [B, 3, H] at the rows y [B, H]."""
    table = []
    rows = torch.linspace(0, 1, 257)
    for stops in BACKGROUNDS.values():
        colours = torch.tensor([colour for _, colour in stops])
        line = colours[0].expand(257, 3).clone()
        for (h0, _), (h1, _), c0, c1 in zip(stops, stops[1:], colours, colours[1:], strict=False):
            part = ((rows - h0) / (h1 - h0)).clamp(0, 1)[:, None]
            line = torch.where(rows[:, None] >= h0, c0 + (c1 - c0) * part, line)
        table.append(line)
    position = (y / height * 256).round().long().clamp(0, 256)
    return torch.stack(table)[index[:, None], position].transpose(1, 2)
