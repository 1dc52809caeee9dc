"""Searching: fields, case and width, and the hashes by which other sites name files."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.loras.files import add_pair, write_lora
from wan_lora_studio.lora.files.hashing import Hashing, file_hashes
from wan_lora_studio.lora.index.search import FIELDS, folded
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings


@pytest.fixture
def said(library: LoRALibrary, root: Path) -> LoRALibrary:
    """One LoRA that says something in every field, and one that says nothing."""
    header = {
        "modelspec.title": "Header title",
        "modelspec.description": "described in the header",
        "modelspec.author": "header author",
        "modelspec.tags": "headertag, second",
        "modelspec.trigger_phrase": "headertrigger",
    }
    write_lora(root / "folder" / "named.safetensors", metadata=header)
    write_lora(root / "other.safetensors", seed=1)
    (root / "folder" / "named.json").write_text(json.dumps({"notes": "sidecar notes"}))
    library.refresh()
    return library


def names(library: LoRALibrary, text: str) -> list[str]:
    found: list[str] = library.find_loras(text)["names"]
    return found


@pytest.mark.parametrize(
    "text",
    ["named", "Header title", "folder/", "sidecar notes", "described", "header author",
     "HEADERTAG", "headertrigger", "second header notes"],
)  # fmt: skip
def test_every_field_is_looked_in(said: LoRALibrary, text: str) -> None:
    assert names(said, text) == ["named"]
    assert names(LoRALibrary(said.settings), text) == ["named"]


def test_what_an_edit_replaces_is_not_found_any_more(said: LoRALibrary) -> None:
    said.edit_lora_metadata("named", {"title": "Mine", "tags": ["ours"], "notes": "my note"})
    for text in ("mine", "ours", "my note"):
        assert names(said, text) == ["named"]
    for text in ("header title", "headertag", "sidecar notes"):
        assert names(said, text) == []


def test_case_width_and_form_do_not_count(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "Ｗａｎ Straße ﾊﾝｶｸ.safetensors")
    write_lora(root / "ΟΔΟΣ №5.safetensors", seed=1)
    library.refresh()
    for text in ("wan", "ＷＡＮ", "STRASSE", "straße", "ハンカク", "ﾊﾝｶｸ"):
        assert names(library, text) == ["Ｗａｎ Straße ﾊﾝｶｸ"], text
    for text in ("οδος", "ΟΔΟσ", "οδοσ no5", "№５"):
        assert names(library, text) == ["ΟΔΟΣ №5"], text


@pytest.mark.parametrize("text", ["", "plain", "ＡＢＣ", "Straße", "ΣΑΣ", "İı", "e\u0301ﬁ", "①"])
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_a_file_is_found_by_its_hashes(library: LoRALibrary, root: Path) -> None:
    path = write_lora(root / "a.safetensors")
    add_pair(root)
    library.refresh()
    content = path.read_bytes()
    whole = hashlib.sha256(content).hexdigest()
    start = 8 + int.from_bytes(content[:8], "little")
    data = hashlib.sha256(content[start:]).hexdigest()
    for again in (library, LoRALibrary(library.settings)):
        for text in (whole, whole.upper(), whole[:8], whole[:10], data[:12], data[:12].upper()):
            assert names(again, text) == ["a"], text
        assert names(again, whole[:7]) == []
        assert names(again, whole[1:]) == []
        assert names(again, f"a {whole[:10]}") == ["a"]
    low = library.sha256("style")["low"]
    assert names(library, low[:10]) == ["style"]


def test_an_uploaded_file_is_found_by_its_hashes(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    source = write_lora(tmp_path / "source", seed=5)
    library.upload_lora_file(source, "b.safetensors")
    found = file_hashes(source)
    assert names(library, found.whole) == names(library, found.data[:12]) == ["b"]


def test_the_hash_that_a_header_states_is_found(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", metadata={"sshs_model_hash": "ABCDEF" * 10 + "0123"})
    write_lora(root / "b.safetensors", metadata={"sshs_model_hash": "no hash at all"}, seed=1)
    library.refresh()
    assert names(library, "abcdefabcdef") == ["a"]
    assert names(library, "no hash at all") == []


def test_hashing_in_pieces_is_hashing_at_once(tmp_path: Path) -> None:
    content = write_lora(tmp_path / "a").read_bytes()
    for size in (1, 3, 8, 9, 1000):
        digest = Hashing()
        for start in range(0, len(content), size):
            digest.update(content[start : start + size])
        assert digest.hashes == file_hashes(tmp_path / "a")
    short = Hashing()
    short.update(b"\xff" * 20)  # a header longer than any file
    assert short.hashes.data == hashlib.sha256().hexdigest()


def test_a_catalogue_of_an_older_version_is_searched(said: LoRALibrary, settings: Settings) -> None:
    with closing(sqlite3.connect(settings.loras_dir / ".catalog.sqlite")) as db, db:
        db.execute("UPDATE files SET said=NULL")
    assert names(LoRALibrary(settings), "header author") == ["named"]


def test_the_page_is_told_the_fields(said: LoRALibrary) -> None:
    data = said.get_ui_display_data()
    assert data["search"]["fields"] == list(FIELDS)
    record = next(record for record in data["loras"] if record["name"] == "named")
    assert len(record["hashes"]) == 2
