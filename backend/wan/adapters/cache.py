"""What is kept in memory between uses: parsed LoRA files."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from backend.wan.adapters.custody import custody_of
from backend.wan.adapters.files import AdapterFile, read_adapter_file, source_of
from backend.wan.adapters.layout import Layout
from backend.wan.adapters.pristine import Pristine


class AdapterCache:
    """Keeps the files used last, at most `max_bytes` of them, so that no file is read twice.

    A file that changed on disk is read again; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._files: OrderedDict[str, AdapterFile] = OrderedDict()
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
        source = source_of(path)
        found = self._files.get(source)
        if found is None:
            self._reads += 1
            found = read_adapter_file(path)
            self._forget(path)
            self._files[found.source] = found
        self._files.move_to_end(found.source)
        while self._files and self.size > self._max_bytes:
            self._files.popitem(last=False)
        return found

    def clear(self) -> None:
        self._files.clear()

    def pristine(self, layout: Layout, *, frugal: bool) -> Pristine:
        """W0 of a model, which the model itself keeps."""
        return custody_of(layout.model).pristine(layout, frugal=frugal)

    def _forget(self, path: Path) -> None:
        for source in [key for key, file in self._files.items() if file.path == path]:
            del self._files[source]
