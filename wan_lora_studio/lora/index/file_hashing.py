"""File hashing: the SHA256 of the library's files, each read once and then remembered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files import file_hashes
from wan_lora_studio.lora.index.scanner import ScannedFile
from wan_lora_studio.lora.index.walk import Stamp
from wan_lora_studio.lora.storage import Catalog

HASH_BYTES_AT_ONCE = 64 * 1024 * 1024
OPENING_BYTES = 64 * 1024  # opening a file takes about as long as hashing this much


@dataclass(frozen=True)
class FileHashing:
    """What is computed is kept in the catalogue at once."""

    root: Path
    catalog: Catalog

    def one(self, file: ScannedFile) -> ScannedFile:
        """The file with its SHA256.

        A file that changed meanwhile keeps an empty hash until it is looked at again.
        """
        if file.sha256:
            return file
        try:
            hashes = file_hashes(self.root / file.path)
        except LoRAFileError:
            return file
        return self.keep(file, *hashes)

    def some(
        self, files: dict[str, ScannedFile], wanted: Iterable[ScannedFile]
    ) -> dict[str, ScannedFile]:
        """All files, with those of `wanted` hashed that have no hash yet, the smallest first, as
        far as it goes quickly."""
        unhashed = [file for file in wanted if not (file.sha256 or file.error)]
        if not unhashed:
            return files
        found, budget = dict(files), HASH_BYTES_AT_ONCE
        known = {place_of(file): file.sha256 for file in files.values() if file.sha256}
        for file in sorted(unhashed, key=lambda item: item.stamp.size):
            sha256 = known.get(place_of(file))
            if sha256:
                found[file.path] = self.keep(file, sha256)
                continue
            budget -= file.stamp.size + OPENING_BYTES
            if budget < 0:
                break
            hashed = found[file.path] = self.one(file)
            if hashed.sha256:
                known[place_of(file)] = hashed.sha256
        return found

    def keep(self, file: ScannedFile, sha256: str, data: str | None = None) -> ScannedFile:
        """The file with a hash that is known, and that of its tensors where it is."""
        self.catalog.save_hash(file.path, file.stamp.size, file.stamp.mtime_ns, sha256, data)
        return replace(file, sha256=sha256)


def place_of(file: ScannedFile) -> Stamp | str:
    """Equal for what is one file under several names, such as a link and what it leads to."""
    return file.stamp if file.stamp.inode else file.path
