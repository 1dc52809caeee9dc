"""Zip files from outside: which entries may be read, under which names, and how much of each.

Source: APPNOTE.TXT 6.3.10 of PKWARE. Nothing in an archive is trusted: no path, no size and no
name; entries are read as streams and counted while they are.
"""

from __future__ import annotations

import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.files import decoded
from wan_lora_studio.lora.names import name_key
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB

MAX_ENTRIES = 10_000
CHUNK_BYTES = 1024 * 1024
MAX_DIRECTORY = 4 * MB  # bytes of what lists the entries, which is read as a whole
MAX_RATIO = 200  # weights hardly shrink; only nothing but zeros shrinks more
FREE_OF_RATIO = MB
END, END_BYTES = b"PK\x05\x06", 22
FAR_BYTES = 56 + 20
FAR_END, FAR_LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
ENCRYPTED, UTF_8 = 0x1, 0x800
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Entry:
    """One file in an archive, under a path that is safe to take for a name."""

    archive: ZipArchive
    info: zipfile.ZipInfo
    name: str

    @contextmanager
    def open(self) -> Iterator[tuple[BinaryIO, int]]:
        """The content as a stream, and its size in bytes. Reading raises UploadError if it is
        damaged or there is more of it than it says."""
        try:
            source = self.archive.zip.open(self.info)
        except (*DAMAGED, OSError) as error:
            raise _damaged(self.name) from error
        with source:
            yield cast(BinaryIO, _Counted(self, source)), self.info.file_size


class _Counted:
    """An entry's stream; has what is needed of a binary file."""

    def __init__(self, entry: Entry, source: IO[bytes]) -> None:
        self._entry, self._source = entry, source
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        info, name = self._entry.info, self._entry.name
        try:
            data = self._source.read(min(size, CHUNK_BYTES) if size >= 0 else CHUNK_BYTES)
        except (*DAMAGED, OSError) as error:
            raise _damaged(name) from error
        self._read += len(data)
        if self._read > info.file_size:
            raise _damaged(name)
        if self._read > FREE_OF_RATIO and self._read > MAX_RATIO * max(info.compress_size, 1):
            raise UploadError(
                say("lora.uploads.zip.entry.ratio", file=name, most=MAX_RATIO),
                suggestions=[say("lora.uploads.zip.entry.leave_out")],
            )
        self._entry.archive.count(len(data))
        return data


