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
from wan_lora_studio.lora.index.near_words import edits_to_start, near
from wan_lora_studio.lora.index.search import CALLED, FIELDS
from wan_lora_studio.lora.index.search_language import Term, folded, models_named, terms_of
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
    assert data["search"]["called"] == list(CALLED)
    record = next(record for record in data["loras"] if record["name"] == "named")
    assert len(record["hashes"]) == 2


@pytest.fixture
def many(library: LoRALibrary, root: Path) -> LoRALibrary:
    """Two for the demo model, one for another, one that is broken."""
    write_lora(root / "golden_hour.safetensors", metadata={"modelspec.tags": "light, warm light"})
    write_lora(root / "watercolour.safetensors", metadata={"modelspec.tags": "style"}, seed=1)
    (root / "golden_broken.safetensors").write_bytes(b"no file of tensors")
    library.refresh()
    return library


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("One two", [Term("one"), Term("two")]),
        ('"low noise" x', [Term("low noise", phrase=True), Term("x")]),
        ('"not closed', [Term("not closed", phrase=True)]),
        ("-blur -", [Term("blur", without=True)]),
        ("tag: fits: hash: tag:\"\"", []),
        ('tag:"warm light" -tag:style', [
            Term("warm light", "tag", phrase=True), Term("style", "tag", without=True),
        ]),
        ("FITS:Demo hash:3FA9", [Term("demo", "fits"), Term("3fa9", "hash")]),
        ("wan-low other:x", [Term("wan-low"), Term("other:x")]),
    ],
)  # fmt: skip
def test_a_search_is_read_as_terms(text: str, terms: list[Term]) -> None:
    assert terms_of(text) == terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("golden", ["golden_broken", "golden_hour"]),
        ("golden -hour", ["golden_broken"]),
        ("-golden", ["watercolour"]),
        ("tag:light", ["golden_hour"]),
        ("tag:ligh", ["golden_hour"]),
        ("tag:ight", []),
        ('tag:"warm light"', ["golden_hour"]),
        ("-tag:style", ["golden_broken", "golden_hour"]),
        ('"golden hour"', []),
        ("goldenhour", ["golden_hour"]),
        ("golden-hour", ["golden_hour"]),
    ],
)
def test_terms_narrow_what_is_found(many: LoRALibrary, text: str, found: list[str]) -> None:
    assert sorted(names(many, text)) == found


def test_a_few_digits_of_a_hash_are_enough_where_a_hash_is_meant(many: LoRALibrary) -> None:
    whole = many.sha256("golden_hour")["both"]
    assert "golden_hour" in names(many, f"hash:{whole[:3]}")
    assert names(many, f"hash:{whole}") == ["golden_hour"]
    assert names(many, "hash:golden") == []
    assert "golden_hour" not in names(many, f"-hash:{whole[:3]}")


def test_fits_asks_for_models(library: LoRALibrary, root: Path, many: LoRALibrary) -> None:
    model = many.settings.default_model
    fitting = [
        name
        for name in ("golden_hour", "watercolour")
        if many.explain_compatibility(name, model).verdict in ("fits", "partly")
    ]
    assert sorted(names(many, "fits:yes")) == sorted(names(many, f"fits:{model}")) == fitting
    assert set(names(many, "-fits:yes")) == {"golden_hour", "watercolour", "golden_broken"} - set(
        fitting
    )
    assert "golden_broken" in names(many, "fits:no")
    assert names(many, "fits:nosuchmodel") == []


def test_a_model_is_named_by_a_part_of_its_name_or_title() -> None:
    titles = {"t2v-A14B": "Wan2.2 T2V (text)", "demo": "Demo (built in)"}
    assert models_named("14b", titles) == ["t2v-A14B"]
    assert models_named("t2va14b", titles) == ["t2v-A14B"]
    assert models_named("wan2.2", titles) == ["t2v-A14B"]
    assert models_named("builtin)", titles) == ["demo"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("goldn", ["golden_broken", "golden_hour"]),
        ("godlen", ["golden_broken", "golden_hour"]),
        ("goldenn", ["golden_broken", "golden_hour"]),
        ("waterc0lor", ["watercolour"]),
        ("wtaercol", ["watercolour"]),
        ("golden-huor", ["golden_hour"]),
        ("goldn hour", ["golden_hour"]),
        ("hxu", []),
        ("gxldxn", []),
        ("-goldn", ["golden_broken", "golden_hour", "watercolour"]),
        ('"goldn"', []),
    ],
)
def test_a_typo_is_forgiven(many: LoRALibrary, text: str, found: list[str]) -> None:
    assert sorted(names(many, text)) == found


def test_a_word_that_some_lora_has_is_no_typo(many: LoRALibrary, root: Path) -> None:
    write_lora(root / "goldfish.safetensors", seed=7)
    write_lora(root / "goldfist.safetensors", seed=8)
    many.refresh()
    assert names(many, "goldfish") == ["goldfish"]
    assert names(many, "goldfisx") == ["goldfish", "goldfist"]


@pytest.mark.parametrize(
    ("word", "other", "edits"),
    [("gold", "golden", 0), ("godl", "golden", 1), ("gxld", "golden", 1), ("olden", "golden", 1),
     ("goolden", "golden", 1), ("abcd", "golden", 3), ("golden", "gold", 2)],
)  # fmt: skip
def test_edits_are_counted_to_the_nearest_beginning(word: str, other: str, edits: int) -> None:
    assert edits_to_start(word, other) == edits


def test_only_the_nearest_words_are_meant() -> None:
    assert near("lightnig", ["lightning", "lightnigx", "lighting", "night"]) == ["lightnigx"]
    assert near("lightnng", ["lightning", "lighting"]) == ["lighting", "lightning"]
    assert near("1234", ["1235"]) == []
