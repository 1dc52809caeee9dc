"""Tiles: the squares in which a decoder works where memory is short. No torch here."""

from __future__ import annotations

TILE = 256  # pixels; diffusers' own size of a decoder's tile
TILE_STEP = 32  # pixels; a whole number of latents for every decoder, also of three quarters


def tile_for(width: int, height: int) -> int:
    """The side of a tile in pixels: half of the shorter side at most, so that tiles save memory
    for small videos too; 0 for a video that is too small for any."""
    return min(TILE, min(width, height) // 2 // TILE_STEP * TILE_STEP)


def stride_for(tile: int) -> int:
    """Pixels from one tile to the next, which overlap."""
    return tile * 3 // 4 // 16 * 16
