"""Weight source: where a row of the model table takes a component's weights from.

Written as a path of this machine, or as `OWNER/NAME:FILE`, a file of a repository of the hub.
Nothing is downloaded here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wan_lora_studio.texts import say

_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+):(?P<path>[^\\/:][^\\:]*)")


@dataclass(frozen=True)
class WeightSource:
    """`path` is within the repository, or without one, as the row names it."""

    repo: str | None
    path: str

    @classmethod
    def of(cls, written: str) -> WeightSource:
        """Raises ValueError for a path that leads out of its repository."""
        found = _HUB.fullmatch(written)
        if found is None:
            return cls(None, written)
        if ".." in PurePosixPath(found["path"]).parts:
            raise ValueError(say("weight_source.outside"))
        return cls(found["repo"], found["path"])

    def places(self, models_dir: Path) -> tuple[Path, ...]:
        """Where it is looked for, in this order; a download goes to the first."""
        if self.repo is None:
            return (models_dir / Path(self.path).expanduser(),)
        folder = models_dir / self.repo.rpartition("/")[2]
        name = PurePosixPath(self.path).name
        return folder / self.path, models_dir / self.path, models_dir / name

    def on_this_machine(self, models_dir: Path, others: tuple[Path, ...] = ()) -> Path | None:
        """The first place that has it; None if none has.

        A file of the hub is looked for in the folders of `others`, by its path and by its name,
        and in the hub's cache at last.
        """
        for place in self.places(models_dir):
            if is_there(place):
                return place
        if self.repo is None:
            return None
        for folder in others:
            for name in (self.path, PurePosixPath(self.path).name):
                if is_there(folder / name):
                    return folder / name
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(self.repo, self.path)
        return Path(cached) if isinstance(cached, str) else None


def is_there(path: Path) -> bool:
    """False also for what this user may not look at, and for what can be no path here."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
