"""LoRA pins: files held for jobs by hard links, so that none can be taken away.

`<folder>/<key>/<file name>`, where the key is made of the file's device, inode, size and date:
jobs that use the same file share one link, and the worker's cache knows it by its path. A
library, or a writable extra folder, on another file system gets the links in a hidden folder of
its own, with a part for each data folder: others may use the same library. Where there are no
hard links at all, the file's own path is noted; the trash or a rename may have moved it by the
time it is needed, and then it is looked for by inode, size and date.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from wan_lora_studio.filesystem import NO_LINKS, rename, replace, sync_folder
from wan_lora_studio.lora.index import PinnedFile, PinnedLoRA, Pins, ScannedFile
from wan_lora_studio.lora.inspection import config_of
from wan_lora_studio.lora.names import is_lora_file
from wan_lora_studio.wan.lora_manager import LoRAManager

IN_LIBRARY = ".pinned"
OWNER = re.compile("[0-9a-f]{32}")


class LoRAPins:
    """The pins of one data folder and one library, with its writable `extra` folders."""

    def __init__(self, folder: Path, library: Path, extra: Iterable[Path] = ()) -> None:
        self._folder = folder
        self._library = library
        self._extra = tuple(extra)

    def pin(self, names: Iterable[str], loras: LoRAManager, held: Pins) -> dict[str, PinnedLoRA]:
        """The LoRAs of these names, held. Those in `held` stay what they are there.

        Raises a LoRAError for a name that is not in the library.
        """
        return {name: held.get(name) or self._pinned(name, loras) for name in dict.fromkeys(names)}

    def sweep(self, used: Iterable[Pins]) -> None:
        """Let go of the files that no pin names."""
        kept = {
            Path(file.path).parent
            for pins in used
            for pin in pins.values()
            for file in pin.files.values()
        }
        hidden = [self._hidden_in(folder) for folder in (self._library, *self._extra)]
        for folder in (self._folder, *hidden):
            with contextlib.suppress(OSError):
                for entry in folder.iterdir():
                    if entry not in kept:
                        shutil.rmtree(entry, ignore_errors=True)

    def _pinned(self, name: str, loras: LoRAManager) -> PinnedLoRA:
        record = loras.record(name)
        files = {
            role: self._held(loras.root / file.path, file)
            for role, file in loras.scanned(name).items()
        }
        return PinnedLoRA(record, files)

    def _held(self, path: Path, known: ScannedFile) -> PinnedFile:
        found = path.stat()
        same = known.stamp[:2] == (found.st_size, found.st_mtime_ns)
        sha256 = known.sha256 or "" if same else ""  # a file of today has no hash of yesterday's
        stamp = f"{found.st_dev}|{found.st_ino}|{found.st_size}|{found.st_mtime_ns}"
        config = config_of(path)
        if config is not None:
            stamp += f"|{config.stat().st_mtime_ns}"
        key = hashlib.sha256(stamp.encode()).hexdigest()[:32]
        near = [folder for folder in self._extra if path.is_relative_to(folder)]
        hidden = (self._hidden_in(folder) for folder in (self._library, *near))
        links = (_linked(path, config, folder / key) for folder in (self._folder, *hidden))
        # A link may be moved or deleted; what it leads to is not the library's.
        own = path.resolve() if path.is_symlink() and config is None else path
        place = next(filter(None, links), own)
        return PinnedFile(str(place), found.st_size, found.st_mtime_ns, found.st_ino, sha256)

    def _hidden_in(self, folder: Path) -> Path:
        """Where this data folder's links in a library's folder are."""
        return folder / IN_LIBRARY / self._owner()

    def _owner(self) -> str:
        """A name for the data folder that no other has, on this machine or another."""
        file = self._folder.with_name("owner")
        with contextlib.suppress(OSError):
            known = file.read_text(encoding="ascii", errors="replace")
            if OWNER.fullmatch(known):
                return known
        owner = uuid.uuid4().hex
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".part")
        partial.write_text(owner, encoding="ascii")
        replace(partial, file)
        return owner


def _linked(path: Path, config: Path | None, folder: Path) -> Path | None:
    """A link to the file in a folder that holds nothing else but its configuration.

    None where it cannot be linked to.
    """
    there = (
        [path for path in folder.iterdir() if is_lora_file(path.name)] if folder.is_dir() else []
    )
    if there:
        return there[0]
    partial = folder.with_name(f".{folder.name}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        # Of what a link leads to: Linux makes a second link of the link itself.
        os.link(path.resolve() if path.is_symlink() else path, partial / path.name)
        if config is not None:
            shutil.copy2(config, partial / config.name)
        rename(partial, folder)
        sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if error.errno in (*NO_LINKS, errno.EROFS):
            return None
        raise
    return folder / path.name