@dataclass
class ZipArchive:
    """An open archive. `entries` are its files by name, `refused` says what is wrong with each
    of the others. Directories, hidden files and what macOS adds are passed over."""

    zip: zipfile.ZipFile
    limit: int  # bytes of all entries together
    entries: dict[str, Entry] = field(default_factory=dict)
    refused: dict[str, UploadError] = field(default_factory=dict)
    _read: int = 0

    @classmethod
    def open(cls, file: BinaryIO, filename: str, limit: int) -> ZipArchive:
        """Raises UploadError for what is no zip file, has too many entries, or too large ones."""
        size = file.seek(0, os.SEEK_END)
        if _directory_bytes(file, size) > MAX_DIRECTORY:
            raise _refused_archive(say("lora.uploads.zip.too_many_entries", file=filename))
        file.seek(0)
        try:
            opened = zipfile.ZipFile(file)
        except (*DAMAGED, OSError) as error:
            raise _refused_archive(say("lora.uploads.zip.not_a_zip", file=filename)) from error
        infos = [info for info in opened.infolist() if not _is_passed_over(_path_of(info))]
        if len(infos) > MAX_ENTRIES:
            raise _refused_archive(
                say("lora.uploads.zip.too_many_files", file=filename, most=MAX_ENTRIES)
            )
        if sum(info.file_size for info in infos) > limit:
            raise _refused_archive(
                say("lora.uploads.zip.too_large", file=filename, most=limit // MB)
            )
        if _overlap(infos):
            raise _refused_archive(say("lora.uploads.zip.overlap", file=filename))
        archive = cls(opened, limit)
        archive._sort(infos)
        return archive

    def _sort(self, infos: list[zipfile.ZipInfo]) -> None:
        taken: set[str] = set()
        for info in infos:
            name = _path_of(info)
            problem = _problem(info, name)
            if problem is None and name_key(name) in taken:
                problem = say("lora.uploads.zip.entry.twice", file=name)
            taken.add(name_key(name))
            if problem is None:
                self.entries[name] = Entry(self, info, name)
            else:
                shown = _free(name, {*self.entries, *self.refused})
                self.refused[shown] = UploadError(
                    problem, suggestions=[say("lora.uploads.zip.entry.pack_without")]
                )

    def count(self, size: int) -> None:
        """Note that so many bytes were read. Raises UploadError if that is too much in all."""
        self._read += size
        # A sidecar that is refused may have been read in part, so some may be read twice.
        if self._read > 2 * self.limit:
            raise UploadError(say("lora.uploads.zip.grows"))

    def close(self) -> None:
        self.zip.close()


def is_zip(filename: str) -> bool:
    return filename.casefold().endswith(".zip")


def _path_of(info: zipfile.ZipInfo) -> str:
    """The entry's path with forward slashes, composed (NFC), in the encoding that it is in."""
    name = info.orig_filename
    if not info.flag_bits & UTF_8:
        try:  # no encoding is given: zipfile takes cp437, which is mostly wrong
            name = decoded(name.encode("cp437"))[0]
        except ValueError:
            name = info.orig_filename
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _is_passed_over(name: str) -> bool:
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return name.endswith("/") or hidden


def _problem(info: zipfile.ZipInfo, name: str) -> str | None:
    """Why an entry is not read."""
    parts = name.split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    checks = (
        (
            any(not char.isprintable() for char in name),
            say("lora.uploads.zip.entry.invisible", file=name),
        ),
        (
            name.startswith("/") or ":" in parts[0],
            say("lora.uploads.zip.entry.absolute", file=name),
        ),
        (".." in parts, say("lora.uploads.zip.entry.outside", file=name)),
        (kind == stat.S_IFLNK, say("lora.uploads.zip.entry.link", file=name)),
        (
            kind not in (0, stat.S_IFREG, stat.S_IFLNK),
            say("lora.uploads.zip.entry.not_regular", file=name),
        ),
        (bool(info.flag_bits & ENCRYPTED), say("lora.uploads.zip.entry.encrypted", file=name)),
        (
            PurePosixPath(name).suffix.casefold() in ARCHIVES,
            say("lora.uploads.zip.entry.archive", file=name),
        ),
        (info.compress_type not in READABLE, say("lora.uploads.zip.entry.compression", file=name)),
    )
    return next((problem for wrong, problem in checks if wrong), None)


def _overlap(infos: list[zipfile.ZipInfo]) -> bool:
    """Whether two entries share bytes, with which a small archive can be made to look vast."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            return True
        end = info.header_offset + 30 + info.compress_size
    return False


def _directory_bytes(file: BinaryIO, size: int) -> int:
    """How long the list of the entries is, by the archive's end as zipfile looks for it; 0 where
    there is none, so that zipfile refuses it as well."""
    file.seek(max(0, size - END_BYTES - 0xFFFF - FAR_BYTES))
    tail = file.read()
    plain = tail[-END_BYTES:]
    whole = plain.startswith(END) and plain.endswith(b"\0\0")  # without a comment
    at = len(tail) - END_BYTES if whole else tail.rfind(END)
    if at < 0 or len(tail) - at < END_BYTES:
        return 0
    found = int.from_bytes(tail[at + 12 : at + 16], "little")
    far = tail[max(0, at - FAR_BYTES) : at]  # of an archive beyond 4 GB: its end and a locator
    if far.startswith(FAR_END) and far[-20:].startswith(FAR_LOCATOR):
        return int.from_bytes(far[40:48], "little")
    return found


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = say("lora.uploads.zip.entry.again", file=name)
    return name


def _damaged(name: str) -> UploadError:
    return UploadError(
        say("lora.uploads.zip.entry.damaged", file=name),
        suggestions=[say("lora.uploads.zip.entry.try_unpacking")],
    )


def _refused_archive(problem: str) -> UploadError:
    return UploadError(
        problem,
        suggestions=[say("lora.uploads.zip.unpack_it")],
    )
