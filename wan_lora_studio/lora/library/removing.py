"""Removing: several LoRAs go into the trash in one change, and come back in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wan_lora_studio.errors import LoRAError, StudioError
from wan_lora_studio.lora.library.change import Change
from wan_lora_studio.lora.storage import Trash, Trashed


@dataclass(frozen=True)
class Several:
    """What became of several LoRAs: why some were `refused`; with the others it was done.

    `token` brings back what was deleted; None where nothing was.
    """

    refused: Mapping[str, StudioError] = field(default_factory=dict)
    token: str | None = None

    def require_all(self) -> None:
        """Raise the first error, if there is one."""
        for error in self.refused.values():
            raise error


@dataclass(frozen=True)
class Removal:
    """Takes LoRAs out of the library."""

    trash: Trash
    change: Change

    def remove(
        self, loras: Mapping[str, Sequence[str]], refused: dict[str, StudioError]
    ) -> list[Trashed]:
        """Put away these LoRAs, each with all its paths, in one change.

        Those of a folder where that fails are added to `refused`; then it is tried without them.
        """
        waiting = dict(loras)
        while waiting:
            try:
                entries = self.trash.put_all(waiting)
            except LoRAError as error:
                for name in error.context.get("stuck") or list(waiting):
                    refused[name] = error
                    del waiting[name]
            else:
                self.change.annotate(path for entry in entries for path in entry.paths)
                return entries
        return []
