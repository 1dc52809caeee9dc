"""Transfer: one file from the hub to its place, whole and of the right hash or not at all.

Bytes go into a partial file, which is kept when the transfer ends early: the next one reads its
hash and asks for the rest. Only a file whose hash is the hub's gets its name, by one rename.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.filesystem import remove, replace, sync_file, sync_folder
from wan_lora_studio.model_store.hub import HTTPError, Hub
from wan_lora_studio.model_store.hub_errors import cut_off, may_pass
from wan_lora_studio.model_store.listing import RemoteFile
from wan_lora_studio.texts import say

T = TypeVar("T")
CHUNK = 4 << 20  # bytes
SHA256_LENGTH = 64  # digits
WAITS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before a new try, while nothing arrives


@dataclass(frozen=True)
class Wanted:
    """A file of a repository at a commit, and where it goes; `part` holds what has arrived."""

    repo: str
    commit: str
    file: RemoteFile
    target: Path
    part: Path

    @property
    def arrived(self) -> int:
        """Bytes that are in the partial file."""
        try:
            return min(self.part.stat().st_size, self.file.size)
        except OSError:
            return 0


class Disk:
    """One thread for what waits on the disk, so that cancelling need not wait for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "model-disk")

    async def do(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    def soon(self, act: Callable[[], object]) -> None:
        """After what was begun, whether or not anybody waits for that."""
        self._thread.submit(act)

    def close(self) -> None:
        """Wait for what was begun."""
        self._thread.shutdown()


class PartialFile:
    """A partial file that grows, with the hash of what is in it. Each method waits on the disk."""

    def __init__(self, wanted: Wanted) -> None:
        wanted.part.parent.mkdir(parents=True, exist_ok=True)
        if wanted.part.is_file() and wanted.part.stat().st_size > wanted.file.size:
            remove(wanted.part)
        self._size = wanted.file.size
        self._etag = wanted.file.etag
        self._file: BinaryIO = wanted.part.open("a+b")
        self._file.seek(0)
        self._hash = self._new_hash()
        self.at = 0  # bytes read into the hash

    def _new_hash(self) -> hashlib._Hash:
        return new_hash(self._etag, self._size)

    def read_on(self) -> int:
        """Take up a piece of what is there already; 0 once all is."""
        chunk = self._file.read(CHUNK)
        self._hash.update(chunk)
        self.at += len(chunk)
        return len(chunk)

    def add(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._file.flush()  # so that a crash loses none of it
        self._hash.update(chunk)
        self.at += len(chunk)

    def empty(self) -> None:
        self._file.truncate(0)
        self._file.seek(0)
        self._hash, self.at = self._new_hash(), 0

    def close(self) -> None:
        self._file.close()

    @property
    def is_right(self) -> bool:
        return self.at == self._size and self._hash.hexdigest() == self._etag


def new_hash(etag: str, size: int) -> hashlib._Hash:
    """The hash that the hub has of a file: SHA256, or git's of a blob."""
    if len(etag) == SHA256_LENGTH:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


@dataclass(frozen=True)
class Transfer:
    """Brings files to their places. `arrived` gets bytes, below 0 where some are thrown away."""

    hub: Hub
    disk: Disk
    arrived: Callable[[int], None]
    waits: Sequence[float] = WAITS

    async def bring(self, wanted: Wanted) -> None:
        """Raises ModelLoadError or OSError, and CancelledError when cancelled; what has arrived is
        kept, unless its hash is wrong."""
        part = await self.disk.do(lambda: PartialFile(wanted))
        try:
            while await self.disk.do(part.read_on):
                pass
            resumed = part.at > 0
            await self._fill(wanted, part)
            if not part.is_right and resumed:
                # What was there was no beginning of this file, such as after a power cut.
                await self._begin_anew(part)
                await self._fill(wanted, part)
            if not part.is_right:
                await self._begin_anew(part)
                raise _wrong_hash(wanted)
        finally:
            self.disk.soon(part.close)
        await self.disk.do(lambda: _place(wanted))

    async def _begin_anew(self, part: PartialFile) -> None:
        self.arrived(-part.at)
        await self.disk.do(part.empty)

    async def _fill(self, wanted: Wanted, part: PartialFile) -> None:
        """Ask for the rest until all is there, also where the connection is cut."""
        tries = 0
        while part.at < wanted.file.size:
            before = part.at
            try:
                await self._receive(wanted, part)
            except (HTTPError, ModelLoadError) as error:
                tries = 0 if part.at > before else tries
                known = error if isinstance(error, ModelLoadError) else None
                failure = known or cut_off(error, wanted.repo)
                if tries >= len(self.waits) or not may_pass(failure):
                    raise failure from error
                await asyncio.sleep(self.waits[tries])
                tries += 1

    async def _receive(self, wanted: Wanted, part: PartialFile) -> None:
        size, path = wanted.file.size, wanted.file.path
        async with self.hub.content(wanted.repo, wanted.commit, path, part.at) as (start, chunks):
            if start != part.at:
                await self._begin_anew(part)
            async for chunk in chunks:
                if part.at + len(chunk) > size:
                    raise _wrong_hash(wanted)
                await self.disk.do(partial(part.add, chunk))
                self.arrived(len(chunk))


def _place(wanted: Wanted) -> None:
    sync_file(wanted.part)
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    replace(wanted.part, wanted.target)
    sync_folder(wanted.target.parent)


def _wrong_hash(wanted: Wanted) -> ModelLoadError:
    return ModelLoadError(
        say("model_store.damaged", file=wanted.file.path, repo=wanted.repo),
        cause=say("model_store.damaged_cause"),
        suggestions=[say("model_store.download_again"), say("model_store.without_proxy")],
        context={"repo": wanted.repo, "file": wanted.file.path, "reason": "hash"},
    )
