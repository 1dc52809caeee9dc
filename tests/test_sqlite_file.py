"""The SQLite files of the app: steps between versions, transactions, what is refused."""

from __future__ import annotations

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from wan_lora_studio.damaged_files import all_set_aside
from wan_lora_studio.errors import SettingsError, StorageError
from wan_lora_studio.sqlite_file import CountedFile, Schema, SQLiteFile

FIRST = """
CREATE TABLE things (name TEXT PRIMARY KEY);
CREATE TABLE revision (value INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
"""
OLD = Schema("The list", (FIRST,), "it is made again")
NEW = Schema("The list", (FIRST, "ALTER TABLE things ADD COLUMN size INTEGER"), "it is made again")


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.sqlite"
    old = CountedFile(path, OLD)
    with old.writing() as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    old.close()
    for _ in range(2):
        new = CountedFile(path, NEW)
        assert [tuple(row) for row in new.rows("SELECT name, size FROM things")] == [("a", None)]
        assert new.rows("PRAGMA user_version")[0][0] == 2
        new.close()


def damage(path: Path, *, pages: range | None = None) -> bytes:
    """Overwrite the file, or some of its pages; gives what it holds then."""
    content = path.read_bytes()
    if pages is None:
        content = b"no database " * 400
    else:
        size = int.from_bytes(content[16:18], "big")
        noise = (b"\xa5\x5a" * size)[:size]
        for page in pages:
            content = content[: page * size] + noise + content[(page + 1) * size :]
    path.write_bytes(content)
    return content


def damage_under(*files: CountedFile, pages: range | None) -> None:
    """Damage an open file, of which nothing is in memory or in its WAL."""
    for file in files:
        file.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        file.rows("PRAGMA cache_size=1")
        file.rows("PRAGMA shrink_memory")
    damage(files[0].path, pages=pages)


def filled(path: Path, count: int = 2000) -> None:
    file = CountedFile(path, NEW)
    with file.writing() as connection:
        connection.executemany(
            "INSERT INTO things VALUES (?, 1)", [(f"thing {n}" * 9,) for n in range(count)]
        )
    file.close()


def names(file: CountedFile) -> list[str]:
    return [row["name"] for row in file.rows("SELECT name FROM things ORDER BY name")]


def add(file: CountedFile, name: str) -> None:
    with file.writing() as connection:
        connection.execute("INSERT INTO things VALUES (?, 1)", (name,))


def kept(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}.damaged-*.sqlite"))


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    CountedFile(path, NEW).close()
    with pytest.raises(SettingsError, match="newer version"):
        CountedFile(path, OLD)
    CountedFile(path, NEW).close()


@pytest.mark.parametrize("pages", [None, range(1), range(3, 5), range(2, 60)])
def test_a_damaged_file_is_set_aside_at_the_start_and_none_overwrites_another(
    tmp_path: Path, pages: range | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "list.sqlite"
    contents = []
    for _ in range(3):
        filled(path)
        contents.append(damage(path, pages=pages))
        file = CountedFile(path, NEW)
        assert names(file) == []
        add(file, "new")
        assert names(file) == ["new"] and file.fault is None
        file.close()
        path.unlink()
    assert [each.read_bytes() for each in kept(path)] == contents
    assert [each.name for each in all_set_aside([path])] == ["list.sqlite"] * 3
    assert "The list was damaged and is kept as" in caplog.text


@pytest.mark.parametrize("pages", [None, range(2, 60)])
def test_a_file_that_is_damaged_while_it_is_open(tmp_path: Path, pages: range | None) -> None:
    path = tmp_path / "list.sqlite"
    filled(path)
    file, other = CountedFile(path, NEW), CountedFile(path, NEW)
    before = file.revision()
    damage_under(file, other, pages=pages)
    for each in (file, other):
        with suppress(StorageError):
            add(each, "first")
        names(each)
    for number, each in enumerate((file, other)):
        add(each, f"{number}")
    assert names(file) == names(other) and set(names(file)) >= {"0", "1"}
    assert len(kept(path)) == 1, "only the damaged file is set aside"
    assert file.revision() != before
    file.close()
    other.close()


def test_what_is_said_of_a_write_to_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path)
    file = CountedFile(path, NEW)
    damage_under(file, pages=range(2, 60))
    with pytest.raises(StorageError, match="The list was damaged") as told:
        add(file, "a")
    assert "set aside" in told.value.suggestions[0] and told.value.context["reason"] == "damaged"
    add(file, "a")
    assert names(file) == ["a"]
    file.close()


def test_a_file_that_another_program_removes_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 3)
    file = CountedFile(path, NEW)
    for each in tmp_path.glob("list.sqlite*"):
        each.unlink()
    assert names(file) == []
    add(file, "a")
    file.close()
    assert names(CountedFile(path, NEW)) == ["a"]


def test_a_file_that_another_program_holds_is_read_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 1)
    file = CountedFile(path, NEW, busy_seconds=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert len(names(file)) == 1
        with pytest.raises(StorageError) as told:
            add(file, "a")
        assert told.value.cause == "Another program is holding the file."
        assert told.value.context["status"] == 503
        assert (
            file.change(lambda connection: connection.execute("DELETE FROM things").rowcount) == 1
        )
        assert names(file) == [], "the copy is true"
        other.execute("ROLLBACK")
    add(file, "a")
    assert len(names(file)) == 2, "the file is as it was"
    file.close()


def test_a_file_that_is_held_at_the_start_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        file = CountedFile(path, NEW, busy_seconds=0.1)
        assert len(names(file)) == 1
        assert file.fault is not None and file.fault.kind == "locked"
        with pytest.raises(StorageError):
            add(file, "a")
    add(file, "a")
    assert len(names(file)) == 2 and file.fault is None
    file.close()


def test_who_reads_waits_for_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 1)
    file = CountedFile(path, NEW)
    before = names(file)
    with ThreadPoolExecutor(1) as threads:
        with file.writing() as connection:
            connection.execute("INSERT INTO things VALUES ('a', 1)")
            assert names(file) == sorted([*before, "a"]), "a writer sees what it wrote"
            asked = threads.submit(names, file), threads.submit(file.revision)
            assert [each.result() for each in asked] == [before, 1]
        assert threads.submit(names, file).result() == sorted([*before, "a"])
    file.close()


