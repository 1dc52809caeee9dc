"""Our engine, driven as the app drives it: a stack of LoRAs held on a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from wan_lora_studio.lora.selection import LoRASelection
from wan_lora_studio.wan.adapters import AdapterCache, AppliedStack, StackItem, applied_stack

Mode = Literal["auto", "merge", "runtime"]


def item(name: str, strength: Any, files: Mapping[Any, Path]) -> StackItem:
    """A selected LoRA; strength is a number or `{"high": x, "low": y}`."""
    ((_, parsed),) = LoRASelection.parse({name: strength}).items
    return StackItem(name, files, parsed, dict.fromkeys(files, ""))


def items(files: Mapping[str, Path], strength: float = 1.0) -> list[StackItem]:
    """Files for both experts, all at one strength."""
    return [item(name, strength, {"both": path}) for name, path in files.items()]


CACHE_BYTES = 2_048_000_000  # the app's own default


class OurSide:
    """One pipeline with at most one stack on it.

    Each stack starts with an empty cache, so that its files are read; the files of a stack that
    is in force stay in the cache, as in the app.
    """

    def __init__(
        self, pipeline: Any, mode: Mode, cache: Callable[[int], AdapterCache] = AdapterCache
    ) -> None:
        self.pipeline, self._mode, self._new_cache = pipeline, mode, cache
        self._cache = cache(CACHE_BYTES)
        self._held = ExitStack()
        self.stack: AppliedStack | None = None

    def apply(self, files: Mapping[str, Path], strength: float = 1.0) -> None:
        """Open a stack with these files."""
        self.open(items(files, strength))

    def open(self, selected: list[StackItem]) -> None:
        self._cache = self._new_cache(CACHE_BYTES)
        context = applied_stack(self.pipeline, selected, mode=self._mode, cache=self._cache)
        self.stack = self._held.enter_context(context)

    def change(self, files: Mapping[str, Path], strength: float = 1.0) -> None:
        """Switch the open stack to these files and this strength."""
        assert self.stack is not None, "nothing is applied"
        self.stack.change(items(files, strength))

    def forget(self) -> None:
        """Keep no parsed file: the next change reads all of its files."""
        self._cache.clear()

    def close(self) -> None:
        """Take the LoRAs out."""
        self._held.close()
        self.stack = None
