"""The library over a real folder: records, pairs, usage, verdicts, other programs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import add_pair, diffusion_pipe, musubi, write_lora
from tests.support.machine.moved_clock import LaterClock
from wan_lora_studio.errors import LoRAError, LoRAFileError, LoRANotFoundError, SettingsError
from wan_lora_studio.lora.inspection import judge
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.schema import CATALOG
from wan_lora_studio.settings import Settings, load_settings

CONTRACT = {
    "name", "filename", "files", "path", "size_mb", "upload_date", "last_used", "use_count",
    "is_loaded", "is_applied", "current_strength", "compatible_models", "expert", "dialect",
    "algebra", "rank", "status", "status_detail", "sha256", "metadata", "thumbnail_path",
}  # fmt: skip
METADATA = {"description", "tags", "author", "version", "trigger_words"}


def test_a_record_has_the_keys_of_the_contract(library: LoRALibrary, root: Path) -> None:
    path = write_lora(root / "anime.safetensors", metadata={"modelspec.description": "d"})
    library.refresh()
    record = library.list_available_loras()["anime"]
    assert set(record) >= CONTRACT
    assert set(record["metadata"]) >= METADATA
    assert record["files"] == {"both": "anime.safetensors"}
    assert record["compatible_models"] == ["demo"]
    assert (record["status"], record["dialect"], record["algebra"]) == ("ok", "musubi", ["lora"])
    assert record["metadata"]["description"] == "d"
    assert record["size_mb"] == pytest.approx(path.stat().st_size / 1e6, abs=0.001)
    assert len(record["sha256"]) == 64
    assert (root / record["thumbnail_path"]).is_file()
    assert json.dumps(record)


def test_a_pair_is_one_record(library: LoRALibrary, root: Path) -> None:
    add_pair(root)
    write_lora(root / "alone-L.safetensors", seed=3)
    library.refresh()
    records = library.list_available_loras()
    assert set(records) == {"style", "alone-L"}
    pair = records["style"]
    assert pair["files"] == {
        "high": "style_high_noise.safetensors",
        "low": "style_low_noise.safetensors",
    }
    assert (pair["expert"], pair["missing_half"]) == ("both", None)
    assert (records["alone-L"]["expert"], records["alone-L"]["missing_half"]) == ("low", "high")
    assert set(library.info("style")) == set(library.files("style")) == {"high", "low"}
    assert library.validate_lora_compatibility("alone-L", "demo")


@pytest.mark.parametrize("words", [("_HIGH", "_LOW"), ("-H", "-L"), ("HighNoise", "LowNoise")])
def test_pairs_by_every_word(library: LoRALibrary, root: Path, words: tuple[str, str]) -> None:
    add_pair(root, words=words)
    library.refresh()
    assert list(library.list_available_loras()) == ["style"]


def test_pairs_by_folder_and_by_model_hash(library: LoRALibrary, root: Path) -> None:
    add_pair(root, "ghost/", words=("high_noise_model", "low_noise_model"))
    meta = {"sshs_model_hash": "abc"}
    write_lora(root / "one_HIGH.safetensors", metadata=meta, seed=1)
    write_lora(root / "two_LOW.safetensors", metadata=meta, seed=2)
    write_lora(root / "other" / "adapter_model.safetensors", seed=5)
    library.refresh()
    assert set(library.list_available_loras()) == {"ghost", "one", "other"}


def test_equal_names_in_folders_stay_apart(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", seed=1)
    write_lora(root / "sub" / "a.safetensors", seed=2)
    write_lora(root / "sub" / "b.safetensors", seed=3)
    write_lora(root / ".hidden" / "c.safetensors", seed=4)
    library.refresh()
    assert set(library.list_available_loras()) == {"a", "a (sub)", "b"}
    assert library.files("a (sub)")["both"] == root / "sub" / "a.safetensors"


def test_broken_files_are_listed_with_their_reason(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "good.safetensors")
    (root / "corrupt.safetensors").write_bytes(b"PK\x03\x04" + bytes(40))
    write_lora(root / "flux.safetensors", {"double_blocks.0.lora_A.weight": (4, 4)})
    half = musubi()
    del half["lora_unet_blocks_0_ffn_0.lora_up.weight"]
    write_lora(root / "half.safetensors", half)
    os.mkfifo(root / "fifo.safetensors")
    library.refresh()
    records = library.list_available_loras()
    status = {name: record["status"] for name, record in records.items()}
    assert status == {
        "good": "ok",
        "corrupt": "corrupt",
        "fifo": "corrupt",
        "flux": "unsupported",
        "half": "unsupported",
    }
    assert "PyTorch pickle" in records["corrupt"]["status_detail"]
    assert "lora_down without lora_up" in records["half"]["status_detail"]
    assert records["corrupt"]["compatible_models"] == []
    assert not library.validate_lora_compatibility("corrupt", "demo")
    with pytest.raises(LoRAFileError):
        library.info("corrupt")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"init_lora_weights": "pissa"}, "changing the model's own weights"),
        ({"alpha_pattern": {".*attn.*": 4}}, "regular expression"),
        ({"lora_alpha": "much"}, "cannot be understood"),
        ({"lora_alpha": 4, "peft_type": "LOKR", "rank_pattern": {"q": 2}}, "rank_pattern"),
    ],
)
def test_a_sound_file_that_cannot_be_scaled_is_unsupported(
    config: dict[str, object], why: str, library: LoRALibrary, root: Path
) -> None:
    text = json.dumps({f"transformer.{name}": value for name, value in config.items()})
    write_lora(root / "header.safetensors", metadata={"lora_adapter_metadata": text})
    write_lora(root / "own" / "beside.safetensors", seed=1)
    (root / "own" / "adapter_config.json").write_text(json.dumps(config))
    library.refresh()
    for name in ("header", "beside"):
        record = library.record(name)
        assert record["status"] == "unsupported"
        assert why in record["status_detail"]


def test_unknown_names_suggest_close_ones(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "anime_style.safetensors")
    library.refresh()
    with pytest.raises(LoRANotFoundError) as caught:
        library.record("anime_stlye")
    assert "anime_style" in caught.value.suggestions[0]
    for name in ("../secret", "/etc/passwd", "", "a\0b", "x" * 9999):
        with pytest.raises(LoRANotFoundError):
            library.delete_lora_file(name)
    with pytest.raises(SettingsError):
        library.explain_compatibility("anime_style", "no-such-model")


def test_verdicts_without_the_model(tmp_path: Path) -> None:
    settings = load_settings(loras_dir=tmp_path / "l", models_dir=tmp_path / "none")
    library = LoRALibrary(settings)
    write_lora(settings.loras_dir / "a.safetensors")
    library.refresh()
    found = library.explain_compatibility("a", "demo")
    assert (found.compatible, found.verdict) == (False, "unknown")
    assert "not installed" in found.reasons[0]


def test_files_dropped_by_other_programs_appear_and_go(
    clock: LaterClock, library: LoRALibrary, root: Path
) -> None:
    before = library.revision
    assert library.list_available_loras() == {}
    write_lora(root / "new.safetensors")
    clock.pass_time()
    assert "new" in library.list_available_loras()
    after = library.revision
    assert after > before
    assert library.revision == after
    (root / "new.safetensors").unlink()
    clock.pass_time()
    assert library.list_available_loras() == {}
    assert library.revision > after


def test_an_unreachable_folder_marks_its_loras_missing(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    shutil.move(root, root.with_name("away"))
    library.refresh()
    assert library.list_available_loras()["a"]["status"] == "missing"
    shutil.move(root.with_name("away"), root)
    library.refresh()
    assert library.list_available_loras()["a"]["status"] == "ok"


def test_usage_is_counted_and_survives_rename_and_restart(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    write_lora(root / "a.safetensors", seed=1)
    write_lora(root / "b.safetensors", seed=2)
    library.refresh()
    library.record_use({"a": 0.5})
    library.record_use({"b": {"high": 1.0, "low": 0.2}, "gone": 1.0})
    library.record_use({"a": 0.75})
    assert library.recent(5) == ["a", "b"]
    assert library.recent(1) == ["a"]
    library.rename_lora_file("a", "c")
    again = LoRALibrary(settings)
    record = again.record("c")
    assert record["use_count"] == 2
    assert record["last_used"].startswith("20")
    assert again.last_strength("c") == 0.75
    assert again.last_strength("b") == {"high": 1.0, "low": 0.2}
    assert again.recent(5) == ["c", "b"]


def test_status_of_what_is_applied(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    before = library.revision
    library.set_status({"a": 0.8})
    record = library.record("a")
    assert (record["is_loaded"], record["is_applied"], record["current_strength"]) == (
        True,
        True,
        0.8,
    )
    assert library.revision > before
    library.set_status({})
    assert not library.record("a")["is_applied"]


def test_hashes_are_of_the_content_and_follow_changes(library: LoRALibrary, root: Path) -> None:
    path = write_lora(root / "a.safetensors", seed=1)
    library.refresh()
    one = library.sha256("a")["both"]
    write_lora(path, seed=2)
    os.utime(path, ns=(1, 1))
    library.refresh()
    assert library.sha256("a")["both"] != one
    output = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    assert library.sha256("a")["both"] == output.stdout.split()[0]


def test_memory_estimates(library: LoRALibrary, root: Path) -> None:
    add_pair(root)
    write_lora(root / "a.safetensors", diffusion_pipe())
    library.refresh()
    one, two = (library.estimate_memory_impact(names) for names in (["a"], ["a", "style"]))
    assert set(one) >= {"gpu_mb", "host_mb", "total_mb", "load_seconds"}
    assert all(two[key] >= one[key] for key in one)
    assert all(value == 0 for value in library.estimate_memory_impact([]).values())
    with pytest.raises(LoRANotFoundError):
        library.estimate_memory_impact(["zz"])


def test_data_for_the_page(library: LoRALibrary, root: Path, settings: Settings) -> None:
    add_pair(root)
    (root / "bad.safetensors").write_bytes(b"")
    library.refresh()
    library.record_use({"style": 1.0})
    data = json.loads(json.dumps(library.get_ui_display_data()))
    keys = {"revision", "loras", "recent", "models", "duplicates", "folders", "refresh_progress"}
    assert set(data) == keys | {"families", "notes", "search"}
    assert data["recent"] == ["style"]
    assert [model["model_type"] for model in data["models"]] == list(settings.models)
    style = next(lora for lora in data["loras"] if lora["name"] == "style")
    assert style["verdicts"]["demo"]["verdict"] == "fits"
    assert style["verdicts"]["t2v-A14B"]["verdict"] == "no"


def test_rows_that_differ_in_their_storage_are_judged_once(
    library: LoRALibrary, root: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(infos: Any, model_type: str, architecture: Any) -> Any:
        asked.append(model_type)
        return judge(infos, model_type, architecture)

    monkeypatch.setattr("wan_lora_studio.lora.index.verdicts.judge", counted)
    add_pair(root)
    library.refresh()
    said = library.get_ui_display_data()["loras"][0]["verdicts"]
    assert list(said) == list(settings.models)
    assert said["t2v-A14B-q5"] == {**said["t2v-A14B"], "model_type": "t2v-A14B-q5"}
    kinds = ("demo", "t2v-A14B", "i2v-A14B", "ti2v-5B", "wan2.1-t2v-1.3B", "wan2.1-t2v-14B")
    assert asked == list(kinds)


def test_metadata_of_one_lora(library: LoRALibrary, root: Path) -> None:
    shapes = musubi() | {"odd.weight": (2, 2)}
    write_lora(root / "a.safetensors", shapes, {"ss_output_name": "The A", "author": "me"})
    library.refresh()
    found = library.get_lora_metadata("a")
    assert found["title"] == "The A"
    assert found["author"] == "me"
    assert found["contents"]["both"]["unknown"] == ["odd.weight"]
    assert json.dumps(found)


def test_the_catalogue_serves_a_restart_without_reading_headers(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    path = write_lora(root / "a.safetensors")
    library.refresh()
    stamp = path.stat()
    path.write_bytes(b"\0" * stamp.st_size)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert LoRALibrary(settings).record("a")["status"] == "ok"


def test_a_broken_catalogue_is_set_aside(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    write_lora(root / "a.safetensors")
    for count in (1, 2):
        for path in root.glob(".catalog.sqlite*"):
            path.write_bytes(b"not a database" * 100 * count)
        assert LoRALibrary(settings).record("a")["status"] == "ok"
        kept = sorted(len(path.read_bytes()) for path in root.glob(".catalog.damaged-*.sqlite"))
        assert kept == [1400 * each for each in range(1, count + 1)], "none overwrites another"


def test_a_catalogue_that_is_damaged_while_the_library_is_open(
    library: LoRALibrary, root: Path
) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    (root / ".catalog.sqlite-wal").unlink(missing_ok=True)
    (root / ".catalog.sqlite").write_bytes(b"not a database" * 900)
    with suppress(LoRAError):
        library.set_role("a", "high")
    library.set_role("a", "high")
    assert library.record("a")["expert"] == "high"
    assert len(list(root.glob(".catalog.damaged-*.sqlite"))) == 1


def test_a_row_of_the_catalogue_that_a_bad_disk_has_spoilt_costs_itself(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    for name in ("a", "b"):
        write_lora(root / f"{name}.safetensors", seed=ord(name))
    library.refresh()
    library.set_role("b", "high")
    with closing(sqlite3.connect(root / ".catalog.sqlite")) as db, db:
        db.execute("INSERT INTO edits VALUES ('a.safetensors', '{\"title')")
        db.execute("INSERT INTO usage VALUES ('a.safetensors', 2, '2026-01-01T00:00:00Z', x'ff')")
    again = LoRALibrary(settings)
    assert again.record("a")["use_count"] == 2
    assert again.record("b")["expert"] == "high"
    assert not list(root.glob(".catalog.damaged-*.sqlite"))


def test_a_catalogue_with_text_that_is_none_is_set_aside(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    """No check of SQLite's finds it."""
    write_lora(root / "a.safetensors")
    library.refresh()
    with closing(sqlite3.connect(root / ".catalog.sqlite")) as db, db:
        db.execute("INSERT INTO edits VALUES ('a.safetensors', CAST(x'fffe' AS TEXT))")
    again = LoRALibrary(settings)
    again.list_available_loras()  # the one that meets the damage
    assert again.list_available_loras()["a"]["status"] == "ok"
    assert LoRALibrary(settings).record("a")["status"] == "ok"
    assert len(list(root.glob(".catalog.damaged-*.sqlite"))) == 1


