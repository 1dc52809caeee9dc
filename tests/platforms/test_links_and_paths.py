"""Links that a volume refuses, paths that are too long, names that differ in case, and drives: the
system's answers are those of Windows and macOS, which none of this was run on."""

from __future__ import annotations

import errno
import os
import sqlite3
import urllib.parse
from contextlib import closing
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from tests.support.machine.windows_files import ignore_case, stand_in
from tests.support.paths import DEMO_LORAS
from wan_lora_studio import filesystem
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.filesystem import file_uri
from wan_lora_studio.lora.index import walk
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.lora_manager import LoRAManager

NO_SUCH_FUNCTION = 1  # Windows' number for what a FAT volume cannot do


@pytest.mark.parametrize("number", sorted({*filesystem.NO_LINKS} - {errno.EXDEV}))
def test_a_volume_without_links_keeps_a_library(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def none(source: Path, target: Path, **more: Any) -> None:
        error = OSError(number, "Incorrect function", str(source))
        error.winerror = NO_SUCH_FUNCTION  # type: ignore[attr-defined]
        raise error

    stand_in(monkeypatch)
    monkeypatch.setattr(os, "link", none)
    loras = LoRAManager(settings)
    loras.upload_lora_file(DEMO_LORAS / "golden_hour.safetensors", "golden_hour.safetensors")
    assert loras.rename_lora_file("golden_hour", "dusk")
    assert loras.delete_lora_file("dusk")
    assert loras.undo_delete("dusk")
    content = (settings.loras_dir / "dusk.safetensors").read_bytes()
    assert content == (DEMO_LORAS / "golden_hour.safetensors").read_bytes()


def test_a_path_that_is_too_long_is_said_to_be(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = LoRAManager(settings)
    loras.upload_lora_file(DEMO_LORAS / "golden_hour.safetensors", "golden_hour.safetensors")
    longest = len(str(settings.loras_dir)) + 100
    stand_in(monkeypatch, longest=longest)
    monkeypatch.setattr(filesystem, "LONGEST", longest)
    with pytest.raises(LoRAError, match=r"longer than \d+ characters") as raised:
        loras.rename_lora_file("golden_hour", "x" * 150)
    assert "shorter name" in str(raised.value)
    assert list(loras.list_available_loras()) == ["golden_hour"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PureWindowsPath(r"C:\My Data\50% off\#1.sqlite"), "file:///C:/My%20Data/50%25%20off/%231.sqlite"),
        (PureWindowsPath(r"\\nas\share\a.sqlite"), "file:////nas/share/a.sqlite"),
        (PurePosixPath("/Volumes/Größe?/a.sqlite"), "file:///Volumes/Gr%C3%B6%C3%9Fe%3F/a.sqlite"),
    ],
)  # fmt: skip
def test_sqlite_is_given_drives_shares_and_any_sign(path: Any, uri: str) -> None:
    assert file_uri(path) == uri


def test_sqlite_opens_the_file_that_the_uri_names(tmp_path: Path) -> None:
    path = tmp_path / "50%25 #1?mode=memory.sqlite"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE here (x)")
    with closing(sqlite3.connect(f"{file_uri(path)}?mode=ro", uri=True)) as read:
        assert read.execute("SELECT name FROM sqlite_master").fetchall() == [("here",)]
    assert urllib.parse.unquote(file_uri(path)).endswith(str(path))


def test_a_name_can_change_its_case_where_case_does_not_count(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = LoRAManager(settings)
    for name in ("golden_hour", "motion_trail"):
        loras.upload_lora_file(DEMO_LORAS / f"{name}.safetensors", f"{name}.safetensors")
    content = (settings.loras_dir / "golden_hour.safetensors").read_bytes()
    ignore_case(monkeypatch)
    assert loras.rename_lora_file("golden_hour", "Golden_Hour")
    names = {path.name for path in settings.loras_dir.glob("*.safetensors")}
    assert names == {"Golden_Hour.safetensors", "motion_trail.safetensors"}
    assert (settings.loras_dir / "Golden_Hour.safetensors").read_bytes() == content
    with pytest.raises(LoRAError):
        loras.rename_lora_file("Golden_Hour", "MOTION_TRAIL")
    assert sorted(loras.list_available_loras()) == ["Golden_Hour", "motion_trail"]
    assert loras.delete_lora_file("golden_hour")
    assert loras.undo_delete("Golden_Hour")


class WindowsEntry:
    """An entry of a folder as Windows lists it: without the inode's number."""

    def __init__(self, entry: os.DirEntry[str], tag: int = 0) -> None:
        self._entry, self._tag = entry, tag
        self.name, self.path = entry.name, entry.path

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_symlink(self) -> bool:
        return False if self._tag else self._entry.is_symlink()

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        found = self._entry.stat(follow_symlinks=follow_symlinks)
        return WindowsFacts(found, self._tag)


class WindowsFacts:
    def __init__(self, found: os.stat_result, tag: int) -> None:
        self.st_size, self.st_mtime_ns, self.st_mode = (
            found.st_size,
            found.st_mtime_ns,
            found.st_mode,
        )
        self.st_ino, self.st_dev, self.st_reparse_tag = 0, 0, tag


class WindowsListing:
    def __init__(self, folder: Any, junctions: frozenset[str]) -> None:
        self._listed, self._junctions = LIST(folder), junctions

    def __enter__(self) -> list[WindowsEntry]:
        return [
            WindowsEntry(entry, walk.JUNCTION if entry.name in self._junctions else 0)
            for entry in self._listed
        ]

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._listed.close()


LIST = os.scandir


def test_a_listing_without_inodes_finds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.safetensors", "below/b.safetensors"):
        (tmp_path / name).write_bytes(b"x")
    before = walk.take_walk(tmp_path).snapshot
    monkeypatch.setattr(os, "scandir", lambda folder: WindowsListing(folder, frozenset()))
    assert walk.take_walk(tmp_path).snapshot == before
    assert all(stamp.inode for stamp in before.values())


def test_a_junction_is_a_link_and_ends_in_no_circle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"x")
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    names = frozenset({"round"})
    monkeypatch.setattr(os, "scandir", lambda folder: WindowsListing(folder, names))
    monkeypatch.setattr(walk, "HAS_JUNCTIONS", True)
    found = walk.take_walk(tmp_path)
    assert list(found.snapshot) == ["a.safetensors"]
    assert [each.path for each in found.unfollowed] == ["round"]
