from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wan_lora_studio.errors import SettingsError
from wan_lora_studio.settings import (
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
        if "like" in row:
            assert set(row) <= {"like", *ModelEntry.model_fields}
        else:
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


def test_a_row_is_like_another_with_what_a_user_changed_in_that(tmp_path: Path) -> None:
    rows = {
        "t2v-A14B": {"steps": 7, "path": "/mine"},
        "own": {"like": "t2v-A14B-q5", "title": "Own", "weights": {"transformer": "x.gguf"}},
    }
    settings = load_settings(write(tmp_path / "own.json", models=rows), models_dir=tmp_path)
    own, plain = settings.model("own"), settings.model("t2v-A14B")
    assert own == plain.model_copy(update={"title": "Own", "weights": {"transformer": "x.gguf"}})
    assert (own.steps, own.path) == (7, "/mine")
    assert settings.model("t2v-A14B-q5").path == "/mine"
    assert set(settings.weight_files("t2v-A14B-q5")) == {"transformer", "transformer_2"}


def test_a_row_may_be_like_one_that_is_given_as_it_is(tmp_path: Path) -> None:
    row = load_settings().model("t2v-A14B").model_copy(update={"steps": 7})
    settings = load_settings(models={"t2v-A14B": row})
    assert settings.model("t2v-A14B") == row
    assert settings.model("t2v-A14B-q5").steps == 7


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({"a": {"like": "gone"}}, "a is to be like 'gone', which is no row"),
        ({"a": {"like": ["demo"]}}, "which is no row"),
        ({"a": {"like": "b"}, "b": {"like": "a"}}, "which is like it in turn"),
        ({"a": {"like": "a"}}, "which is like it in turn"),
        ({"demo": {"lik": "t2v-A14B"}}, "did you mean like?"),
    ],
)
def test_a_row_that_is_like_nothing_is_told(
    tmp_path: Path, rows: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path / "own.json", models=rows, port="many"))
    assert why in caught.value.message
    assert "port:" in caught.value.message


def test_each_expert_of_a_ready_row_has_its_own_file() -> None:
    settings = load_settings()
    for name, row in settings.models.items():
        sources = row.weight_sources
        if not sources:
            continue
        assert set(sources) == {"transformer", "transformer_2"}, name
        high, low = (sources[part].path.lower() for part in ("transformer", "transformer_2"))
        assert high != low
        assert high.replace("high", "low") == low
        assert name.split("-")[0] in high  # t2v or i2v


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    config = write(tmp_path / "own.json", port="many", colour="red", max_upload_mb=-1)
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    assert len(caught.value.context["problems"]) == 3
    for word in ("port", "colour", "max_upload_mb"):
        assert word in caught.value.message


def test_a_bad_default_is_told_beside_other_bad_settings(tmp_path: Path) -> None:
    config = write(
        tmp_path / "own.json",
        port="many",
        default_model="gone",
        strength_min=3,
        loras_dir="one",
        outputs_dir="one",
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    said = caught.value.message
    for word in ("port:", "default_model: 'gone'", "strength_min:", "outputs_dir: must be another"):
        assert said.count(word) == 1, (word, said)


@pytest.mark.parametrize(
    "name", ["WAN_LORA_PROT", "WAN_LORA_ports", "wan_lora_port", "WANLORA_PORT"]
)
def test_a_misspelt_variable_is_told_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "8000")
    with pytest.raises(SettingsError) as caught:
        load_settings(port=99_999)
    (variable,) = [each for each in caught.value.context["problems"] if each.startswith(name)]
    assert "did you mean WAN_LORA_PORT?" in variable
    assert len(caught.value.context["problems"]) == 2


def test_the_variable_of_the_login_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAN_LORA_LOGIN", "a:b")
    assert load_settings().port == 7860


def test_a_misspelt_key_is_told_with_the_nearest(tmp_path: Path) -> None:
    rows = {"demo": {"stepz": 3}}
    config = write(tmp_path / "own.json", lora_dir="x", models=rows)
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    assert "did you mean loras_dir?" in caught.value.message
    assert "did you mean steps?" in caught.value.message


