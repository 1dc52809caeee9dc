"""A watchdog learns when the library or the gallery cannot be listed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import write_lora
from tests.support.result_files import metadata, write_video
from utils import LoRAManager, ResultLibrary, ResultQuery, Settings, load_settings
from wan_lora_studio.lora.index.records import Prepared
from wan_lora_studio.lora.library import lookup as reading
from wan_lora_studio.lora.storage.catalog import NAME
from wan_lora_studio.ui.http.listing_checks import Listing


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(**folders)


@pytest.fixture
def listing(settings: Settings) -> Listing:
    return Listing(LoRAManager(settings), ResultLibrary(settings))


def test_all_is_well(listing: Listing, settings: Settings) -> None:
    assert listing.problems() == []
    write_lora(settings.loras_dir / "a.safetensors")
    (settings.loras_dir / "bad.safetensors").write_bytes(b"x")
    write_video(settings.outputs_dir, "a", metadata())
    assert listing.problems() == []


def test_the_outputs_folder_is_gone(settings: Settings) -> None:
    results = ResultLibrary(settings)
    listing = Listing(LoRAManager(settings), results)
    write_video(settings.outputs_dir, "a", metadata())
    assert results.find(ResultQuery()).total == 1
    shutil.move(settings.outputs_dir, settings.outputs_dir.with_name("elsewhere"))
    results.refresh()
    assert listing.problems() == ["The gallery cannot be listed. The outputs folder is not there."]
    shutil.move(settings.outputs_dir.with_name("elsewhere"), settings.outputs_dir)
    assert listing.problems() == []


def test_the_catalogue_lacks_a_table(listing: Listing, settings: Settings) -> None:
    write_lora(settings.loras_dir / "a.safetensors")
    with sqlite3.connect(settings.loras_dir / NAME) as db:
        db.execute("DROP TABLE edits")
    (problem,) = listing.problems()
    assert problem.startswith("The LoRA library cannot be listed.")


def test_a_large_library_is_not_listed_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = LoRAManager(settings)
    for number in range(9):
        write_lora(settings.loras_dir / f"a{number}.safetensors", seed=number)
    loras.refresh()
    built: list[str] = []
    real = reading.record_of

    def counted(prepared: Prepared, *more: Any) -> dict[str, Any]:
        built.append(prepared.entry.name)
        return real(prepared, *more)

    monkeypatch.setattr(reading, "record_of", counted)
    assert Listing(loras, ResultLibrary(settings)).problems() == []
    assert len(built) == 1
