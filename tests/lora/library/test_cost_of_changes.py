"""A change costs what it changes: counted by what is listed, looked at and opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, write_lora
from tests.support.machine.counted_calls import counted_calls
from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings

FOLDERS, EACH = 40, 50
MOST = 60  # looks at files and folders for one change, of 2,000 files
Change = Callable[[str], object]


@pytest.fixture
def large(library: LoRALibrary, root: Path) -> LoRALibrary:
    """2,000 LoRAs in 40 folders, looked through, with nothing left to do."""
    content = write_lora(root / "set00" / "style 0.safetensors").read_bytes()
    for number in range(1, FOLDERS * EACH):
        path = root / f"set{number // EACH:02}" / f"style {number}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    (root / "set01" / "style 50.txt").write_text("a text")
    for _ in range(3):  # each hashes some
        library.refresh()
    assert library.finish_refresh(60)
    return library


@pytest.mark.slow
def test_one_change_looks_at_its_own_folder_only(large: LoRALibrary, root: Path) -> None:
    changes: list[tuple[str, Change, set[str]]] = [
        ("style 50", lambda n: large.edit_lora_metadata(n, {"notes": "mine"}), {"set01"}),
        ("style 100", lambda n: large.edit_lora_metadata(n, {"favourite": True}), {"set02"}),
        ("style 150", lambda n: large.edit_lora_metadata(n, {"expert": "high"}), {"set03"}),
        ("style 200", lambda n: large.rename_lora_file(n, "another"), {"set04", "."}),
        ("style 250", large.delete_lora_file, {"set05"}),
        ("style 300", lambda n: large.move_lora_file(n, "set09"), {"set06", "set09"}),
        ("style 350", lambda n: large.set_role(n, "low"), {"set07"}),
        ("style 400", lambda n: large.pair_loras(n, "style 650"), {"set08", "set13"}),
    ]
    for name, change, folders in changes:
        everything = large.list_available_loras()
        with counted_calls(root) as counted:
            change(name)
        assert set(counted.listed) <= folders
        assert len(counted.stated) + len(counted.opened) <= MOST
        about = {name, "style 650", "another"}
        looked_at = {Path(path) for path in (*counted.stated, *counted.opened)}
        assert {path.stem for path in looked_at if path.suffix == ".safetensors"} <= about
        known = large.list_available_loras()
        large.refresh()
        assert large.list_available_loras() == known, "a look at everything finds the same"
        assert {each: known[each] for each in known if each not in about} == {
            each: everything[each] for each in everything if each not in about
        }


@pytest.mark.slow
def test_many_deletions_are_one_change_and_come_back_at_once(
    large: LoRALibrary, root: Path
) -> None:
    names = [f"style {number}" for number in range(100, 200)]
    before, revision = large.list_available_loras(), large.revision
    with counted_calls(root) as counted:
        found = large.delete_loras([*names, "not there"])
    assert set(found.refused) == {"not there"}
    assert isinstance(found.refused["not there"], LoRANotFoundError)
    assert large.revision == revision + 1
    assert len(counted.listed) <= 2 * FOLDERS  # one is not known, so that all is looked through
    assert len(large.list_available_loras()) == FOLDERS * EACH - 100
    assert len(large.list_trash()) == 100
    back = large.undo_deletes(names, found.token)
    assert not back.refused
    assert large.revision == revision + 2
    assert large.list_available_loras() == before
    assert large.list_trash() == []


def test_one_of_several_comes_back_alone(library: LoRALibrary, root: Path) -> None:
    for seed, name in enumerate("abc"):
        write_lora(root / f"{name}.safetensors", seed=seed)
    token = library.delete_loras(["a", "b", "c"]).token
    assert library.undo_delete("b")
    assert sorted(library.list_available_loras()) == ["b"]
    back = library.undo_deletes(["a", "b", "c"], token)
    assert set(back.refused) == {"b"}
    assert sorted(library.list_available_loras()) == ["a", "b", "c"]


def test_an_older_deletion_is_not_what_a_token_means(library: LoRALibrary, root: Path) -> None:
    tokens = []
    for time in (0, 2):
        for seed, name in enumerate("ab", start=time):
            write_lora(root / f"{name}.safetensors", seed=seed)
        library.refresh()
        tokens.append(library.delete_loras(["a", "b"]).token)
    first = write_lora(root / "c.safetensors").read_bytes()
    assert not library.undo_deletes(["a", "b"], tokens[0]).refused
    assert (root / "a.safetensors").read_bytes() == first


def test_those_of_a_folder_that_is_stuck_stop_no_other(
    library: LoRALibrary, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, path in enumerate(("a", "stuck/b", "stuck/c", "d")):
        write_lora(root / f"{path}.safetensors", seed=seed)
    link = os.link

    def stuck(source: Path, target: Path, **more: bool) -> None:
        if "stuck" in Path(source).parts:
            raise OSError(5, "Input/output error", str(source), None, str(target))
        link(source, target, **more)

    monkeypatch.setattr(os, "link", stuck)
    found = library.delete_loras(["a", "b", "c", "d"])
    assert set(found.refused) == {"b", "c"}
    assert sorted(library.list_available_loras()) == ["b", "c"]
    assert len(library.list_trash()) == 2


@pytest.mark.slow
def test_a_file_of_another_program_is_found_by_a_change_beside_it(
    large: LoRALibrary, root: Path
) -> None:
    write_lora(root / "set07" / "theirs.safetensors", seed=5)
    revision = large.revision
    large.edit_lora_metadata("style 350", {"notes": "mine"})
    assert large.record("theirs")["sha256"]
    assert large.revision > revision + 1  # whoever waits for a change of others sees it


def test_what_another_instance_changed_is_looked_at_first(
    library: LoRALibrary, settings: Settings, root: Path
) -> None:
    add_pair(root, "one")
    write_lora(root / "sub" / "two.safetensors", seed=2)
    other = LoRALibrary(settings)
    assert set(library.list_available_loras()) == set(other.list_available_loras())
    library.move_lora_file("one", "sub")
    other.edit_lora_metadata("one", {"notes": "where it is now"})
    assert (root / "sub" / "one_high_noise.json").is_file()
    assert not (root / "one_high_noise.json").exists()


def test_an_upload_is_inspected_before_it_is_placed_and_not_again(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "here.safetensors")
    source = write_lora(tmp_path / "new.safetensors", seed=1)
    library.refresh()
    with counted_calls(root) as counted:
        record = library.upload_lora_file(source, "new.safetensors")
    assert record["status"] == "ok"
    assert counted.opened.count("new.safetensors") == 1  # for a picture in its header
    assert "here.safetensors" not in counted.opened
    known = library.record("new")
    library.refresh()
    assert library.record("new") == known
    assert LoRALibrary(library.settings).record("new") == known


def test_what_went_together_stays_together_however_large(settings: Settings, root: Path) -> None:
    library = LoRALibrary(settings.model_copy(update={"trash_mb": 0.000001}))
    for seed, name in enumerate("abcd"):
        write_lora(root / f"{name}.safetensors", seed=seed)
    token = library.delete_loras(["a", "b", "c"]).token
    assert not library.undo_deletes(["a", "b", "c"], token).refused
    library.delete_loras(["a", "b", "c"])
    library.delete_lora_file("d")
    assert [entry["name"] for entry in library.list_trash()] == ["d"]
