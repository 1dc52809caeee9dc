"""Files that stay locked while they are open or mapped: a stand-in for Windows, where these run
by its rules. None of this was run on Windows itself."""

from __future__ import annotations

import errno
import logging
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.machine.windows_files import RefusedByWindowsError, is_in_use, stand_in
from tests.support.paths import DEMO_LORAS
from tests.support.result_files import metadata, write_video
from wan_lora_studio import filesystem
from wan_lora_studio.errors import GenerationError, LoRAError
from wan_lora_studio.filesystem import HeldFileError
from wan_lora_studio.logs import SharedFile
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.settings import Settings
from wan_lora_studio.sqlite_file import Schema, SQLiteFile
from wan_lora_studio.wan.adapters import AdapterCache
from wan_lora_studio.wan.lora_manager import LoRAManager

SCHEMA = Schema("The list", ("CREATE TABLE things (name TEXT)",), "it is made anew")


def busy_for(
    tries: int, act: Callable[..., Any], number: int
) -> tuple[Callable[..., Any], list[int]]:
    """`act`, which the system refuses so many times first; and the list of all tries."""
    asked: list[int] = []

    def call(*arguments: Any, **more: Any) -> Any:
        asked.append(number)
        if len(asked) <= tries:
            raise RefusedByWindowsError(number, arguments[0])
        return act(*arguments, **more)

    return call, asked


