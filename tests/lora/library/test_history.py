"""Hashes computed in the background, files that others move, duplicates."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.loras.files import (
    add_pair,
    musubi,
    random_tensors,
    write_lora,
    write_safetensors,
)
from tests.support.machine.moved_clock import LaterClock
from wan_lora_studio.lora.index.file_hashing import HASH_BYTES_AT_ONCE
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.library.lookup import records_of
from wan_lora_studio.lora.library.shared_index import SharedIndex
from wan_lora_studio.settings import Settings

WAIT = 120.0


def write_large(path: Path, seed: int = 0) -> Path:
    """A LoRA that is too large to be hashed while a page waits."""
    tensors = random_tensors(musubi(), seed)
    filler = np.full(HASH_BYTES_AT_ONCE // 2, seed, np.uint16)
    return write_safetensors(path, tensors | {"filler": filler})


def age(path: Path) -> None:
    os.utime(path, ns=(5, 5))


def test_large_files_are_hashed_in_the_background(library: LoRALibrary, root: Path) -> None:
    path = write_large(root / "big.safetensors")
    assert library.record("big")["sha256"] == ""
    before = library.revision
    assert library.finish_refresh(WAIT)
    assert library.record("big")["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert library.revision > before
    assert library.refresh_progress is None


def test_hashing_can_be_cancelled_and_goes_on_after_a_refresh(
    clock: LaterClock, library: LoRALibrary, root: Path
) -> None:
    write_large(root / "big.safetensors")
    library.get_ui_display_data()
    library.cancel_refresh()
    assert library.refresh_progress is None
    library.refresh()
    clock.pass_time()
    library.get_ui_display_data()
    assert library.finish_refresh(WAIT)
    assert library.record("big")["sha256"]


def test_a_renamed_file_keeps_its_history_before_it_is_hashed(
    library: LoRALibrary, root: Path, settings: Settings
) -> None:
    path = write_large(root / "old.safetensors")
    library.refresh()
    library.cancel_refresh()
    library.record_use({"old": 0.5})
    library.edit_lora_metadata("old", {"title": "Mine", "expert": "high"})
    path.rename(root / "new.safetensors")
    record = LoRALibrary(settings).record("new")
    assert (record["use_count"], record["title"], record["expert"]) == (1, "Mine", "high")


def test_a_file_that_came_back_elsewhere_is_known_by_its_hash(
    library: LoRALibrary, root: Path
) -> None:
    path = write_lora(root / "old.safetensors")
    library.refresh()
    library.record_use({"old": 0.5})
    moved = root / "sub" / "other.safetensors"
    moved.parent.mkdir()
    shutil.copyfile(path, moved)
    age(moved)
    path.unlink()
    library.refresh()
    assert library.record("other")["use_count"] == 1
    write_lora(root / "old.safetensors", seed=7)
    library.refresh()
    assert library.record("old")["use_count"] == 0


def test_a_copy_takes_no_history_away(library: LoRALibrary, root: Path) -> None:
    path = write_lora(root / "old.safetensors")
    library.refresh()
    library.record_use({"old": 0.5})
    shutil.copy2(path, root / "copy.safetensors")
    library.refresh()
    assert library.record("old")["use_count"] == 1
    assert library.record("copy")["use_count"] == 0
    path.unlink()
    library.refresh()
    assert library.record("copy")["use_count"] == 0
    shutil.copy2(root / "copy.safetensors", path)
    library.refresh()
    assert library.record("old")["use_count"] == 1


def test_a_pair_made_by_hand_follows_a_renamed_half(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "one.safetensors", seed=1)
    write_lora(root / "two.safetensors", seed=2)
    library.refresh()
    library.pair_loras("one", "two")
    (root / "two.safetensors").rename(root / "three.safetensors")
    library.refresh()
    (record,) = library.list_available_loras().values()
    assert record["files"] == {"high": "one.safetensors", "low": "three.safetensors"}


def test_duplicates_are_found_and_shown(library: LoRALibrary, root: Path) -> None:
    first = write_lora(root / "a.safetensors")
    shutil.copyfile(first, root / "b.safetensors")
    add_pair(root)
    (root / "sub").mkdir()
    shutil.copyfile(root / "style_low_noise.safetensors", root / "sub" / "half.safetensors")
    library.refresh()
    assert library.find_duplicates() == [["a", "b"], ["half", "style"]]
    data = json.loads(json.dumps(library.get_ui_display_data()))
    assert data["duplicates"] == [["a", "b"], ["half", "style"]]
    (root / "b.safetensors").unlink()
    library.refresh()
    assert library.find_duplicates() == [["half", "style"]]


@pytest.mark.parametrize("content", [b"{", b'{"description": 5, "tags": {}}', b"\xff\xfe", b"[]"])
def test_a_corrupt_sidecar_never_hides_its_lora(
    library: LoRALibrary, root: Path, content: bytes
) -> None:
    write_lora(root / "a.safetensors")
    for suffix in (".json", ".metadata.json", ".civitai.info", ".png"):
        (root / f"a{suffix}").write_bytes(content)
    library.refresh()
    record = library.record("a")
    assert record["status"] == "ok"
    assert library.find_loras("a")["names"] == ["a"]


def test_a_folder_that_cannot_be_read_keeps_its_loras(settings: Settings, root: Path) -> None:
    write_lora(root / "sub" / "a.safetensors")
    write_lora(root / "b.safetensors", seed=1)
    shared = SharedIndex(settings)
    shared.refresh()
    walk = shared.index.walk()
    assert walk is not None
    # As where the folder's server does not answer: scandir fails, but not for want of the folder.
    snapshot = {path: stamp for path, stamp in walk.snapshot.items() if path[0] == "b"}
    unreachable = type(walk)(snapshot, ("sub/",))
    shared.publish(unreachable, {}, shared.index.generation)
    records = records_of(shared, shared.index.entries)
    assert {name: record["status"] for name, record in records.items()} == {
        "a": "missing",
        "b": "ok",
    }
