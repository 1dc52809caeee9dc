"""Hub footprint: how much memory a row will take, before a byte of its weights is fetched.

Configurations are read whole, and of each weight file the header, by its first bytes. Files that
are here already are read here.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from math import prod
from pathlib import PurePosixPath
from typing import Any

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.model_store import Hub, Listing, Piece, Plan, RemoteFile
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object
from wan_lora_studio.wan.memory import Footprint, tensor_counts
from wan_lora_studio.wan.weights import gguf_header_in, is_gguf

AT_ONCE = 6  # requests
GGUF = ".gguf"
GGUF_BEGINNING = 8_000_000  # bytes; the header of a transformer's file takes a tenth of that
WEIGHTS = (".safetensors", GGUF)
CONFIGURED = ("transformer", "vae")


def hub_footprint(settings: Settings, name: str, plan: Plan, hub: Hub) -> Footprint:
    """That of a row, by its plan. Raises ModelLoadError."""
    return asyncio.run(_Reading(settings, name, plan, hub).footprint())


class _Reading:
    def __init__(self, settings: Settings, name: str, plan: Plan, hub: Hub) -> None:
        self._settings, self._name, self._plan, self._hub = settings, name, plan, hub
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._parts = {
            source.path: part
            for part, source in settings.model(name).weight_sources.items()
            if source.repo is not None
        }

    async def footprint(self) -> Footprint:
        files = [piece for piece in self._plan.pieces if self._path(piece).endswith(WEIGHTS)]
        read = await asyncio.gather(*(self._counts(piece) for piece in files))
        tensors: dict[str, list[Mapping[str, int]]] = defaultdict(list)
        quantised = set()
        for piece, counts in zip(files, read, strict=True):
            tensors[self._component(piece)].append(counts)
            if self._path(piece).endswith(GGUF):
                quantised.add(self._component(piece))
        for part, path in self._settings.weight_files(self._name).items():
            if part not in tensors and path.is_file():  # of another program
                tensors[part].append(tensor_counts(path))
                quantised |= {part} if is_gguf(path) else set()
        configs = {part: await self._config(part) for part in CONFIGURED}
        precision = self._settings.model(self._name).precision
        return Footprint.of_tensors(tensors, configs, precision, frozenset(quantised))

    @staticmethod
    def _path(piece: Piece) -> str:
        return piece.wanted.file.path

    def _component(self, piece: Piece) -> str:
        path = self._path(piece)
        named = self._parts.get(path) if piece.source.only else None
        return named or PurePosixPath(path).parts[0]

    async def _counts(self, piece: Piece) -> dict[str, int]:
        if piece.here:
            return tensor_counts(piece.wanted.target)
        file, listing = piece.wanted.file, self._listing(piece)
        async with self._gate:
            if file.path.endswith(GGUF):
                start = await self._hub.beginning(listing, file, GGUF_BEGINNING)
                header = gguf_header_in(start, file.path, file.size)
                return {name: tensor.size for name, tensor in header.tensors.items()}
            tensors = (await self._hub.header(listing, file)).tensors
            return {name: prod(entry.shape) for name, entry in tensors.items()}

    async def _config(self, part: str) -> dict[str, Any]:
        path = f"{part}/config.json"
        piece = next((each for each in self._plan.pieces if self._path(each) == path), None)
        if piece is None:
            return {}
        try:
            return read_object(
                piece.wanted.target.read_bytes()
                if piece.here
                else await self._hub.small(self._listing(piece), path)
            )
        except (OSError, UntrustedJSONError) as error:
            raise ModelLoadError(
                say("model_list.unreadable", file=path, repo=piece.wanted.repo),
                cause=f"{error}.",
                suggestions=[say("model_store.choose_repository")],
            ) from error

    @staticmethod
    def _listing(piece: Piece) -> Listing:
        files: tuple[RemoteFile, ...] = (piece.wanted.file,)
        return Listing(piece.wanted.repo, piece.wanted.commit, files)