@pytest.mark.parametrize("number", [filesystem.DENIED, filesystem.HELD, filesystem.LOCKED])
@pytest.mark.parametrize("name", ["rename", "replace", "link"])
def test_a_scanner_that_has_the_file_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    monkeypatch.setattr(filesystem, "WAITS", (0.0,) * 5)
    call, asked = busy_for(3, getattr(os, name), number)
    monkeypatch.setattr(os, name, call)
    (tmp_path / "a").write_text("a")
    getattr(filesystem, name)(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"
    assert len(asked) == 4


@pytest.mark.parametrize("number", [filesystem.DENIED, filesystem.HELD])
def test_who_may_hold_a_file_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(filesystem, "WAITS", (0.0,) * 5)
    call, asked = busy_for(100, os.rename, number)
    monkeypatch.setattr(os, "rename", call)
    (tmp_path / "a").write_text("a")
    with pytest.raises(HeldFileError, match="another program has the file") as raised:
        filesystem.rename(tmp_path / "a", tmp_path / "b")
    assert len(asked) == 6
    assert raised.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "a"


def test_any_other_refusal_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def full(source: Path, target: Path) -> None:
        asked.append(source)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        filesystem.rename(tmp_path / "a", tmp_path / "b")
    assert len(asked) == 1


def test_a_file_that_is_marked_read_only_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    path.chmod(stat.S_IREAD)
    unlink = os.unlink

    def refuses(target: Path) -> None:
        if not Path(target).stat().st_mode & stat.S_IWRITE:
            raise RefusedByWindowsError(filesystem.DENIED, target)
        unlink(target)

    monkeypatch.setattr(os, "unlink", refuses)
    filesystem.remove(path)
    assert not path.exists()


def test_a_file_is_brought_to_disk_through_a_descriptor_that_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flushes(descriptor: int) -> None:
        os.write(descriptor, b"")  # EBADF for one that is open for reading, as on Windows
        synced.append(descriptor)

    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", flushes)
    (tmp_path / "a").write_text("a")
    filesystem.sync_file(tmp_path / "a")
    assert len(synced) == 1


def test_an_upload_an_edit_a_renaming_and_a_deletion_keep_no_file_open(
    loras: LoRAManager, settings: Settings
) -> None:
    uploads = LoRAUploadHandler(settings, loras)
    with (DEMO_LORAS / "motion_trail.safetensors").open("rb") as file:
        uploads.process_upload(file, "trail.safetensors")
    assert uploads.generate_thumbnail("trail")
    assert loras.rename_lora_file("trail", "tail")
    assert loras.get_lora_metadata("tail")
    assert loras.delete_lora_file("tail")
    assert loras.undo_delete("tail")
    assert loras.rename_lora_file("golden_hour", "Golden_Hour"), "a change of case alone"
    assert sorted(loras.list_available_loras()) == ["Golden_Hour", "tail"]


def test_a_lora_in_memory_can_be_renamed(loras: LoRAManager, settings: Settings) -> None:
    path = settings.loras_dir / "golden_hour.safetensors"
    cache = AdapterCache(10**9)
    cache.read(path)
    assert not is_in_use(path), "where a mapped file cannot be renamed it is read instead"
    assert loras.rename_lora_file("golden_hour", "dusk")
    assert cache.size > 0, "it is still held"


@pytest.mark.parametrize("how", ["open", "mapped"])
@pytest.mark.parametrize("what", ["delete", "rename"])
def test_a_lora_that_another_program_holds_stays_as_it_is(
    loras: LoRAManager, settings: Settings, how: str, what: str
) -> None:
    path = settings.loras_dir / "golden_hour.safetensors"
    content = path.read_bytes()
    file = path.open("rb")
    held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if how == "mapped" else file
    if how == "mapped":
        file.close()
    with pytest.raises(LoRAError, match="another program has the file open"):
        if what == "delete":
            loras.delete_lora_file("golden_hour")
        else:
            loras.rename_lora_file("golden_hour", "dusk")
    assert list(loras.list_available_loras()) == ["golden_hour"]
    assert path.read_bytes() == content
    held.close()
    assert loras.delete_lora_file("golden_hour"), "once it is closed"
    assert loras.list_available_loras() == {}


def test_an_upload_that_is_given_up_leaves_no_stage(loras: LoRAManager, settings: Settings) -> None:
    with pytest.raises(Exception, match=r"broken\.safetensors"):
        LoRAUploadHandler(settings, loras).process_upload(b"no weights", "broken.safetensors")
    assert not any((settings.loras_dir / ".staging").iterdir())


def test_a_video_that_a_player_holds_is_not_half_deleted(settings: Settings, windows: None) -> None:
    library = ResultLibrary(settings)
    video = write_video(settings.outputs_dir, "one", metadata(id="one"))
    before = {path.name: path.read_bytes() for path in settings.outputs_dir.glob("one*")}
    with video.open("rb"), pytest.raises(GenerationError, match="another program has the file"):
        library.delete("one")
    assert {path.name: path.read_bytes() for path in settings.outputs_dir.glob("one*")} == before
    library.delete("one")
    assert not video.exists()
    library.close()


def test_a_damaged_file_that_another_program_holds_is_neither_lost_nor_in_the_way(
    tmp_path: Path, windows: None
) -> None:
    path = tmp_path / "list.sqlite"
    path.write_bytes(b"no database" * 100)
    with path.open("rb"):
        listed = SQLiteFile(path, SCHEMA)
        assert listed.fault is not None
        assert listed.fault.kind == "locked"
        assert listed.rows("SELECT * FROM things") == [], "a copy in memory stands in"
        assert path.read_bytes() == b"no database" * 100
        listed.close()
    again = SQLiteFile(path, SCHEMA)
    assert again.fault is None
    assert [each.read_bytes() for each in tmp_path.glob("list.damaged-*.sqlite")] == [
        b"no database" * 100
    ]
    again.close()


def test_a_damaged_file_is_set_aside_by_windows_rules(tmp_path: Path, windows: None) -> None:
    path = tmp_path / "list.sqlite"
    listed = SQLiteFile(path, SCHEMA)
    with listed.writing() as connection:
        connection.executemany("INSERT INTO things VALUES (?)", [("x" * 900,)] * 50)
    listed.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    again = SQLiteFile(path, SCHEMA)
    assert again.fault is None
    assert again.rows("SELECT * FROM things") == []
    assert len(list(tmp_path.glob("list.damaged-*.sqlite"))) == 1
    again.close()


def test_a_log_that_cannot_be_renamed_grows_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch)
    log = SharedFile(tmp_path / "app.log", 200)
    with (tmp_path / "app.log").open("a"):  # an editor, or another process of the app
        for number in range(20):
            log.emit(logging.makeLogRecord({"msg": f"line {number} " + "x" * 40}))
    assert (tmp_path / "app.log").read_text().count("line") == 20
    log.emit(logging.makeLogRecord({"msg": "after"}))
    assert (tmp_path / "app.log").read_text() == "after\n", "a new one begins once it is free"
    log.close()


def test_no_process_of_the_app_keeps_the_log_open(tmp_path: Path, windows: None) -> None:
    log = SharedFile(tmp_path / "app.log", 10_000)
    log.emit(logging.makeLogRecord({"msg": "line"}))
    assert not is_in_use(tmp_path / "app.log")
    log.close()
