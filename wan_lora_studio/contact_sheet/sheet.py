"""Sheet: what a contact sheet shows, as plain values that go to another process."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["png", "mp4"]


@dataclass(frozen=True)
class Tile:
    """One cell: the path of its video, or, where there is none, what to say in its place."""

    video: str = ""
    state: str = ""


@dataclass(frozen=True)
class Sheet:
    """`tiles` stand row by row, one for each column of each row; with one axis there is one row
    and `rows` is empty. `heading` is what all cells have in common."""

    heading: str
    x_title: str
    columns: tuple[str, ...]
    y_title: str
    rows: tuple[str, ...]
    tiles: tuple[Tile, ...]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sheet:
        tiles: Sequence[Mapping[str, str]] = data["tiles"]
        return cls(
            data["heading"],
            data["x_title"],
            tuple(data["columns"]),
            data["y_title"],
            tuple(data["rows"]),
            tuple(Tile(**tile) for tile in tiles),
        )
