"""Presence: whether a transformer's weights are in memory, where they come and go.

Who reads them says so here, and what is applied to the transformer follows.
"""

from __future__ import annotations

from typing import Protocol


class Follower(Protocol):
    def came(self) -> None:
        """The weights are here, as they are on disk; called before the pass that needs them."""
        ...

    def leaves(self) -> None:
        """The weights are about to go."""
        ...


class Presence:
    """Of one transformer, whose custody keeps it. `follower` is told of changes."""

    def __init__(self) -> None:
        self.here = False
        self.follower: Follower | None = None

    def come(self) -> None:
        """Call when the weights are here. Raises what the follower does; they are then not."""
        self.here = True
        try:
            if self.follower is not None:
                self.follower.came()
        except BaseException:
            self.here = False
            raise

    def go(self) -> None:
        """Call before the weights go."""
        try:
            if self.here and self.follower is not None:
                self.follower.leaves()
        finally:
            self.here = False
