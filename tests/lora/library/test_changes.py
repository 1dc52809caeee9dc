"""What changes the library: rename, delete, undo, all or nothing, from many threads."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, layer_keys, write_lora
from wan_lora_studio.errors import LoRAError, LoRANotFoundError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings


def visible(root: Path) -> dict[str, bytes]:
    """Relative path → content of everything that is not hidden."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(root).parts)
    }


def test_rename_carries_every_file_of_the_stem(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    write_lora(root / "ab.safetensors", seed=2)
    for suffix in (".json", ".preview.png", ".mp4", ".civitai.info", ".metadata.json", ".txt"):
        (root / f"a{suffix}").write_text("{}")
    (root / "ab.txt").write_text("stays")
    library.refresh()
    before = {
        name.removeprefix("a"): data for name, data in visible(root).items() if "ab" not in name
    }
    assert library.rename_lora_file("a", "Neon Glow")
    after = visible(root)
    assert {f"Neon Glow{suffix}" for suffix in before} | {"ab.safetensors", "ab.txt"} == set(after)
    for suffix, data in before.items():
        assert after[f"Neon Glow{suffix}"] == data
    assert set(library.list_available_loras()) == {"Neon Glow", "ab"}


@pytest.mark.parametrize(
    "words", [("_high_noise", "_low_noise"), ("-H", "-L"), ("_HIGH_v2", "_LOW_v2")]
)
def test_rename_of_a_pair_keeps_its_halves(
    library: LoRALibrary, root: Path, words: tuple[str, str]
) -> None:
    add_pair(root, words=words)
    plain = "style_v2" if "v2" in words[0] else "style"
    (root / f"style{words[0]}.png").write_bytes(b"x")
    (root / f"{plain}.json").write_text('{"description": "both"}')
    library.refresh()
    assert library.record(plain)["metadata"]["description"] == "both"
    library.record_use({plain: 1.0})
    library.rename_lora_file(plain, "glow")
    assert set(library.list_available_loras()) == {"glow"}
    record = library.record("glow")
    assert set(record["files"]) == {"high", "low"}
    assert record["use_count"] == 1
    assert record["metadata"]["description"] == "both"
    assert len(visible(root)) == 4
    assert all(name.startswith("glow") for name in visible(root))


def test_rename_keeps_the_expert_of_an_unpaired_half(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "style_HIGH.safetensors")
    library.refresh()
    library.rename_lora_file("style_HIGH", "glow")
    record = library.record("glow")
    assert (record["expert"], record["missing_half"]) == ("high", "low")
    assert record["role_evidence"] == {"high": "set by hand"}
    library.set_role("glow", None)
    assert library.record("glow")["expert"] == "both"


def test_rename_refuses_and_changes_nothing(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", seed=1)
    write_lora(root / "b.safetensors", seed=2)
    (root / "c.json").write_text("{}")
    (root / "a.json").write_text("{}")
    library.refresh()
    before = visible(root)
    for bad in ("b", "B", "../a", "", "CON", ".x", "a/b", "x" * 300, "a\0"):
        with pytest.raises(LoRAError) as caught:
            library.rename_lora_file("a", bad)
        assert caught.value.suggestions
    with pytest.raises(LoRAError, match="a file with that name already exists"):
        library.rename_lora_file("a", "c")
    with pytest.raises(LoRANotFoundError):
        library.rename_lora_file("zz", "yy")
    assert visible(root) == before
    assert library.rename_lora_file("a", "a")
    assert library.rename_lora_file("a", "A")
    assert "A" in library.list_available_loras()


def test_a_rename_whose_catalogue_update_fails_is_undone(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    (root / "a.json").write_text("{}")
    library.refresh()
    library.record_use({"a": 1.0})
    before = visible(root)
    with sqlite3.connect(root / ".catalog.sqlite") as db:
        db.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON usage BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(LoRAError, match="disk full"):
        library.rename_lora_file("a", "b")
    with sqlite3.connect(root / ".catalog.sqlite") as db:
        db.execute("DROP TRIGGER full")
    assert visible(root) == before
    library.refresh()
    assert library.record("a")["use_count"] == 1


def test_delete_and_undo(library: LoRALibrary, root: Path) -> None:
    add_pair(root)
    (root / "style.png").write_bytes(b"x")
    (root / "style_low_noise.json").write_text("{}")
    write_lora(root / "sub" / "deep" / "x.safetensors", seed=5)
    write_lora(root / "other.safetensors", seed=6)
    library.refresh()
    library.record_use({"style": 0.3})
    before = visible(root)
    for name in ("style", "x"):
        assert library.delete_lora_file(name)
    assert set(library.list_available_loras()) == {"other"}
    assert set(visible(root)) == {"other.safetensors"}
    shutil.rmtree(root / "sub")
    for name in ("x", "style"):
        assert library.undo_delete(name)
    assert visible(root) == before
    assert library.record("style")["use_count"] == 1
    with pytest.raises(LoRANotFoundError):
        library.undo_delete("style")
    assert not list((root / ".trash").iterdir())


def test_restoring_never_overwrites(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", seed=1)
    (root / "a.json").write_text("old")
    library.refresh()
    library.delete_lora_file("a")
    (root / "a.json").write_text("new")
    before = visible(root)
    with pytest.raises(LoRAError, match="there again"):
        library.undo_delete("a")
    assert visible(root) == before
    (root / "a.json").unlink()
    assert library.undo_delete("a")
    assert (root / "a.json").read_text() == "old"


def test_undo_brings_back_the_newest_of_that_name(library: LoRALibrary, root: Path) -> None:
    for seed in (1, 2):
        write_lora(root / "a.safetensors", seed=seed)
        library.refresh()
        library.delete_lora_file("a")
    newest = write_lora(root.parent / "expected.safetensors", seed=2).read_bytes()
    library.undo_delete("a")
    assert (root / "a.safetensors").read_bytes() == newest


def test_a_folder_of_its_own_takes_its_adapter_config_along(
    library: LoRALibrary, root: Path
) -> None:
    write_lora(root / "own" / "adapter_model.safetensors", layer_keys("base_model.model.{m}"))
    (root / "own" / "adapter_config.json").write_text('{"lora_alpha": 8, "r": 4}')
    library.refresh()
    assert library.info("own")["both"].scaling.alpha == 8
    library.delete_lora_file("own")
    assert visible(root) == {}
    library.undo_delete("own")
    assert len(visible(root)) == 2


def test_many_threads_and_two_instances(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    second = LoRALibrary(settings)
    for index in range(6):
        write_lora(root / f"l{index}.safetensors", seed=index)
    library.refresh()
    failures = []

    def work(own: LoRALibrary, number: int) -> None:
        try:
            for turn in range(3):
                old = f"l{number}" if turn == 0 else f"t{number}-{turn - 1}"
                own.rename_lora_file(old, f"t{number}-{turn}")
                own.record_use({f"t{number}-{turn}": 1.0})
                own.get_ui_display_data()
        except Exception as error:  # noqa: BLE001 - reported by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=((library, second)[n % 2], n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    library.refresh()
    records = library.list_available_loras()
    assert set(records) == {f"t{n}-2" for n in range(6)}
    assert all(record["use_count"] == 3 for record in records.values())


def test_nothing_is_made_where_the_folder_is_gone(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    before = library.revision
    shutil.rmtree(root)
    library.refresh()
    gone = library.revision
    assert gone > before
    assert library.revision == gone
    with pytest.raises(LoRAError):
        library.delete_lora_file("a")
    assert not root.exists()