BAD_VALUES: list[tuple[str, object]] = [
    ("trash_days", 1e9),
    ("trash_days", float("1e308")),
    ("picture_days", 1e12),
    ("max_upload_mb", 1e308),
    ("trash_mb", 1e300),
    ("lora_cache_mb", 1e30),
    ("log_file_mb", 1e300),
    ("disk_reserve_mb", 1e300),
    ("cancel_grace_seconds", 1e300),
    ("host", "a\0b"),
    *((field, value) for field in PATH_FIELDS for value in ("", "  ", "a\0b", "~nosuchuser/x")),
]


@pytest.mark.parametrize(("field", "value"), BAD_VALUES)
def test_a_value_that_would_end_in_a_traceback_is_told_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    config = write(tmp_path / "own.json", port="many", **{field: value})
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    fields = [problem.partition(":")[0] for problem in caught.value.context["problems"]]
    assert sorted(fields) == sorted([field, "port"])
    with pytest.raises(SettingsError, match=field):
        load_settings(**{field: value})
    if isinstance(value, str) and "\0" not in value:
        monkeypatch.setenv(f"WAN_LORA_{field.upper()}", value)
        with pytest.raises(SettingsError, match=field):
            load_settings()


@pytest.mark.parametrize("value", ["~nosuchuser/x", "a\0b", ""])
def test_bad_paths_within_lists_and_models_are_told(tmp_path: Path, value: str) -> None:
    rows = {"demo": {"path": value}}
    config = write(tmp_path / "own.json", extra_lora_dirs=[value, {"path": value}], models=rows)
    with pytest.raises(SettingsError) as caught:
        load_settings(config, extra_model_paths=[value])
    assert len(caught.value.context["problems"]) == 4


@pytest.mark.parametrize(
    "text",
    [
        '{"port": ' + "9" * 5000 + "}",
        '{"port": 1e' + "9" * 50 + "}",
        '{"port": NaN}',
        "[" * 100_000,
        '{"models": ' * 100_000,
        '{"port": 1, "port": 2',
    ],
)
def test_hostile_text_in_a_file_or_a_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"own\.json"):
        load_settings(path)
    monkeypatch.setenv("WAN_LORA_MODELS", text)
    with pytest.raises(SettingsError, match="models"):
        load_settings()


def test_a_mark_at_the_start_of_a_file_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"port": 1234}')
    assert load_settings(path).port == 1234


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text('{"port": 1}', encoding="utf-16")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(path)


def test_a_path_that_can_be_none_is_named() -> None:
    with pytest.raises(SettingsError):
        load_settings("a\0b")


@pytest.mark.parametrize(
    ("folders", "wrong"),
    [
        ({"loras_dir": "x", "outputs_dir": "x"}, "outputs_dir: must be another folder than"),
        ({"loras_dir": "x", "data_dir": "y/../x"}, "data_dir: must be another folder than"),
        ({"outputs_dir": "x", "data_dir": "x/"}, "data_dir: must be another folder than"),
        ({"data_dir": "x/data", "loras_dir": "x"}, "data_dir: must not lie in loras_dir"),
        ({"outputs_dir": "d/pictures", "data_dir": "d"}, "must not lie in pictures of data_dir"),
        ({"loras_dir": "d/inputs/loras", "data_dir": "d"}, "must not lie in inputs of data_dir"),
    ],
)
def test_folders_that_would_harm_each_other_are_refused(
    tmp_path: Path, folders: dict[str, str], wrong: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**{name: f"{tmp_path}/{place}" for name, place in folders.items()})
    assert wrong in caught.value.message


def test_one_folder_under_two_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(SettingsError, match="another folder"):
        load_settings(loras_dir=tmp_path / "real", outputs_dir=tmp_path / "link")


def test_folders_within_the_data_folder_and_beside_each_other_are_fine(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("loras_dir", "outputs_dir", "models_dir")}
    assert load_settings(**folders, data_dir=tmp_path).outputs_dir == tmp_path / "outputs_dir"
    load_settings(loras_dir=tmp_path / "models" / "loras", models_dir=tmp_path / "models")


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
