"""Pristine weights of a transformer: what every merge starts from and undo goes back to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.parameter_homes import Home

WEIGHTS = "diffusion_pytorch_model.safetensors"
INDEX = f"{WEIGHTS}.index.json"


class Checkpoint:
    """A transformer's weights on disk, read one at a time.

    The files stay open (mapped) until `close`.
    """

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files
        self._opened: dict[Path, Any] = {}
        self._stack = ExitStack()

    @classmethod
    def of(cls, model: nn.Module) -> Checkpoint | None:
        """The folder that diffusers loaded the model from, if it is still there."""
        config: Any = getattr(model, "config", {})
        folder = Path(str(config.get("_name_or_path") or "-"))
        try:
            if (folder / INDEX).is_file():
                text = (folder / INDEX).read_text(encoding="utf-8")
                names: dict[str, str] = json.loads(text)["weight_map"]
                return cls({key: folder / name for key, name in names.items()})
            if (folder / WEIGHTS).is_file():
                with safe_open(str(folder / WEIGHTS), framework="pt") as file:
                    return cls(dict.fromkeys(file.keys(), folder / WEIGHTS))
        except (OSError, ValueError, KeyError, SafetensorError):
            pass
        return None

    def read(self, name: str, like: Tensor) -> Tensor | None:
        """The weight in `like`'s dtype, on the host; None if it is not there in that shape."""
        path = self._files.get(name)
        if path is None:
            return None
        try:
            if path not in self._opened:
                opened = safe_open(str(path), framework="pt", device="cpu")
                self._opened[path] = self._stack.enter_context(opened)
            found: Tensor = self._opened[path].get_tensor(name)
        except (OSError, SafetensorError):
            return None
        return found.to(like.dtype) if found.shape == like.shape else None

    def close(self) -> None:
        self._opened.clear()
        self._stack.close()


class Pristine:
    """W0 of one transformer's parameters, each from its first touch on.

    By default a host copy; while `frugal`, the checkpoint that the model came from, wherever it
    holds the very bytes that are in memory. Between `release` and `use` it knows no modules, so
    that what it keeps does not keep the model.
    """

    def __init__(self, layout: Layout, *, frugal: bool = False) -> None:
        self._wanted_frugal = frugal
        self._checkpoint = Checkpoint.of(layout.model) if frugal else None
        self._copies: dict[str, Tensor] = {}
        self._touched: dict[str, bool] = {}  # True: read from the checkpoint
        self._homes: Mapping[str, Home] = {}
        self.use(layout)

    def use(self, layout: Layout) -> None:
        """Work on these parameters, unless others are touched already."""
        if not self._touched:
            self._homes = layout.homes

    def fits(self, *, frugal: bool) -> bool:
        """Whether W0 is kept in this way; what was touched already stays where it is."""
        return frugal == self._wanted_frugal or bool(self._touched)

    def home(self, name: str) -> Home:
        """Where a touched parameter is."""
        return self._homes[name]

    @property
    def copied_bytes(self) -> int:
        """Host memory that the copies take."""
        return sum(copy.numel() * copy.itemsize for copy in self._copies.values())

    def take(self, name: str) -> Tensor:
        """W0 of a parameter, on the host. The first call must come before the first change."""
        if name not in self._touched:
            return self._first(name)
        if not self._touched[name]:
            return self._copies[name]
        found = self._read(name)
        if found is None:
            raise OSError(say("wan.adapters.checkpoint_changed", weight=name))
        return found

    def touched(self) -> list[str]:
        """The parameters that `take` was called for since the last `release`."""
        return list(self._touched)

    def release(self) -> None:
        """Call when the weights are pristine again. Copies of an accelerator's weights are kept
        for the next use, as fetching them is slow; the others go."""
        self._touched = {}  # first: what is touched must have its copy
        homes, self._homes = self._homes, {}
        self._copies = {
            name: copy
            for name, copy in self._copies.items()
            if name in homes and homes[name].value.device.type != "cpu"
        }
        if self._checkpoint is not None:
            self._checkpoint.close()

    def _first(self, name: str) -> Tensor:
        """W0 while it is still what is in memory: read where the checkpoint has the same bytes,
        copied else. A copy from an earlier use serves if it is still true."""
        parameter = self._homes[name].value
        found = self._read(name)
        on_disk = found is not None and torch.equal(found.to(parameter.device), parameter)
        if not on_disk:
            found = self._copies.get(name)
            if found is None or not torch.equal(found.to(parameter.device), parameter):
                found = parameter.to("cpu", copy=True)
            self._copies[name] = found
        assert found is not None
        # Not before: what could not be copied is never written, and needs no restoring.
        self._touched[name] = on_disk
        return found

    def _read(self, name: str) -> Tensor | None:
        """What the checkpoint has; each call reads it anew."""
        if self._checkpoint is None:
            return None
        return self._checkpoint.read(name, self._homes[name].value)