def test_a_catalogue_of_a_newer_version_is_refused_by_name_and_left_alone(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    write_lora(root / "a.safetensors")
    library.set_role("a", "high")
    place, newest = root / ".catalog.sqlite", len(CATALOG.steps)
    with closing(sqlite3.connect(place)) as db:
        db.execute("PRAGMA user_version=99")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = place.read_bytes()
    older = LoRALibrary(settings)
    assert older.list_available_loras()["a"]["status"] == "ok"
    (note,) = older.get_ui_display_data()["notes"]
    assert f"catalogue at {place} was written by a newer version" in note["text"]
    for change in (
        lambda: older.edit_lora_metadata("a", {"title": "A"}),
        lambda: older.delete_lora_file("a"),
        lambda: older.rename_lora_file("a", "b"),
        lambda: older.set_role("a", "low"),
    ):
        with pytest.raises(LoRAError, match=r"catalogue at .* newer version") as told:
            change()
        assert "Update the studio" in told.value.suggestions[0]
    older.record_use({"a": 1.0})
    assert place.read_bytes() == content and (root / "a.safetensors").is_file()
    with closing(sqlite3.connect(place)) as db:
        db.execute(f"PRAGMA user_version={newest}")
    assert LoRALibrary(settings).record("a")["expert"] == "high"


def test_what_a_newer_version_left_unfinished_is_left_alone(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    library.refresh()
    step = root / ".staging" / "1" / "a.safetensors"
    step.parent.mkdir(parents=True)
    step.write_bytes(b"half")
    os.utime(step.parent, (0, 0))
    os.utime(step, (0, 0))
    with closing(sqlite3.connect(root / ".catalog.sqlite")) as db, db:
        db.execute("INSERT INTO intents (moves, folders) VALUES ('[]', '[]')")
        db.execute("PRAGMA user_version=99")
    LoRALibrary(settings).list_available_loras()
    assert step.read_bytes() == b"half"


def test_another_instance_sees_a_change_at_once(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    second = LoRALibrary(settings)
    assert second.list_available_loras() == {}
    path = write_lora(root.parent / "a.safetensors")
    library.upload_lora_file(path, "a.safetensors")
    assert set(second.list_available_loras()) == {"a"}
    library.set_role("a", "high")
    assert second.record("a")["expert"] == "high"
    library.record_use({"a": 0.5})
    assert second.last_strength("a") == 0.5
    assert library.revision == second.revision
    settled = library.revision
    for _ in range(3):
        assert (library.revision, second.revision) == (settled, settled)


def test_records_tell_what_the_worker_that_is_followed_holds(
    library: LoRALibrary, root: Path
) -> None:
    for index, name in enumerate("abc"):
        write_lora(root / f"{name}.safetensors", seed=index)
    library.refresh()
    held: dict[str, Any] = {"a": {"state": "waiting", "strength": 1.0}}
    library.follow_worker(lambda: held)

    def told(name: str) -> tuple[bool, bool, float]:
        record = library.list_available_loras()[name]
        return record["is_loaded"], record["is_applied"], record["current_strength"]

    assert told("a") == (True, False, 0.0)
    held["a"] = {"state": "applied", "strength": 0.7}
    held["b"] = {"state": "applied", "strength": {"high": 0.2, "low": [[0, -0.9], [1, 0]]}}
    assert [told(name) for name in "abc"] == [
        (True, True, 0.7),
        (True, True, -0.9),
        (False, False, 0.0),
    ]
    assert library.get_lora_metadata("a")["is_applied"]
    held.clear()
    assert told("a") == (False, False, 0.0)
