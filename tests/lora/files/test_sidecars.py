"""Descriptions beside a LoRA, as the tools write them and as people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import write_lora
from wan_lora_studio.lora.description import join_words, split_words
from wan_lora_studio.lora.library.library import LoRALibrary

LONG = "A woman walks along the beach at sunset, waves roll in, cinematic, 35mm film."


def record_with(library: LoRALibrary, root: Path, **files: Any) -> dict[str, Any]:
    """The record of `a`, with each file beside it: its text, its bytes or its JSON."""
    write_lora(root / "a.safetensors")
    for ending, content in files.items():
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        data = data if isinstance(data, bytes) else data.encode()
        (root / f"a{ending}").write_bytes(data)
    return library.record("a")


def test_stability_matrix(library: LoRALibrary, root: Path) -> None:
    written = {
        "ModelId": 1, "ModelName": "Ink", "ModelDescription": "<p>Ink &amp; wash</p>",
        "Nsfw": False, "Tags": ["style", "ink"], "ModelType": "LORA", "VersionId": 2,
        "VersionName": "v2", "VersionDescription": "", "BaseModel": "Wan Video 2.2 T2V-A14B",
        "FileMetadata": {"fp": None}, "Hashes": {"SHA256": "00"}, "TrainedWords": ["ink wash"],
        "UserTitle": None,
    }  # fmt: skip
    record = record_with(library, root, **{".cm-info.json": written})
    assert record["title"] == "Ink"
    assert record["sidecar_problems"] == record["sidecar_notes"] == []
    said = record["metadata"]
    assert said["description"] == "Ink & wash"
    assert said["tags"] == ["style", "ink"]
    assert said["trigger_words"] == ["ink wash"]
    assert (said["version"], said["base_model"]) == ("v2", "Wan Video 2.2 T2V-A14B")


def test_swarm(library: LoRALibrary, root: Path) -> None:
    written = {
        "modelspec.title": "Ink", "modelspec.author": "somebody", "modelspec.description": "Wash",
        "modelspec.architecture": "wan-2_2/lora", "modelspec.usage_hint": "0.8 is enough",
        "modelspec.trigger_phrase": "ink wash, brush", "modelspec.tags": ["style"],
        "modelspec.lora_default_weight": "0.8", "modelspec.standard_width": 960,
        "modelspec.is_negative_embedding": False, "modelspec.license": None,
    }  # fmt: skip
    record = record_with(library, root, **{".swarm.json": written})
    assert (record["title"], record["preferred_strength"]) == ("Ink", 0.8)
    assert record["metadata"]["trigger_words"] == ["ink wash", "brush"]
    assert record["metadata"]["author"] == "somebody"
    assert record["notes"] == "0.8 is enough"
    assert record["sidecar_notes"] == []  # a text is what this tool writes for a number


def test_rgthree(library: LoRALibrary, root: Path) -> None:
    written = {
        "file": "a.safetensors", "name": "Ink", "baseModel": "Wan Video", "userNote": "for brushes",
        "trainedWords": [
            {"word": "ink wash", "civitai": True},
            {"word": "1girl", "count": 40, "metadata": True},
        ],
        "strengthMin": 0.4, "strengthMax": 1.2,
    }  # fmt: skip
    record = record_with(library, root, **{".safetensors.rgthree-info.json": written})
    assert (record["title"], record["notes"]) == ("Ink", "for brushes")
    assert record["metadata"]["trigger_words"] == ["ink wash"]
    assert record["strength_range"] == [0.4, 1.2]


def test_webuis_negative_text(library: LoRALibrary, root: Path) -> None:
    written = {
        "description": "d", "sd version": "Unknown", "activation text": "ink",
        "preferred weight": 0, "negative text": "photo, blurry", "notes": "n",
    }  # fmt: skip
    record = record_with(library, root, **{".json": written})
    assert record["metadata"]["negative_prompt"] == "photo, blurry"
    assert record["metadata"]["base_model"] == ""
    assert record["preferred_strength"] is None


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("ink wash, brush", "trigger_words", ["ink wash", "brush"]),
        ('"red hair, blue eyes", ink', "trigger_words", ["red hair, blue eyes", "ink"]),
        ("Trigger words: ink wash, brush\n", "trigger_words", ["ink wash", "brush"]),
        (LONG, "description", LONG),
        ("", "trigger_words", []),
    ],
)
def test_a_plain_text(library: LoRALibrary, root: Path, text: str, field: str, value: Any) -> None:
    assert record_with(library, root, **{".txt": text})["metadata"][field] == value


def test_a_text_with_labels(library: LoRALibrary, root: Path) -> None:
    text = f"Trigger: ink\nStrength: 0.7\nNegative prompt: photo\n{LONG}"
    record = record_with(library, root, **{".txt": text, ".description.txt": "Brushes."})
    assert record["preferred_strength"] == 0.7
    said = record["metadata"]
    assert said["trigger_words"] == ["ink"]
    assert said["negative_prompt"] == "photo"
    assert said["description"] == "Brushes."
    assert said["usage_hint"] == LONG


def test_values_of_another_type_are_read_with_a_note(library: LoRALibrary, root: Path) -> None:
    written = {
        "activation text": ["ink", "brush"],
        "preferred weight": "0,8",
        "notes": ["one", "two"],
        "sd version": 2.2,
    }
    record = record_with(library, root, **{".json": written})
    assert record["preferred_strength"] == 0.8
    assert record["metadata"]["trigger_words"] == ["ink", "brush"]
    assert record["notes"] == "one\ntwo"
    assert record["metadata"]["base_model"] == "2.2"
    assert record["sidecar_notes"] == [
        "a.json: notes is a list where a text belongs",
        "a.json: activation text is a list where a text belongs",
        "a.json: preferred weight is a text where a number belongs",
    ]


def test_lists_as_texts_are_read_with_a_note(library: LoRALibrary, root: Path) -> None:
    written = {
        "model_name": "Ink",
        "tags": "style, ink",
        "civitai": {"trainedWords": '"ink, wash", brush'},
        "usage_tips": {"strength": "0.6"},
        "favorite": "true",
    }
    record = record_with(library, root, **{".metadata.json": written})
    assert record["metadata"]["tags"] == ["style", "ink"]
    assert record["metadata"]["trigger_words"] == ["ink, wash", "brush"]
    assert (record["preferred_strength"], record["favourite"]) == (0.6, True)
    assert len(record["sidecar_notes"]) == 4


def test_what_means_nothing_is_left_out_with_a_note(library: LoRALibrary, root: Path) -> None:
    written = {"preferred weight": "strong", "activation text": {"a": 1}, "notes": True}
    record = record_with(library, root, **{".json": written})
    assert record["preferred_strength"] is None
    assert record["metadata"]["trigger_words"] == []
    assert len(record["sidecar_notes"]) == 3
    assert "a.json: preferred weight is left out: 'strong' is no number" in record["sidecar_notes"]


@pytest.mark.parametrize(
    "weight", [10**400, 1e308, float("nan"), -101, "9" * 400, [], [1, 2], True]
)
def test_no_number_is_too_strange(library: LoRALibrary, root: Path, weight: Any) -> None:
    record = record_with(library, root, **{".json": {"preferred weight": weight, "notes": "kept"}})
    assert record["preferred_strength"] is None
    assert record["status"] == "ok"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_description_in_another_encoding(library: LoRALibrary, root: Path, encoding: str) -> None:
    text = json.dumps({"activation text": "水墨", "notes": "强度一点"}, ensure_ascii=False)
    record = record_with(library, root, **{".json": text.encode(encoding)})
    assert record["metadata"]["trigger_words"] == ["水墨"]
    assert record["notes"] == "强度一点"
    assert bool(record["sidecar_notes"]) == (encoding != "utf-8-sig")


def test_latin_1_and_names_in_capitals(library: LoRALibrary, root: Path) -> None:
    record = record_with(library, root, **{".TXT": "café, Größe".encode("latin-1")})
    assert record["metadata"]["trigger_words"] == ["café", "Größe"]
    assert record["sidecar_notes"] == ["a.TXT: was read as Latin-1"]


def test_binary_and_broken_ones_are_named(library: LoRALibrary, root: Path) -> None:
    files = {".txt": b"\x00\x01\x02\x03", ".json": "{", ".cm-info.json": "[1]"}
    record = record_with(library, root, **files)
    assert [text.split(" ")[0] for text in record["sidecar_problems"]] == [
        "a.json", "a.cm-info.json", "a.txt"
    ]  # fmt: skip
    assert record["status"] == "ok"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a, b;c\nd", ("a", "b", "c", "d")),
        ('"red, blue", c', ("red, blue", "c")),
        ("“red, blue”, c", ("red, blue", "c")),
        ('5" heels, 6" boots', ('5" heels', '6" boots')),
        ('"never closed, b', ('"never closed', "b")),
        ('["a, b", "c"]', ("a, b", "c")),
        ("['a, b', 'it''s']", ("a, b", "'it''s'")),
        ("[a, b]", ("a", "b")),
        ("don't, it's", ("don't", "it's")),
    ],
)
def test_words_of_a_line(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


def test_words_with_commas_are_written_so_that_they_are_read_again(
    library: LoRALibrary, root: Path
) -> None:
    words = ("red, blue", "plain", "a;b")
    assert split_words(join_words(words)) == words
    record_with(library, root, **{".json": {"activation text": '"red, blue", ink', "extra": 1}})
    library.edit_lora_metadata("a", {"trigger_words": '"red, blue", ink, brush'})
    assert library.record("a")["metadata"]["trigger_words"] == ["red, blue", "ink", "brush"]
    written = json.loads((root / "a.json").read_text())
    assert written == {"activation text": '"red, blue", ink, brush', "extra": 1}


def test_a_link_is_read_to_a_text_of_its_own_kind_and_to_nothing_else(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    for name in ("shared.txt", "blobs/0123abc", "secret", "secret.conf"):
        target = tmp_path / "elsewhere" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"Words of {target.name}, put there by somebody.")
        (root / "a.txt").unlink(missing_ok=True)
        (root / "a.txt").symlink_to(target)
        library.refresh()
        record = library.record("a")
        read = target.name in ("shared.txt", "0123abc")
        assert ("put there by somebody" in json.dumps(record)) == read, name
        assert ("link to a file of another kind" in str(record["sidecar_problems"])) != read
