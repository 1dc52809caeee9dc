"""What a user says about a LoRA: kept, shown first, written beside the file, carried along."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import add_pair, write_lora
from wan_lora_studio.errors import LoRAError, LoRANotFoundError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings

EVERYTHING: dict[str, Any] = {
    "title": "Neon", "description": "Bright signs", "tags": ["night", "city"], "author": "me",
    "trigger_words": ["neon", "glow"], "base_model": "Wan2.2", "notes": "use low cfg",
    "preferred_strengths": {"high": 0.8, "low": 0.4}, "favourite": True, "expert": "high",
}  # fmt: skip


@pytest.fixture
def one(library: LoRALibrary, root: Path) -> LoRALibrary:
    write_lora(root / "a.safetensors", metadata={"modelspec.description": "header", "author": "h"})
    library.refresh()
    return library


def shown(record: dict[str, Any]) -> dict[str, Any]:
    fields = {**record, **record["metadata"]}
    return {name: fields[name] for name in EVERYTHING}


def sidecar(root: Path, name: str = "a") -> Any:
    return json.loads((root / f"{name}.json").read_text(encoding="utf-8"))


def test_edits_are_shown_kept_and_written_beside_the_file(
    one: LoRALibrary, root: Path, settings: Settings
) -> None:
    before = hashlib.sha256((root / "a.safetensors").read_bytes()).digest()
    record = one.edit_lora_metadata("a", EVERYTHING)
    assert shown(record) == EVERYTHING
    assert record["preferred_strength"] == 0.8
    assert shown(LoRALibrary(settings).record("a")) == EVERYTHING
    assert sidecar(root) == {
        "description": "Bright signs",
        "sd version": "Wan2.2",
        "activation text": "neon, glow",
        "preferred weight": 0.8,
        "notes": "use low cfg",
    }
    assert hashlib.sha256((root / "a.safetensors").read_bytes()).digest() == before
    assert not list((root / ".staging").iterdir())


def test_edits_follow_rename_move_delete_and_undo(one: LoRALibrary, root: Path) -> None:
    one.edit_lora_metadata("a", EVERYTHING)
    one.rename_lora_file("a", "b")
    one.create_folder("sub")
    one.move_lora_file("b", "sub")
    one.delete_lora_file("b")
    write_lora(root / "sub" / "b.safetensors", seed=3)
    one.refresh()
    assert one.record("b")["edited"] == []
    one.rename_lora_file("b", "c")
    one.undo_delete("b")
    assert shown(one.record("b")) == EVERYTHING
    assert sidecar(root / "sub", "b")["notes"] == "use low cfg"


def test_the_user_goes_before_the_sidecar_before_the_header(one: LoRALibrary, root: Path) -> None:
    def description() -> str:
        one.refresh()
        return str(one.record("a")["metadata"]["description"])

    assert description() == "header"
    (root / "a.metadata.json").write_text('{"modelDescription": "manager", "favorite": true}')
    assert description() == "manager"
    assert one.record("a")["favourite"] is True
    one.edit_lora_metadata("a", {"description": "mine", "favourite": False})
    (root / "a.json").write_text('{"description": "another program"}')
    assert description() == "mine"
    assert one.record("a")["favourite"] is False
    one.edit_lora_metadata("a", {"description": None})
    assert description() == "another program"


def test_a_sidecar_keeps_its_other_keys(one: LoRALibrary, root: Path) -> None:
    (root / "a.json").write_text('{"negative text": "ugly", "x": [1], "description": "old"}')
    (root / "a.json").chmod(0o600)
    one.refresh()
    one.edit_lora_metadata("a", {"description": "new", "trigger_words": "zip, zap"})
    assert sidecar(root) == {
        "negative text": "ugly", "x": [1], "description": "new", "activation text": "zip, zap",
    }  # fmt: skip
    assert (root / "a.json").stat().st_mode & 0o777 == 0o600
    one.edit_lora_metadata("a", {"description": None, "trigger_words": None})
    assert sidecar(root) == {"negative text": "ugly", "x": [1]}


def test_a_sidecar_of_ours_goes_with_its_last_edit(one: LoRALibrary, root: Path) -> None:
    one.edit_lora_metadata("a", {"notes": "n"})
    assert sidecar(root) == {"notes": "n"}
    assert one.edit_lora_metadata("a", {"notes": None})["edited"] == []
    assert not (root / "a.json").exists()


CIVITAI = json.dumps({
    "name": "Dump", "tags": ["t"], "creator": {"username": "c"},
    "modelVersions": [{"name": "v2", "trainedWords": ["w"], "baseModel": "Wan", "id": 1}],
})  # fmt: skip


@pytest.mark.parametrize("content", ["{broken", "[]", "", "\x00" * 10, CIVITAI])
def test_a_sidecar_that_is_not_ours_to_write_is_left_alone(
    one: LoRALibrary, root: Path, content: str
) -> None:
    (root / "a.json").write_text(content)
    one.refresh()
    record = one.edit_lora_metadata("a", {"description": "mine"})
    assert (root / "a.json").read_text() == content
    assert record["metadata"]["description"] == "mine"
    assert record["status"] == "ok"
    assert bool(record["sidecar_problems"]) == (content != CIVITAI)


def test_a_civitai_dump_is_read(one: LoRALibrary, root: Path) -> None:
    (root / "a.json").write_text(CIVITAI)
    one.refresh()
    record = one.record("a")
    assert record["title"] == "Dump"
    assert record["metadata"]["trigger_words"] == ["w"]
    assert record["metadata"]["author"] == "c"


def test_a_linked_sidecar_is_read_and_never_written(
    one: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"description": "theirs"}')
    (root / "a.json").symlink_to(outside)
    one.refresh()
    assert one.record("a")["metadata"]["description"] == "theirs"
    edited = one.edit_lora_metadata("a", {"description": "mine"})
    assert edited["metadata"]["description"] == "mine"
    assert outside.read_text() == '{"description": "theirs"}'
    assert (root / "a.json").is_symlink()


def test_both_halves_of_a_pair_are_described(library: LoRALibrary, root: Path) -> None:
    add_pair(root)
    library.refresh()
    record = library.edit_lora_metadata("style", {"notes": "n", "preferred_strengths": 0.5})
    assert record["preferred_strengths"] == {"high": 0.5, "low": 0.5}
    for half in ("style_high_noise", "style_low_noise"):
        assert sidecar(root, half) == {"notes": "n", "preferred weight": 0.5}
    with pytest.raises(LoRAError, match="pair"):
        library.edit_lora_metadata("style", {"expert": "high"})


def test_an_edited_role_may_make_a_pair(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "x_high_noise.safetensors", seed=1)
    write_lora(root / "x_low_noise.safetensors", seed=2)
    library.refresh()
    library.set_role("x", "both")
    assert set(library.list_available_loras()) == {"x_high_noise", "x_low_noise"}
    library.edit_lora_metadata("x_high_noise", {"expert": "high"})
    assert library.edit_lora_metadata("x_low_noise", {"expert": None})["name"] == "x"


BAD: list[dict[str, Any]] = [
    {"nonsense": 1}, {"title": 5}, {"description": "x" * 5000}, {"tags": [1]}, {"tags": 7},
    {"trigger_words": ["w"] * 3 + [str(n) for n in range(60)]}, {"favourite": "yes"},
    {"preferred_strengths": "1"}, {"preferred_strengths": {"high": 1}},
    {"preferred_strengths": float("nan")}, {"preferred_strengths": 1e9}, {"expert": "middle"},
    {"preferred_strengths": True}, {"expert": []}, {"notes": "fine", "title": []},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD)
def test_bad_edits_are_refused_and_change_nothing(
    one: LoRALibrary, root: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(LoRAError) as caught:
        one.edit_lora_metadata("a", changes)
    assert caught.value.suggestions
    assert one.record("a")["edited"] == []
    assert not (root / "a.json").exists()
    with pytest.raises(LoRANotFoundError):
        one.edit_lora_metadata("zz", {})
