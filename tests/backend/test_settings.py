from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.settings import (
    PATH_FIELDS,
    SHIPPED_CONFIG,
    ModelEntry,
    Settings,
    load_settings,
)

ROOT = SHIPPED_CONFIG.parent
DOCUMENTED = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"WAN_LORA_{field.upper()}", raising=False)


def write(path: Path, **values: object) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_the_shipped_file_holds_every_setting() -> None:
    shipped = json.loads(SHIPPED_CONFIG.read_text(encoding="utf-8"))
    assert set(shipped) == set(Settings.model_fields)
    for row in shipped["models"].values():
        assert set(row) == set(ModelEntry.model_fields)
    assert load_settings().default_model == "demo"


@pytest.mark.parametrize("kind", [Settings, ModelEntry])
def test_every_setting_is_documented_in_its_own_words(kind: type[Settings | ModelEntry]) -> None:
    for name, field in kind.model_fields.items():
        row = re.search(rf"^\| `{name}` \|.*$", DOCUMENTED, re.MULTILINE)
        assert row, f"docs/settings.md has no row for {name}"
        assert str(field.description) in row.group(), f"docs/settings.md is outdated for {name}"


def test_nothing_else_is_documented() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", DOCUMENTED, re.MULTILINE))
    assert named == set(Settings.model_fields) | set(ModelEntry.model_fields)


def test_documented_defaults_are_the_shipped_ones() -> None:
    shipped = json.loads(SHIPPED_CONFIG.read_text(encoding="utf-8"))
    for name, value in shipped.items():
        if name != "models":
            assert f"| `{name}` | `{json.dumps(value)}` |" in DOCUMENTED


def test_paths_of_the_shipped_file_count_from_its_folder() -> None:
    assert load_settings().loras_dir == ROOT / "loras"


def test_a_file_needs_only_what_it_changes_and_its_paths_count_from_it(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path / "own.json", port=1234, loras_dir="mine"))
    assert (settings.port, settings.loras_dir) == (1234, tmp_path / "mine")
    assert settings.host == "127.0.0.1"


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path / "own.json", port=1, host="a", thumbnail_size=64)
    monkeypatch.setenv("WAN_LORA_PORT", "2")
    monkeypatch.setenv("WAN_LORA_HOST", "b")
    settings = load_settings(config, host="c", device=None)
    assert (settings.thumbnail_size, settings.port, settings.host) == (64, 2, "c")
    assert settings.device == "auto"


def test_paths_given_here_count_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAN_LORA_DATA_DIR", "state")
    settings = load_settings(outputs_dir="videos", models_dir=str(tmp_path / "m"))
    assert settings.data_dir == tmp_path / "state"
    assert settings.outputs_dir == tmp_path / "videos"
    assert settings.models_dir == tmp_path / "m"


@pytest.mark.parametrize("field", PATH_FIELDS)
def test_home_is_understood(field: str) -> None:
    assert getattr(load_settings(**{field: "~/x"}), field) == Path.home() / "x"


def test_a_user_adds_a_model_and_changes_one(tmp_path: Path) -> None:
    shipped = json.loads(SHIPPED_CONFIG.read_text(encoding="utf-8"))
    rows = {"mine": {**shipped["models"]["demo"], "title": "Mine"}, "demo": {"steps": 7}}
    settings = load_settings(write(tmp_path / "own.json", models=rows, default_model="mine"))
    assert settings.model("mine").title == "Mine"
    assert settings.model("demo").steps == 7
    assert settings.model("demo").width == 128
    assert "t2v-A14B" in settings.models


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    config = write(tmp_path / "own.json", port="many", colour="red", max_upload_mb=-1)
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    assert len(caught.value.context["problems"]) == 3
    for word in ("port", "colour", "max_upload_mb"):
        assert word in caught.value.message


def test_settings_must_agree_with_each_other() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(default_model="gone", strength_min=2.0, strength_max=1.0)
    assert "default_model" in caught.value.message and "strength_min" in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"own\.json"):
        load_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no settings file.*gone\.json"):
        load_settings(tmp_path / "gone.json")


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings().model("gone")
    assert "t2v-A14B" in caught.value.suggestions[0]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


def test_a_local_model_folder_counts_from_models_dir(tmp_path: Path) -> None:
    settings = load_settings(models_dir=tmp_path)
    assert settings.model_folder("demo") == tmp_path / "demo"
