"""The whole library against a plain model, by hypothesis: any order of any operations.

The ordinary run takes a few short walks. LIBRARY_STEPS=10000 takes that many steps:

    LIBRARY_STEPS=10000 python -m pytest tests/lora/library/test_model.py
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.crash.library_model import (
    COLOURS,
    Item,
    Operation,
    World,
    perform,
)
from tests.crash.library_observed import litter, observed
from tests.support.loras.files import tiny_model
from wan_lora_studio.errors import LoRAError, LoRANotFoundError, StudioError, UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings

STEPS_AT_ONCE = 40
MEMORY = Path("/dev/shm")
FOLDERS = ("", "one", "two/deep")
names = st.sampled_from([f"lora {letter}" for letter in "abcde"])
folders = st.sampled_from(FOLDERS)
texts = st.text(max_size=20)


class LibraryMachine(RuleBasedStateMachine):
    """Two instances on one folder, of which any may do the next operation."""

    def __init__(self) -> None:
        super().__init__()
        where = MEMORY if MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="library-model-", dir=where))
        tiny_model(self.folder / "models")
        self.other = Path(tempfile.mkdtemp(prefix="library-model-"))  # another disk, if may be
        self.settings = load_settings(
            loras_dir=self.folder / "loras",
            models_dir=self.folder / "models",
            thumbnail_size=32,
            extra_lora_dirs=[{"path": str(self.other), "writable": True}],
        )
        self.root = self.settings.loras_dir
        self.world = World()
        self.libraries = [LoRALibrary(self.settings), LoRALibrary(self.settings)]
        self.seed = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)
        shutil.rmtree(self.other)

    @initialize()
    def begin(self) -> None:
        for folder in FOLDERS[1:]:
            self.libraries[0].create_folder(folder)
        self.do("add", "lora a", "1000001")
        self.do("pair", "lora b", "1000002")

    @property
    def library(self) -> LoRALibrary:
        """The instances take turns, so that each works on what the other did."""
        self.libraries.reverse()
        return self.libraries[0]

    def one(self, data: st.DataObject) -> str:
        """The name of a LoRA that is there."""
        return data.draw(st.sampled_from(sorted(self.world.items)))

    def do(self, *operation: str) -> None:
        perform(self.library, operation)
        self.world = self.world.after(operation)

    def refused(self, error: type[Exception], *operation: str) -> None:
        with pytest.raises(error):
            perform(self.library, operation)

    @rule(name=names, act=st.sampled_from(["add", "bundle", "pair"]))
    def add(self, name: str, act: str) -> None:
        self.seed += 1
        operation: Operation = (act, name, str(self.seed))
        here = self.world.items.get(name)
        if here is None:
            self.do(*operation)
        elif act != "pair" or (len(here.halves) > 1 and not here.folder):
            # Halves may be named after another LoRA, and after a pair in another folder.
            self.refused(UploadError, *operation)

    @precondition(lambda self: self.world.items)
    @rule(name=names, data=st.data())
    def add_what_is_there(self, name: str, data: st.DataObject) -> None:
        path = next(iter(self.library.files(self.one(data)).values()))
        with pytest.raises(UploadError):
            self.library.upload_lora_file(path, f"{name}.safetensors")

    @rule(name=names)
    def another_program_puts_one_into_the_folder_outside(self, name: str) -> None:
        self.seed += 1
        if name not in self.world.items:
            self.do("found", name, str(self.seed))

    @precondition(lambda self: self.world.items)
    @rule(data=st.data(), suffix=st.sampled_from([".txt", ".webp"]))
    def add_beside(self, data: st.DataObject, suffix: str) -> None:
        name = self.one(data)
        item = self.world.items[name]
        taken = f"{item.halves[0]}{suffix}" in item.files
        if taken or suffix == ".webp":  # what is no picture is refused
            self.refused(StudioError, "beside", name, suffix, "text")
        else:
            self.do("beside", name, suffix, "text")

    @rule(name=names, act=st.sampled_from(["rename", "delete", "undo", "move", "edit"]))
    def ask_for_what_is_not_there(self, name: str, act: str) -> None:
        rest = {"rename": ("new",), "move": ("one",), "edit": ("{}",)}.get(act, ())
        there = (
            self.world.restorable(name) is not None if act == "undo" else name in self.world.items
        )
        if not there:
            self.refused(LoRANotFoundError, act, name, *rest)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data(), new=names)
    def rename(self, data: st.DataObject, new: str) -> None:
        old = self.one(data)
        if new in self.world.items and new != old:
            self.refused(LoRAError, "rename", old, new)
        else:
            self.do("rename", old, new)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.do("delete", self.one(data))

    @precondition(lambda self: self.world.trash)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([item.name for item in self.world.trash]))
        place = self.world.restorable(name)
        assert place is not None
        gone = self.world.trash[place]
        here = self.world.items.get(gone.stem or name)
        if gone.stem:
            self.undo_picture(gone, here)
        elif here is None:
            self.do("undo", name)
        elif (here.folder, here.halves) == (gone.folder, gone.halves):
            self.refused(LoRAError, "undo", name)  # restoring never overwrites

    def undo_picture(self, gone: Item, beside: Item | None) -> None:
        """Not where its LoRA is gone: the picture would then be there alone."""
        if beside is None or beside.folder != gone.folder or beside.halves != gone.halves:
            return
        if beside.preview in beside.files:
            self.refused(LoRAError, "undo", gone.name)
        else:
            self.do("undo", gone.name)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data(), colour=st.sampled_from(COLOURS))
    def choose_picture(self, data: st.DataObject, colour: str) -> None:
        self.do("picture", self.one(data), colour)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data())
    def take_picture_back(self, data: st.DataObject) -> None:
        self.do("unpicture", self.one(data))

    @precondition(lambda self: self.world.items)
    @rule(data=st.data(), folder=folders)
    def move(self, data: st.DataObject, folder: str) -> None:
        self.do("move", self.one(data), folder)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data(), description=texts, favourite=st.booleans())
    def edit(self, data: st.DataObject, description: str, favourite: bool) -> None:
        text = "".join(char for char in description if char.isprintable()).strip()
        edits = {"description": text, "favourite": favourite}
        self.do("edit", self.one(data), json.dumps(edits))

    @precondition(lambda self: self.world.items)
    @rule(data=st.data(), suffix=st.sampled_from([".txt", ".preview.png", ".mp4"]), text=texts)
    def another_program_adds_a_sidecar(self, data: st.DataObject, suffix: str, text: str) -> None:
        self.do("sidecar", self.one(data), suffix, text)

    @precondition(lambda self: self.world.items)
    @rule(data=st.data())
    def use(self, data: st.DataObject) -> None:
        self.do("use", self.one(data))

    @rule()
    def restart(self) -> None:
        self.libraries = [LoRALibrary(self.settings), LoRALibrary(self.settings)]

    @precondition(lambda self: len(self.world.trash) > 2)
    @rule()
    def empty_trash(self) -> None:
        assert self.library.empty_trash() == len(self.world.trash)
        self.world = World(self.world.items)

    @invariant()
    def is_what_the_model_says(self) -> None:
        assert observed(self.root, self.other) == self.world.plain()
        assert litter(self.root, self.other) == []
        for library in self.libraries:
            records = library.list_available_loras()
            assert set(records) == set(self.world.items)
            assert {record["status"] for record in records.values()} <= {"ok"}


def test_the_library_does_what_the_model_says() -> None:
    steps = int(os.environ.get("LIBRARY_STEPS", "0"))
    profile = settings(
        max_examples=steps // STEPS_AT_ONCE or 10,
        stateful_step_count=STEPS_AT_ONCE if steps else 25,
        derandomize=not steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(LibraryMachine, settings=profile)
