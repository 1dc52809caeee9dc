"""Large libraries: served from the catalogue at once, refreshed in the background."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, diffusion_pipe, write_lora
from tests.support.machine.moved_clock import LaterClock
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.library.shared_index import LARGE, SharedIndex
from wan_lora_studio.settings import Settings

COUNT = LARGE + 50
WAIT = 120.0


@pytest.fixture
def large(root: Path) -> Path:
    """A library of equal files, one folder for each hundred."""
    content = write_lora(root / "first.safetensors").read_bytes()
    for number in range(COUNT - 1):
        path = root / f"set{number // 100}" / f"style {number}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.mark.slow
def test_a_first_look_goes_on_in_the_background(library: LoRALibrary, large: Path) -> None:
    before = library.get_ui_display_data()
    assert before["refresh_progress"] is None or before["refresh_progress"]["stage"]
    assert library.finish_refresh(WAIT)
    after = library.get_ui_display_data()
    assert len(after["loras"]) == COUNT
    assert after["revision"] > before["revision"]
    assert library.find_loras(limit=10)["total"] == COUNT


@pytest.mark.slow
def test_a_restart_serves_what_is_known_and_then_looks(
    library: LoRALibrary, large: Path, settings: Settings
) -> None:
    library.refresh()
    (large / "first.safetensors").unlink()
    write_lora(large / "second.safetensors", diffusion_pipe())
    again = LoRALibrary(settings)
    page = again.find_loras(limit=60)
    assert len(page["loras"]) == 60
    assert page["loras"][page["names"][0]]["status"] == "ok"
    assert again.finish_refresh(WAIT)
    names = set(again.find_loras(limit=2 * COUNT)["names"])
    assert "second" in names
    assert "first" not in names
    assert again.finish_refresh(WAIT)
    assert again.refresh_progress is None


@pytest.mark.slow
def test_files_of_one_form_share_what_is_known_of_it(library: LoRALibrary, large: Path) -> None:
    library.refresh()
    infos = [library.info(name)["both"] for name in ("first", "style 7")]
    assert infos[0].form is infos[1].form
    with closing(sqlite3.connect(large / ".catalog.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM forms").fetchone() == (1,)
    first, second = (library.explain_compatibility(n, "demo") for n in ("first", "style 7"))
    assert first is second


@pytest.mark.slow
def test_what_was_read_before_a_cancel_is_kept(library: LoRALibrary, large: Path) -> None:
    library.get_ui_display_data()
    library.cancel_refresh()
    assert library.refresh_progress is None
    assert len(library.list_available_loras()) == COUNT


@pytest.mark.slow
def test_after_a_cancel_nothing_goes_on_until_it_is_asked_for(
    clock: LaterClock, library: LoRALibrary, large: Path
) -> None:
    library.refresh()
    write_lora(large / "new.safetensors", seed=1)
    library.cancel_refresh()
    for _ in range(3):
        clock.pass_time()
        assert len(library.get_ui_display_data()["loras"]) == COUNT
        assert library.refresh_progress is None
    assert library.begin_refresh() is not None
    assert library.finish_refresh(WAIT)
    assert len(library.get_ui_display_data()["loras"]) == COUNT + 1


def test_a_background_look_that_is_out_of_date_changes_nothing(
    settings: Settings, root: Path
) -> None:
    write_lora(root / "a.safetensors")
    shared = SharedIndex(settings)
    shared.refresh()
    generation, walk = shared.index.generation, shared.index.walk()
    write_lora(root / "b.safetensors", seed=1)
    shared.refresh()
    assert not shared.publish(walk, {}, generation)
    assert set(shared.index.entries) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["first", "pair", "second"]),
        ("FIRST", ["first"]),
        ("watercolour", ["first"]),
        ("soft wc", ["first"]),
        ("of a gate", ["second"]),
        ("gate soft", []),
        ("folder", ["second"]),
        ("high", ["pair"]),
    ],
)
def test_searching(library: LoRALibrary, root: Path, text: str, found: list[str]) -> None:
    meta = {"modelspec.title": "Watercolour", "modelspec.tags": "soft", "trigger_words": "wc"}
    write_lora(root / "first.safetensors", metadata=meta)
    write_lora(root / "folder" / "second.safetensors", seed=1)
    (root / "folder" / "second.json").write_text(json.dumps({"activation text": "of a Gate"}))
    add_pair(root, "pair")
    page = library.find_loras(text)
    assert sorted(page["names"]) == found
    assert page["total"] == len(found)
    assert list(page["loras"]) == page["names"]


def test_pages_of_a_search(library: LoRALibrary, root: Path) -> None:
    for number in range(5):
        write_lora(root / f"a{number}.safetensors", seed=number)
    pages = [library.find_loras("a", offset=offset, limit=2) for offset in (0, 2, 4, 6)]
    assert [page["names"] for page in pages] == [["a0", "a1"], ["a2", "a3"], ["a4"], []]
    assert {page["total"] for page in pages} == {5}


def test_a_file_put_in_place_of_another_is_noticed(library: LoRALibrary, root: Path) -> None:
    path = write_lora(root / "a.safetensors", seed=1)
    library.refresh()
    old, stat = library.sha256("a"), path.stat()
    new = write_lora(root / "new", seed=2)
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(path)
    library.refresh()
    assert library.sha256("a") != old


def test_a_catalogue_of_the_first_version_keeps_its_history(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    library.record_use({"a": 0.5})
    with closing(sqlite3.connect(root / ".catalog.sqlite")) as db:
        for table in ("forms", "beside", "texts"):
            db.execute(f"DROP TABLE {table}")
        for column in ("form", "inode", "present", "expert", "model_hash", "words"):
            db.execute(f"ALTER TABLE files DROP COLUMN {column}")
        db.execute("PRAGMA user_version=1")
        db.commit()
    record = LoRALibrary(settings).record("a")
    assert (record["status"], record["use_count"]) == ("ok", 1)


def test_rows_without_what_a_list_needs_are_read_all_the_same(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    add_pair(root)
    before = library.record("style")
    with closing(sqlite3.connect(root / ".catalog.sqlite")) as db:
        db.execute("UPDATE files SET expert=NULL, model_hash=NULL, words=NULL")
        db.commit()
    again = LoRALibrary(settings)
    assert again.find_loras("high noise")["names"] == ["style"]
    assert again.record("style")["files"] == before["files"]


@pytest.mark.slow
def test_sidecar_texts_are_kept_over_a_restart(
    library: LoRALibrary, large: Path, settings: Settings
) -> None:
    sidecar = large / "first.json"
    sidecar.write_text(json.dumps({"description": "one"}))
    library.get_ui_display_data()
    assert library.finish_refresh(WAIT)
    stat = sidecar.stat()
    sidecar.write_text(json.dumps({"description": "two"}))
    os.utime(sidecar, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = LoRALibrary(settings)
    assert again.record("first")["metadata"]["description"] == "one"
    os.utime(sidecar, ns=(5, 5))
    again.refresh()
    assert again.record("first")["metadata"]["description"] == "two"
