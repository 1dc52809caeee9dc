"""What the app wrote beside a LoRA, after another program has moved its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, write_lora
from tests.support.loras.pictures import GREEN, looks_like, picture, thumbnail
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings


def visible(root: Path) -> set[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name for name in found if not name.startswith(".")}


@pytest.fixture
def edited(library: LoRALibrary, root: Path, tmp_path: Path) -> LoRALibrary:
    """A LoRA `a` with edits and a chosen picture, and a text and a picture of others."""
    write_lora(root / "a.safetensors")
    (root / "a.txt").write_text("ink")
    picture(root / "a.png", (1, 2, 3))
    library.edit_lora_metadata("a", {"description": "mine", "preferred_strengths": 0.7})
    library.set_thumbnail("a", picture(tmp_path / "chosen.png", GREEN))
    return library


@pytest.mark.parametrize("target", ["b.safetensors", "deep/er/a.safetensors", "deep/b.safetensors"])
def test_ours_follows_and_that_of_others_stays(
    edited: LoRALibrary, root: Path, target: str
) -> None:
    (root / target).parent.mkdir(parents=True, exist_ok=True)
    (root / "a.safetensors").rename(root / target)
    edited.refresh()
    stem = target.removesuffix(".safetensors")
    assert visible(root) == {target, f"{stem}.json", f"{stem}.preview.png", "a.txt", "a.png"}
    (record,) = edited.list_available_loras().values()
    assert record["metadata"]["description"] == "mine"
    assert looks_like(thumbnail(edited, record["name"]), GREEN)
    edited.edit_lora_metadata(record["name"], {"description": None, "preferred_strengths": None})
    assert not (root / f"{stem}.json").exists()


def test_it_follows_over_a_restart(edited: LoRALibrary, root: Path, settings: Settings) -> None:
    (root / "a.safetensors").rename(root / "b.safetensors")
    LoRALibrary(settings).refresh()
    assert {"b.json", "b.preview.png"} <= visible(root)


def test_nothing_that_is_there_is_replaced(edited: LoRALibrary, root: Path) -> None:
    (root / "b.json").write_text('{"theirs": 1}')
    (root / "a.safetensors").rename(root / "b.safetensors")
    edited.refresh()
    assert json.loads((root / "b.json").read_text()) == {"theirs": 1}
    assert {"a.json", "b.preview.png"} <= visible(root)
    assert edited.record("b")["metadata"]["description"] == "mine"


def test_a_copy_takes_nothing_away(edited: LoRALibrary, root: Path) -> None:
    (root / "b.safetensors").write_bytes((root / "a.safetensors").read_bytes())
    edited.refresh()
    assert {"a.json", "a.preview.png"} <= visible(root)
    assert "b.json" not in visible(root)


def test_a_description_that_is_not_ours_stays(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    (root / "a.json").write_text('{"description": "theirs"}')
    library.edit_lora_metadata("a", {"tags": "ink"})
    (root / "a.safetensors").rename(root / "b.safetensors")
    library.refresh()
    assert visible(root) == {"b.safetensors", "a.json"}


def test_both_halves_of_a_pair_bring_theirs(library: LoRALibrary, root: Path) -> None:
    add_pair(root)
    library.edit_lora_metadata("style", {"notes": "mine"})
    for path in list(root.glob("style*.safetensors")):
        path.rename(path.with_name(path.name.replace("style", "other")))
    library.refresh()
    assert visible(root) == {
        f"other_{word}_noise.{end}" for word in ("high", "low") for end in ("safetensors", "json")
    }
