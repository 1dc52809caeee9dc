"""A megabyte is one number wherever a size is shown, set or compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lora_ui.panels import page_options
from tests.support.loras.files import write_lora
from tests.support.paths import ROOT
from utils import LoRAManager
from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.storage.staged_file import StagedFile
from wan_lora_studio.session.state import LoRAUIState
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.units import MB

OTHER_NUMBERS = re.compile(
    r"^(const )?MI?B\b.*=|_mb\b.*(1024|2 ?\*\* ?20|<< ?20|1e6)|(1024|<< 20|1e6)[^\n]*_mb\b"
    r"|>> ?20|1048576",
    re.MULTILINE,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data", "models")}
    return load_settings(**folders, max_upload_mb=8)


def test_the_page_counts_as_the_server_does() -> None:
    script = (ROOT / "lora_ui" / "assets" / "kit" / "format.js").read_text(encoding="utf-8")
    assert re.findall(r"MB = (\d+);", script) == [str(MB)]


def test_it_is_defined_once_in_each_language() -> None:
    sources = [
        path
        for folder in ("wan_lora_studio", "lora_ui")
        for ending in ("py", "js")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    own = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sources
        if path.name not in ("units.py", "format.js")
        and (found := OTHER_NUMBERS.search(path.read_text(encoding="utf-8")))
    ]
    assert len(sources) > 200
    assert own == []


def test_a_record_and_its_trash_and_its_cost_have_the_same_unit(settings: Settings) -> None:
    size = write_lora(settings.loras_dir / "style.safetensors").stat().st_size
    loras = LoRAManager(settings)
    assert loras.record("style")["size_mb"] == round(size / 1e6, 3)
    tensors = loras.record("style")["tensor_bytes"]
    cost = loras.estimate_memory_impact(["style"], model_type="demo")
    assert cost["file_mb"] == pytest.approx(tensors / 1e6, abs=0.001)
    state = LoRAUIState(loras, "demo")
    state.update_selection("style", 1.0)
    summary = state.get_selection_summary()
    assert summary["total_memory_impact"] == pytest.approx(cost["total_mb"])
    loras.delete_lora_file("style")
    assert LoRALibrary(settings).list_trash()[0]["size_mb"] == round(size / 1e6, 3)


def test_the_page_and_the_server_refuse_the_same_sizes(settings: Settings) -> None:
    limit = page_options(settings)["maxUploadBytes"]
    assert limit == 8_000_000
    settings.loras_dir.mkdir()
    StagedFile(settings, "a.safetensors", 8_000_000).abort()
    with pytest.raises(UploadError, match="larger than 8 MB"):
        StagedFile(settings, "a.safetensors", 8_000_001)
