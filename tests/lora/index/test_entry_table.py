"""The entry table: a change in some folders gives what a look at everything gives."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.index.entries import make_entries
from wan_lora_studio.lora.index.entry_table import EntryTable
from wan_lora_studio.lora.index.scanner import ScannedFile
from wan_lora_studio.lora.index.walk import Stamp, by_folder
from wan_lora_studio.lora.inspection.inspector import inspect_lora
from wan_lora_studio.lora.inspection.role_evidence import NO_EVIDENCE, find_role
from wan_lora_studio.lora.inspection.role_words import name_role
from wan_lora_studio.lora.names import composed, name_key
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.storage.pairings import HandPairs
from wan_lora_studio.lora.storage.scan_cache import FormStore

STEMS = (
    "style", "style_high_noise", "style_low_noise", "Style-HIGH", "style_LOW v2", "style-e40-high",
    "style-e60-low", "lora", "model", "high", "low", "adapter", "ink h", "ink l", "ink", "wash",
    "walk 2", "style (a)", "style 2", "STYLE",
)  # fmt: skip
FOLDERS = (
    "", "a", "b", "A2", "HIGH", "LOW", "set/HIGH", "set/LOW", "set HIGH", "set LOW", "set",
    "HIGH/e40", "LOW/e60", "x/high_noise/deep", "x/low_noise/deep", "/else/where", "/else/high",
    "/else/low",
)  # fmt: skip


class Files:
    """Files that are there, as a scan finds them, and what a user has said of them."""

    def __init__(self, forms: FormStore, form: str, random_: random.Random) -> None:
        self.forms, self.form, self.random = forms, form, random_
        self.files: dict[str, ScannedFile] = {}
        self.roles: dict[str, Role] = {}
        self.together: set[tuple[str, str]] = set()
        self.apart: set[tuple[str, str]] = set()

    @property
    def by_hand(self) -> HandPairs:
        return HandPairs(tuple(sorted(self.together)), frozenset(self.apart))

    def step(self) -> set[str]:
        """One change; the folders in which it happened."""
        act = self.random.choice(["add", "add", "add", "remove", "rename", "role", "pair"])
        paths = sorted(self.files)
        if act == "add" or len(paths) < 2:
            return self.add()
        one, other = self.random.sample(paths, 2)
        if act == "pair":
            pairs = self.random.choice([self.together, self.apart])
            pairs.symmetric_difference_update({(one, other)})
            return {folder_of(one), folder_of(other)}
        if act == "role":
            self.roles[one] = self.random.choice(["both", "high", "low"])
            return {folder_of(one)}
        del self.files[one]
        return {folder_of(one), *(self.add() if act == "rename" else ())}

    def add(self) -> set[str]:
        folder, stem = self.random.choice(FOLDERS), self.random.choice(STEMS)
        path = f"{folder}/{stem}.safetensors" if folder else f"{stem}.safetensors"
        broken = LoRAFileError("It is broken.") if self.random.random() < 0.05 else None
        self.files[path] = ScannedFile(
            path, Stamp(1, 1, 1), self.forms, None if broken else self.form, "", broken, None,
            find_role(set(), {}, path), self.random.choice(["", "", "", "m"]),
            name_role(composed(stem)), stem, "",
        )  # fmt: skip
        return {folder}


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


@pytest.mark.parametrize("seed", range(12))
def test_any_change_gives_what_a_look_at_everything_gives(tmp_path: Path, seed: int) -> None:
    form = inspect_lora(write_lora(tmp_path / "one.safetensors")).form
    forms = FormStore(Catalog(tmp_path))
    forms.hold(form)
    files, table, parts = Files(forms, form.key, random.Random(seed)), EntryTable(), 0
    for _ in range(150):
        folders = files.step()
        before = table.entries
        found = table.renew(
            folders, files.files, by_folder(files.files), files.roles, files.by_hand
        )
        expected = make_entries(files.files.values(), files.roles, files.by_hand)
        assert list(table.entries.items()) == list(expected.items())
        if not found.whole:
            parts += 1
            kept = {name: entry for name, entry in before.items() if name not in found.gone}
            assert {**kept, **found.new} == expected
        for name, entry in expected.items():
            assert all(table.with_file(file.path) == name for file in entry.files.values())
            assert table.named_like(name_key(name)) == name
    assert parts > 10, "it was always everything that was looked at"


def test_what_lies_elsewhere_is_not_made_again(tmp_path: Path) -> None:
    form = inspect_lora(write_lora(tmp_path / "one.safetensors")).form
    forms = FormStore(Catalog(tmp_path))
    forms.hold(form)
    files = Files(forms, form.key, random.Random(1))
    for number in range(40):
        path = f"set{number:02}/ink {number}.safetensors"
        files.files[path] = ScannedFile(
            path, Stamp(1, 1, 1), forms, form.key, "", None, None, NO_EVIDENCE, "", None, "", ""
        )
    table = EntryTable()
    table.fill(files.files.values(), {}, HandPairs())
    before = dict(table.entries)
    files.files["set07/new.safetensors"] = replace(
        files.files["set07/ink 7.safetensors"], path="set07/new.safetensors"
    )
    found = table.renew({"set07"}, files.files, by_folder(files.files), {}, HandPairs())
    assert (set(found.new), found.gone, found.whole) == ({"new"}, frozenset(), False)
    assert all(table.entries[name] is entry for name, entry in before.items())