def test_an_amendment_takes_the_file_with_its_first_change(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 1)
    file, other = CountedFile(path, NEW), CountedFile(path, NEW, busy_seconds=0)
    with file.amending() as connection:
        assert connection.execute("SELECT COUNT(*) FROM things").fetchone()[0] == 1
        add(other, "other")
        connection.execute("INSERT INTO things VALUES ('a', 1)")
        with pytest.raises(StorageError):
            add(other, "too late")
    with suppress(KeyError), file.amending(durable=False) as connection:
        connection.execute("DELETE FROM things")
        raise KeyError
    assert len(names(file)) == 3
    file.close()
    other.close()


def test_a_wal_that_is_removed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    file = CountedFile(path, NEW)
    add(file, "a")
    file.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    path.with_name("list.sqlite-wal").unlink()
    add(file, "b")
    other = CountedFile(path, NEW)
    assert "b" in names(other), "what is written is in the file that others open"
    file.close()
    other.close()


def test_an_optional_file_of_a_newer_version_stands_aside(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 1)
    content = path.read_bytes()
    older = SQLiteFile(path, OLD, is_optional=True)
    assert older.fault is not None and older.fault.kind == "newer"
    assert older.rows("SELECT * FROM things") == []
    with older.amending() as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    assert len(older.rows("SELECT * FROM things")) == 1, "the copy can be written"
    for change in (older.require_own, lambda: older.writing().__enter__()):
        with pytest.raises(StorageError, match=r"The list at .* newer version"):
            change()
    older.close()
    assert path.read_bytes() == content


def test_a_step_may_be_a_function(tmp_path: Path) -> None:
    def complete(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE things ADD COLUMN size INTEGER")
        connection.execute("UPDATE things SET size = length(name)")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE things")
        connection.execute("SELECT no_such_function()")

    path = tmp_path / "list.sqlite"
    old = CountedFile(path, OLD)
    with old.writing() as connection:
        connection.execute("INSERT INTO things VALUES ('abc')")
    old.close()
    with pytest.raises(SettingsError):
        CountedFile(path, Schema("The list", (FIRST, fail), ""))
    new = CountedFile(path, Schema("The list", (FIRST, complete), "it is made again"))
    assert [tuple(row) for row in new.rows("SELECT name, size FROM things")] == [("abc", 3)]
    new.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    CountedFile(path, OLD).close()
    broken = Schema("The list", (FIRST, "DROP TABLE things; SELECT no_such_function()"), "")
    with pytest.raises(SettingsError):
        CountedFile(path, broken)
    assert CountedFile(path, OLD).rows("SELECT * FROM things") == []


def test_writes_are_whole_and_counted(tmp_path: Path) -> None:
    file = CountedFile(tmp_path / "list.sqlite", NEW)
    with file.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES ('a')")
    with file.writing(counted=False) as connection:
        connection.execute("INSERT INTO things (name) VALUES ('b')")
    assert file.revision() == 1
    with pytest.raises(sqlite3.IntegrityError), file.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES ('c')")
        connection.execute("INSERT INTO things (name) VALUES ('a')")
    assert [row["name"] for row in file.rows("SELECT name FROM things ORDER BY name")] == ["a", "b"]
    assert file.revision() == 1


def test_a_file_that_lacks_what_its_version_has_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 300)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE things DROP COLUMN size")
    file = CountedFile(path, NEW)
    assert file.rows("SELECT name, size FROM things") == []
    assert len(all_set_aside([path])) == 1
    file.close()


def test_text_that_is_none_is_damage(tmp_path: Path) -> None:
    """No check of SQLite's finds it."""
    path = tmp_path / "list.sqlite"
    filled(path, 300)
    path.write_bytes(path.read_bytes().replace(b"thing 77thing", b"thing \xff\xfething"))
    file = CountedFile(path, NEW)
    assert file.rows("SELECT name FROM things") == []
    assert len(all_set_aside([path])) == 1
    add(file, "a")
    assert names(file) == ["a"]
    assert len(all_set_aside([path])) == 1
    file.close()


@pytest.mark.parametrize("seed", range(40))
def test_bytes_that_are_flipped_anywhere(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "list.sqlite"
    filled(path, 300)
    content, chance = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(chance.choice((1, 5, 200))):
        content[chance.choice((100, chance.randrange(100, len(content))))] ^= chance.randrange(256)
    path.write_bytes(content)
    file = CountedFile(path, NEW)
    for _ in range(2):
        with suppress(StorageError):
            file.rows("SELECT name, size FROM things ORDER BY size")
        with suppress(StorageError):
            add(file, f"a{len(names(file))}")
    assert names(file)
    assert file.fault is None
    file.close()


def test_a_revision_that_is_no_number_begins_anew(tmp_path: Path) -> None:
    file = CountedFile(tmp_path / "list.sqlite", NEW)
    with file.writing(counted=False) as connection:
        connection.execute("UPDATE revision SET value='[[{bad'")
    assert file.revision() == 0
    add(file, "a")
    assert file.revision() == 1
    file.close()
