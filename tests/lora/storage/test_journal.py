"""Changes as moves with an intent: all of one or none of it, from any point."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.journal import Journal
from wan_lora_studio.lora.storage.moves import Move, move_one, undo_one
from wan_lora_studio.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def intents(root: Path) -> Journal:
    return Journal(root, Catalog(root))


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def nothing(db: sqlite3.Connection) -> None:
    """No rows change."""


ABC = {"a": "a", "b": "b", "c": "c"}


FAILING = [
    [("a", "x"), ("gone", "y"), ("b", "z")],
    [("a", "x"), ("b", "c")],
    [("a", "x"), ("b", "x")],
]


@pytest.mark.parametrize("pairs", FAILING)
def test_moves_are_all_or_none(intents: Journal, root: Path, pairs: list[tuple[str, str]]) -> None:
    with pytest.raises((FileNotFoundError, FileExistsError)):
        intents.carry_out([Move(root / a, root / b) for a, b in pairs], nothing)
    assert files(root) == ABC
    assert not intents.recover()


def test_a_move_may_take_the_place_that_an_earlier_one_leaves(intents: Journal, root: Path) -> None:
    moves = [Move(root / "a", root / "new" / "deep" / "a"), Move(root / "b", root / "a")]
    with pytest.raises(ZeroDivisionError):
        intents.carry_out(moves, lambda db: print(1 // 0))
    assert files(root) == ABC
    assert not (root / "new").exists()
    intents.carry_out(moves, nothing)
    assert files(root) == {"new/deep/a": "a", "a": "b", "c": "c"}


def test_rows_change_with_the_files_or_not_at_all(intents: Journal, root: Path) -> None:
    catalog = Catalog(root)
    moves = [Move(root / "a", root / "x")]

    def rows(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO roles VALUES ('x', 'high')")
        db.execute("INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(Exception, match="no_such_table"):
        intents.carry_out(moves, rows)
    assert catalog.roles() == {}
    assert files(root) == ABC


def test_no_link_leads_out(
    intents: Journal, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (root / "link").symlink_to(outside, target_is_directory=True)
    with pytest.raises(NotADirectoryError):
        intents.carry_out([Move(root / "a", root / "link" / "a")], nothing)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("reached", [0, 1, 2])
@pytest.mark.parametrize("content", ["a", "new"])
def test_what_is_replaced_comes_back_even_by_its_equal(
    intents: Journal, root: Path, content: str, reached: int
) -> None:
    (root / "new").write_text(content)
    moves = [Move(root / "a", root / "old"), Move(root / "new", root / "a")]
    intents._write(moves)
    for move in moves[:reached]:
        move_one(move)
    assert intents.recover()
    assert files(root) == {**ABC, "new": content}


def linked(move: Move) -> None:
    os.link(move.source, move.target)


def reserved(move: Move) -> None:
    move.target.touch()


def untouched(move: Move) -> None:
    """Not begun."""


@pytest.mark.parametrize("part", [untouched, linked, reserved, move_one])
def test_a_move_is_taken_back_from_any_point(root: Path, part: Callable[[Move], None]) -> None:
    move = Move(root / "a", root / "x")
    part(move)
    undo_one(move)
    undo_one(move)
    assert files(root) == ABC


def test_taking_back_never_overwrites(root: Path) -> None:
    move = Move(root / "a", root / "x")
    move_one(move)
    (root / "a").write_text("another program's")
    undo_one(move)
    assert files(root) == {"a": "another program's", "b": "b", "c": "c", "x": "a"}


def test_moving_without_hard_links(
    intents: Journal, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_here(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links on this file system")

    monkeypatch.setattr(os, "link", none_here)
    with pytest.raises(FileExistsError):
        move_one(Move(root / "a", root / "b"))
    intents.carry_out([Move(root / "a", root / "x")], nothing)
    assert files(root) == {"x": "a", "b": "b", "c": "c"}


def test_the_next_change_of_another_instance_takes_a_cut_off_one_back(
    settings: Settings, tmp_path: Path
) -> None:
    root = settings.loras_dir
    for seed, name in enumerate("ab"):
        write_lora(root / f"{name}.safetensors", seed=seed)
    second = LoRALibrary(settings)
    assert set(second.list_available_loras()) == {"a", "b"}
    with Catalog(root).transaction() as db:  # what is written before the first file moves
        moves = json.dumps([["a.safetensors", "new/a.safetensors"]])
        db.execute("INSERT INTO intents (moves, folders) VALUES (?, ?)", (moves, '["new"]'))
    (root / "new").mkdir()  # and there it dies, half way through
    os.link(root / "a.safetensors", root / "new" / "a.safetensors")
    assert second.rename_lora_file("b", "c")
    assert set(second.list_available_loras()) == {"a", "c"}
    assert not (root / "new").exists()
    assert not Journal(root, Catalog(root)).recover()
