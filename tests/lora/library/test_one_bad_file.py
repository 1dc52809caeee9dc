"""One bad file costs one card: the others are listed, also by a library that is opened anew."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import diffusion_pipe, musubi, write_lora, write_raw
from wan_lora_studio.errors import LoRAFileError, UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.catalog import Catalog
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings

DEEP = "[" * 3000 + "]" * 3000
LONG = "9" * 4300
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def with_metadata(**metadata: str) -> Callable[[Path], Any]:
    return lambda path: write_lora(
        path, musubi(), {k.replace("__", "."): v for k, v in metadata.items()}
    )


def with_header(text: str) -> Callable[[Path], Any]:
    return lambda path: write_raw(path, text, bytes(8))


# What writes the file, and the status that it gets.
FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "tags in brackets": (with_metadata(modelspec__tags=DEEP), "ok"),
    "tags in many brackets": (with_metadata(modelspec__tags="[" * 100_000), "ok"),
    "trigger words in brackets": (with_metadata(trigger_words=DEEP), "ok"),
    "frequencies in brackets": (with_metadata(ss_tag_frequency='{"a":' + DEEP + "}"), "ok"),
    "a long frequency": (with_metadata(ss_tag_frequency='{"a":{"b":' + LONG + "}}"), "ok"),
    "software in brackets": (with_metadata(software=DEEP), "ok"),
    "covers in brackets": (with_metadata(ssmd_cover_images=DEEP), "ok"),
    "a thumbnail of nothing": (
        with_metadata(modelspec__thumbnail="data:image/png;base64,AAAA"), "ok",
    ),
    "an adapter in brackets": (
        with_metadata(lora_adapter_metadata='{"a":' + DEEP + "}"), "unsupported",
    ),
    "a long alpha": (
        with_metadata(lora_adapter_metadata='{"transformer.lora_alpha": ' + LONG + "}"),
        "unsupported",
    ),
    "an alpha that is infinite": (
        with_metadata(lora_adapter_metadata='{"transformer.lora_alpha": 1e999}'), "unsupported",
    ),
    "a pattern that is a list": (
        with_metadata(lora_adapter_metadata='{"alpha_pattern": [1]}'), "unsupported",
    ),
    "a long number in a shape": (
        with_header('{"a":{"dtype":"F32","shape":[' + LONG + '],"data_offsets":[0,8]}}'), "corrupt",
    ),
    "long offsets": (
        with_header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,' + LONG + "]}}"), "corrupt",
    ),
    "a shape in brackets": (
        with_header('{"a":{"dtype":"F32","shape":' + DEEP + ',"data_offsets":[0,8]}}'), "corrupt",
    ),
    "half a character as a key": (with_header(json.dumps({"\ud800": ENTRY})), "unsupported"),
    "80,000 metadata keys": (
        with_header(json.dumps({"__metadata__": {f"k{i}": "" for i in range(80_000)}, "a": ENTRY})),
        "corrupt",
    ),
}  # fmt: skip

SIDECARS: dict[str, str] = {
    "brackets": DEEP,
    "brackets in brackets": '{"a":' * 5000,
    "an open section": json.dumps({"description": "<![foo["}),
    "sections": json.dumps({"description": "<![" * 1000, "modelDescription": "<![if x]>a"}),
    "a long number": '{"preferred weight": ' + LONG + "}",
    "an infinite number": '{"preferred weight": 1e999}',
    "half a character": '{"description": "\\ud800", "model": {"name": "\\udc00"}}',
    "tips in brackets": json.dumps({"usage_tips": DEEP}),
    "tips that are infinite": json.dumps({"usage_tips": '{"strength": 1e400}'}),
    "everything a list": json.dumps(
        {name: [[]] for name in ("model", "civitai", "tags", "trainedWords", "description")}
    ),
    "no text": "\0\1\2",
}  # fmt: skip
ENDINGS = (".json", ".metadata.json", ".civitai.info")


def listed(library: LoRALibrary) -> dict[str, dict[str, Any]]:
    """The records, after everything that goes over all LoRAs was asked."""
    library.finish_refresh(30)
    data = library.get_ui_display_data()
    json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    records = library.list_available_loras()
    assert [record["name"] for record in data["loras"]] == list(records)
    assert library.find_loras("")["total"] == len(records)
    library.find_loras("sound")
    library.find_duplicates()
    for name in records:
        library.thumbnail_file(name)
        library.explain_compatibility(name, "t2v-A14B")
    return records


@pytest.mark.parametrize("way", FILES)
def test_a_bad_file(way: str, settings: Settings, root: Path) -> None:
    write, status = FILES[way]
    write(root / "bad.safetensors")
    write_lora(root / "sound.safetensors", diffusion_pipe())
    for _ in range(2):  # the second one finds what the first one kept
        records = listed(LoRALibrary(settings))
        assert records["sound"]["status"] == "ok"
        assert records["bad"]["status"] == status
        assert len(records["bad"]["status_detail"]) < 500


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("way", SIDECARS)
def test_a_bad_text_beside_a_file(way: str, ending: str, settings: Settings, root: Path) -> None:
    write_lora(root / "bad.safetensors")
    (root / f"bad{ending}").write_text(SIDECARS[way])
    write_lora(root / "sound.safetensors", seed=1)
    for _ in range(2):
        records = listed(LoRALibrary(settings))
        assert {record["status"] for record in records.values()} == {"ok"}
        assert not records["sound"]["sidecar_problems"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", [DEEP, '{"a":' * 5000, '{"a": ' + LONG + "}", "\0\1\2"])
def test_a_text_that_cannot_be_read_is_not_taken_in(
    text: str, ending: str, settings: Settings, root: Path
) -> None:
    write_lora(root / "a.safetensors")
    handler = LoRAUploadHandler(settings)
    path = root.parent / "sent"
    path.write_text(text)
    with path.open("rb") as source, pytest.raises(UploadError, match="a description"):
        handler.add_sidecar("a", f"a{ending}", source)
    assert sorted(path.name for path in root.glob("a*")) == ["a.safetensors"]


def test_a_configuration_that_cannot_be_understood_is_not_taken_in(
    settings: Settings, root: Path
) -> None:
    handler = LoRAUploadHandler(settings)
    sent = write_lora(root.parent / "sent.safetensors").read_bytes()
    found = handler.process_uploads(
        {"own/model.safetensors": sent, "own/adapter_config.json": b'{"lora_alpha": {}}'}
    )
    assert [each["status"] for each in found] == ["stored", "refused"]
    assert handler.library.list_available_loras()[found[0]["name"]]["status"] == "ok"


def test_what_the_catalogue_holds_of_one_file_is_damaged(settings: Settings, root: Path) -> None:
    """Anything that is raised while a record is made breaks that record alone."""
    write_lora(root / "bad.safetensors", diffusion_pipe())
    write_lora(root / "sound.safetensors", musubi())
    library = LoRALibrary(settings)
    form = library.scanned("bad")["both"].form
    library.finish_refresh(30)
    with sqlite3.connect(Catalog(root).path) as db:
        db.execute("UPDATE forms SET form='{\"layers\": 5}' WHERE key=?", (form,))
    again = LoRALibrary(settings)
    records = listed(again)
    assert records["sound"]["status"] == "ok"
    assert records["bad"]["status"] == "corrupt"
    assert "cannot be read" in records["bad"]["status_detail"]
    assert not again.validate_lora_compatibility("bad", "t2v-A14B")
    with pytest.raises(LoRAFileError):
        again.info("bad")
