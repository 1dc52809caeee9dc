"""Libraries as eight tools keep them: all is listed, and nothing is orphaned by any change.

The ordinary run takes fewer steps; TREE_STEPS=1000 takes that many:

    TREE_STEPS=1000 python -m pytest tests/lora/library/test_tool_trees.py
"""

from __future__ import annotations

import os
import random
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.loras.files import tiny_model
from tests.support.loras.tool_trees import HUB, LINKED, Kept, found_in, write_trees
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings, load_settings

STEPS = int(os.environ.get("TREE_STEPS", "250"))
PACKAGE = "matrix/Packages/ComfyUI/models/loras"  # a link into the shared folder
ENDINGS = ("", " v1.2", " (2)", ".epoch10", "_é", " 風", "-Straße")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """In memory where there is such a disk: every change waits for it."""
    memory = Path("/dev/shm")
    folder = (memory if memory.is_dir() else tmp_path) / f"trees-{os.getpid()}-{tmp_path.name}"
    tiny_model(folder / "models")
    try:
        yield load_settings(
            loras_dir=folder / "loras", models_dir=folder / "models", thumbnail_size=32
        )
    finally:
        shutil.rmtree(folder)


@dataclass
class Model:
    """What there is: LoRAs by name, those in the trash, and files that are nobody's."""

    items: dict[str, Kept]
    others: Mapping[str, str]
    trash: list[tuple[str, Kept]] = field(default_factory=list)

    def files(self) -> dict[str, str]:
        found = dict(self.others)
        for item in self.items.values():
            found |= item.paths
        return found


def begin(root: Path) -> Model:
    items = write_trees(root)
    own = {path for item in items.values() for path in item.paths}
    others = {path: sha for path, sha in found_in(root).items() if path not in own}
    return Model(items, others)


def test_every_lora_of_every_tool_is_listed(library: LoRALibrary, root: Path) -> None:
    model = begin(root)
    library.refresh()
    records = library.list_available_loras()
    assert records.keys() == model.items.keys()
    assert {record["status"] for record in records.values()} == {"ok"}
    assert not any(record["read_only"] for record in records.values())
    notes = library.get_ui_display_data()["notes"]
    assert [note["path"] for note in notes] == [PACKAGE]


def test_nothing_is_orphaned_by_many_changes(library: LoRALibrary, root: Path) -> None:
    model = begin(root)
    library.refresh()
    random_ = random.Random(20)
    folders = ["", "new", *sorted({item.folder for item in model.items.values()})]
    library.create_folder("new")
    counts = dict.fromkeys(("rename", "move", "delete", "undo"), 0)
    for step in range(STEPS):
        counts[change(library, model, random_, folders, step)] += 1
        assert found_in(root) == model.files(), step
    assert set(library.list_available_loras()) == model.items.keys()
    assert min(counts.values()) > STEPS // 20
    assert (root / PACKAGE).readlink() == Path("../../../Models/Lora")
    for name in list(model.items):
        library.delete_lora_file(name)
    assert found_in(root) == model.others
    while library.list_trash():
        library.undo_delete(library.list_trash()[0]["name"])
    back = [*model.trash, *model.items.items()]
    kept = {path for _, item in back for path in item.paths}
    assert found_in(root).keys() == kept | model.others.keys()


def change(
    library: LoRALibrary, model: Model, random_: random.Random, folders: list[str], step: int
) -> str:
    """One change of the library and of the model; which it was."""
    act = random_.choice(("rename", "rename", "move", "move", "delete", "undo"))
    if act == "undo" and model.trash:
        name, item = model.trash.pop()
        library.undo_delete(name)
        model.items[name] = item
        return act
    name = random_.choice(sorted(model.items))
    item = model.items[name]
    if act == "delete" and len(model.items) > 15:
        library.delete_lora_file(name)
        model.trash.append((name, model.items.pop(name)))
        return act
    if act == "move":
        folder = random_.choice([each for each in folders if each != item.folder])
        library.move_lora_file(name, folder)
        model.items[name] = replace(item, folder=folder)
        return act
    new = f"name {step}{random_.choice(ENDINGS)}"
    given = unicodedata.normalize(random_.choice(("NFC", "NFD")), new)
    library.rename_lora_file(name, given)
    del model.items[name]
    model.items[new] = replace(item, stem=new)
    return "rename"


def test_a_linked_tree_shows_and_is_never_changed(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    model = begin(elsewhere)
    (root / "all").symlink_to(elsewhere, target_is_directory=True)
    library.refresh()
    assert library.list_available_loras().keys() == model.items.keys()
    before = found_in(elsewhere)
    for name in model.items:
        with pytest.raises(LoRAError, match="linked folder all"):
            library.delete_lora_file(name)
        with pytest.raises(LoRAError, match="linked folder all"):
            library.rename_lora_file(name, "x")
        with pytest.raises(LoRAError, match="linked folder all"):
            library.move_lora_file(name, "")
    assert found_in(elsewhere) == before


def test_each_tree_is_listed_as_an_extra_folder(settings: Settings, tmp_path: Path) -> None:
    model = begin(tmp_path / "trees")
    for tree in sorted((tmp_path / "trees").iterdir()):
        wanted = {name for name, item in model.items.items() if item.folder.startswith(tree.name)}
        given = {"loras_dir": settings.loras_dir, "models_dir": settings.models_dir}
        library = LoRALibrary(load_settings(**given, extra_lora_dirs=[tree]))
        assert library.list_available_loras().keys() == wanted, tree.name
    assert HUB.startswith("hub/")
    assert LINKED.keys() < model.items.keys()
