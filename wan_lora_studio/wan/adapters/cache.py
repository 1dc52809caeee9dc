"""Cache of parsed LoRA files between uses."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wan_lora_studio.errors import LoRAError
from wan_lora_studio.wan.adapters.custody import custody_of
from wan_lora_studio.wan.adapters.factors import AdapterFile, read_adapter_file, source_of
from wan_lora_studio.wan.adapters.layout import Layout
from wan_lora_studio.wan.adapters.pristine import Pristine

MOST_AT_ONCE = 4  # files that are read side by side


class AdapterCache:
    """Keeps the files used last, at most `max_bytes` of them, so that no file is read twice.

    A file that changed on disk is read again; 0 keeps none. Safe for several threads.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._files: OrderedDict[str, AdapterFile] = OrderedDict()
        self._lock = threading.RLock()
        self._reads = 0

    @property
    def reads(self) -> int:
        """How many files were read from disk so far."""
        return self._reads

    @property
    def size(self) -> int:
        """Bytes of the files held."""
        return sum(file.size for file in self._files.values())

    def read(self, path: Path) -> AdapterFile:
        """The parsed file. Raises as `read_adapter_file`."""
        found = self.read_all([path])[path]
        if isinstance(found, LoRAError):
            raise found
        return found

    def read_all(self, paths: Iterable[Path]) -> dict[Path, AdapterFile | LoRAError]:
        """The parsed files, or why one cannot be read. Those that are not here are read side by
        side."""
        with self._lock:
            found = {path: self._held(path) for path in dict.fromkeys(paths)}
            missing = [path for path, file in found.items() if file is None]
            self._reads += len(missing)
            if len(missing) > 1:
                with ThreadPoolExecutor(min(MOST_AT_ONCE, len(missing))) as pool:
                    found |= zip(missing, pool.map(_read, missing), strict=True)
            else:
                found |= {path: _read(path) for path in missing}
            read = {path: file for path, file in found.items() if file is not None}
            self._keep(read.values())
        return read

    def preload(self, paths: Iterable[Path]) -> None:
        """Read what is likely to be used next, if all of it fits."""
        wanted = [path for path in paths if path.is_file()]
        if sum(path.stat().st_size for path in wanted) <= self._max_bytes:
            self.read_all(wanted)

    def _held(self, path: Path) -> AdapterFile | LoRAError | None:
        try:
            return self._files.get(source_of(path))
        except LoRAError as error:
            return error

    def _keep(self, files: Iterable[AdapterFile | LoRAError]) -> None:
        for file in files:
            if isinstance(file, AdapterFile):
                if file.source not in self._files:
                    self._forget(file.path)
                    self._files[file.source] = file
                self._files.move_to_end(file.source)
        while self._files and self.size > self._max_bytes:
            self._files.popitem(last=False)

    def clear(self) -> None:
        self._files.clear()

    def pristine(self, layout: Layout, *, frugal: bool) -> Pristine:
        """W0 of a model, which the model itself keeps."""
        return custody_of(layout.model).pristine(layout, frugal=frugal)

    def _forget(self, path: Path) -> None:
        for source in [key for key, file in self._files.items() if file.path == path]:
            del self._files[source]


def _read(path: Path) -> AdapterFile | LoRAError:
    try:
        return read_adapter_file(path)
    except LoRAError as error:
        return error
