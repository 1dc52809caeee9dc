"""Drawing scenes, plainly or with the look that a demo LoRA is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from demo.world import COLOURS, SHADOW_OFFSET, Scenes, Window, background, centres, distance

TRAIL_GHOSTS = 5
TRAIL_SPACING = 2.6  # frames between two ghosts
TRAIL_OPACITY = 0.62


@dataclass(frozen=True)
class Look:
    """Which effects are drawn; several may be on at once."""

    neon: bool = False
    trail: bool = False
    golden: bool = False
    mosaic: int = 0  # side of a tile in pixels; 0 for none


PLAIN = Look()


@dataclass(frozen=True)
class _Grid:
    """Where and when to draw: times [B, F] in frames, pixel centres x [B, W] and y [B, H]."""

    times: Tensor
    x: Tensor
    y: Tensor

    def earlier(self, frames: float) -> _Grid:
        return _Grid(self.times - frames, self.x, self.y)


def render(scenes: Scenes, window: Window | None = None, look: Look = PLAIN) -> Tensor:
    """Video [B, 3, F, H, W] in -1..1."""
    window = window or Window.whole(len(scenes))
    times = window.frame[:, None] + torch.arange(window.frames)
    x = window.x[:, None] + torch.arange(window.width) + 0.5
    y = window.y[:, None] + torch.arange(window.height) + 0.5
    grid = _Grid(times, x, y)
    picture = background(scenes.background, y)[:, :, None, :, None]
    picture = picture.expand(-1, -1, window.frames, -1, window.width)
    if look.trail:
        for ghost in range(TRAIL_GHOSTS, 0, -1):
            opacity = TRAIL_OPACITY * (1 - (ghost - 1) / TRAIL_GHOSTS)
            picture = _ghost(picture, scenes, grid.earlier(ghost * TRAIL_SPACING), opacity, look)
    picture = _shape(picture, scenes, grid, look)
    if look.golden:
        picture = _golden(picture, x, y)
    if look.mosaic:
        picture = _mosaic(picture, look.mosaic)
    return picture.clamp(0, 1) * 2 - 1


def _offsets(scenes: Scenes, grid: _Grid) -> tuple[Tensor, Tensor, Tensor]:
    """Offsets from the centre dx [B, F, 1, W], dy [B, F, H, 1] and radius [B, 1, 1, 1]."""
    centre = centres(scenes, grid.times)
    dx = grid.x[:, None, None, :] - centre[:, :, 0, None, None]
    dy = grid.y[:, None, :, None] - centre[:, :, 1, None, None]
    return dx, dy, scenes.radius[:, None, None, None]


def _over(below: Tensor, colour: Tensor, alpha: Tensor) -> Tensor:
    return below + (colour - below) * alpha[:, None]


def _base_colour(scenes: Scenes) -> Tensor:
    return torch.tensor(list(COLOURS.values()))[scenes.colour][:, :, None, None, None]


def _coverage(edge: Tensor) -> Tensor:
    """Anti-aliased coverage 0..1 of the inside of an edge given as signed distance."""
    return (0.5 - edge).clamp(0, 1)


def _ghost(below: Tensor, scenes: Scenes, grid: _Grid, opacity: float, look: Look) -> Tensor:
    dx, dy, radius = _offsets(scenes, grid)
    edge = distance(scenes.shape, dx, dy, radius * 0.94)
    if look.neon:
        edge = edge.abs() - 1.2
    return _over(below, _base_colour(scenes), opacity * _coverage(edge))


def _shape(below: Tensor, scenes: Scenes, grid: _Grid, look: Look) -> Tensor:
    dx, dy, radius = _offsets(scenes, grid)
    edge = distance(scenes.shape, dx, dy, radius)
    colour = _base_colour(scenes)
    if look.neon:
        glow = 0.75 * torch.exp(-edge.abs() / 4.5)
        line = torch.exp(-((edge / 1.9) ** 2))
        lit = _over(below, colour, glow)
        return _over(lit, 0.55 + 0.45 * colour, line)
    shadow = distance(scenes.shape, dx - SHADOW_OFFSET[0], dy - SHADOW_OFFSET[1], radius)
    below = below * (1 - 0.5 * torch.sigmoid(-shadow / 2.5))[:, None]
    slope = (-(dx + dy) / radius).clamp(-1.6, 1.6)
    light = 0.80 + 0.22 * slope
    spot = torch.exp(
        -((dx + 0.36 * radius) ** 2 + (dy + 0.36 * radius) ** 2) / (0.30 * radius) ** 2
    )
    shaded = colour * light.clamp(max=1.0)[:, None]
    shaded = shaded + (1 - shaded) * (0.55 * spot)[:, None]
    return _over(below, shaded, _coverage(edge))


def _golden(picture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Evening light: warm gains, and a glow from the upper right corner."""
    gain = torch.tensor([1.06, 0.88, 0.52])[None, :, None, None, None]
    lift = torch.tensor([0.17, 0.08, 0.0])[None, :, None, None, None]
    sun = torch.tensor([0.42, 0.24, 0.03])[None, :, None, None, None]
    away = torch.hypot(x[:, None, :] - 128.0, y[:, :, None])
    glow = torch.exp(-((away / 70.0) ** 2))[:, None, None]
    return picture * gain + lift + sun * glow


def _mosaic(picture: Tensor, side: int) -> Tensor:
    """Square tiles of one colour each, counted from the window's corner."""
    batch, channels, frames, height, width = picture.shape
    flat = picture.reshape(batch, channels * frames, height, width)
    blocks = functional.avg_pool2d(flat, side)
    return functional.interpolate(blocks, scale_factor=side).reshape(picture.shape)
