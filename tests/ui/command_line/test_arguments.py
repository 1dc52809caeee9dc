"""The command line: arguments, exit codes and words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import app
from tests.support.loras.files import write_lora
from tests.support.paths import ROOT
from tests.support.result_files import metadata, write_video
from utils import (
    Copies,
    Documents,
    GenerationError,
    GenerationResult,
    GenerationTask,
    LoRAManager,
    SettingsError,
    load_settings,
)
from wan_lora_studio.jobs.supervisor.instances import Instances
from wan_lora_studio.ui.command_line.arguments import (
    build_parser,
    parse_lora_argument,
    read_login,
    settings_overrides,
)
from wan_lora_studio.ui.command_line.generate import place_result, wanted_task
from wan_lora_studio.ui.forms.likeness import from_video

TASK = GenerationTask(model_type="demo", prompt="a fox", seed=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("style", ("style", None)),
        ("style=0.8", ("style", 0.8)),
        ("style=-1", ("style", -1.0)),
        ("a=b=0.5", ("a=b", 0.5)),
        ("motion=high:1.0,low:0.4", ("motion", {"high": 1.0, "low": 0.4})),
        ("motion=1;0.5", ("motion", {"high": 1.0, "low": 0.5})),
        ("motion=1,-0.5", ("motion", [[0.0, 1.0], [0.5, -0.5]])),
        ("motion=low:0.4", ("motion", {"low": 0.4})),
    ],
)
def test_a_lora_with_its_strength(text: str, expected: tuple[str, Any]) -> None:
    assert parse_lora_argument(text) == expected


@pytest.mark.parametrize(
    "text",
    ["=1", "a=", "a=x", "a=1 2", "a=1;2;3", "a=1,x", "a=high:1,high:2", "a=mid:1", "a=high:"],
)
def test_a_wrong_strength_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        app.main(["generate", "--prompt", "x", "--lora", text])
    assert caught.value.code == 2
    assert "--lora" in capsys.readouterr().err


def test_settings_may_stand_before_or_after_the_command() -> None:
    parser = build_parser("1")
    for arguments in (
        ["--model", "ti2v-5B", "generate", "--prompt", "x"],
        ["generate", "--prompt", "x", "--model", "ti2v-5B"],
    ):
        overrides = settings_overrides(parser.parse_args(arguments))
        assert overrides["default_model"] == "ti2v-5B"


def test_an_unknown_model_ends_with_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["--model", "nothing", "--no-browser"]) == 1
    error = capsys.readouterr().err
    assert "nothing" in error
    assert "  - " in error
    assert "Traceback" not in error


def test_a_wrong_task_ends_with_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "outputs", "data")]
    code = app.main(["generate", "--prompt", "x", "--width", "130", "--frames", "5", *folders])
    assert code == 1
    assert "width" in capsys.readouterr().err


def test_an_unknown_lora_ends_with_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "outputs", "data")]
    assert app.main(["generate", "--prompt", "x", "--lora", "gone=1", *folders]) == 1
    assert "gone" in capsys.readouterr().err


def test_a_file_that_exists_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "mine.mp4"
    video.write_bytes(b"mine")
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "outputs", "data")]
    assert app.main(["generate", "--prompt", "x", "--out", str(video), *folders]) == 1
    assert "mine.mp4" in capsys.readouterr().err
    assert video.read_bytes() == b"mine"


def result_in(folder: Path) -> GenerationResult:
    folder.mkdir()
    for suffix in (".mp4", ".json", ".jpg"):
        (folder / f"made{suffix}").write_text(suffix)
    return GenerationResult(
        video_path=str(folder / "made.mp4"),
        poster_path=str(folder / "made.jpg"),
        task=TASK,
        frames_shape=(1, 8, 8, 3),
        timings={},
        loras={},
        warnings=[],
    )


def test_the_result_goes_where_it_was_asked_for(tmp_path: Path) -> None:
    video = place_result(result_in(tmp_path / "outputs"), tmp_path / "new" / "fox.mp4")
    assert video == tmp_path / "new" / "fox.mp4"
    assert sorted(path.name for path in video.parent.iterdir()) == [
        "fox.jpg",
        "fox.json",
        "fox.mp4",
    ]
    assert list((tmp_path / "outputs").iterdir()) == []


def test_a_folder_takes_the_result_under_its_own_name(tmp_path: Path) -> None:
    assert place_result(result_in(tmp_path / "outputs"), tmp_path / "here") == (
        tmp_path / "here" / "made.mp4"
    )


def test_placing_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "fox.json").write_text("mine")
    result = result_in(tmp_path / "outputs")
    with pytest.raises(GenerationError, match=r"fox\.json"):
        place_result(result, tmp_path / "fox.mp4")
    assert (tmp_path / "fox.json").read_text() == "mine"
    assert Path(result.video_path).is_file()


def test_a_login_file_holds_user_and_password(tmp_path: Path) -> None:
    path = tmp_path / "login"
    for text in ("ann:se:cret", "\n ann:se:cret \r\n\n", "\ufeffann:se:cret\n"):
        path.write_text(text)
        path.chmod(0o600)
        assert read_login(path) == ("ann", "se:cret")
    with pytest.raises(SettingsError, match="missing"):
        read_login(tmp_path / "missing")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b" \n\t\r\n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"nothing", "line 1 has no colon"),
        (b"\n\nann\n", "line 3 has no colon"),
        (b"ann:", "line 1 has no password"),
        (b"ann: \n", "line 1 has no password"),
        (b":secret", "line 1 has no user"),
        (b"ann:se\0cret", "line 1 holds a character"),
        (b"ann:secret\nbob:secret\n", "line 2 is one too many"),
        (b"ann:\xff\xfe", "not UTF-8"),
    ],
)
def test_a_login_that_is_none_is_an_error(data: bytes, why: str, tmp_path: Path) -> None:
    """Never a start without a login."""
    path = tmp_path / "login"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=why) as caught:
        read_login(path)
    assert "user:password" in caught.value.suggestions[0]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_login_that_others_may_read_is_an_error(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "login"
    path.write_text("ann:secret")
    path.chmod(mode)
    with pytest.raises(SettingsError, match="Others on this computer"):
        read_login(path)


@pytest.mark.parametrize("value", ["", " ", "ann", "ann:"])
def test_neither_is_one_in_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAN_LORA_LOGIN", value)
    with pytest.raises(SettingsError, match="WAN_LORA_LOGIN holds no login"):
        read_login(None)
    monkeypatch.setenv("WAN_LORA_LOGIN", "ann:secret")
    assert read_login(None) == ("ann", "secret")
    monkeypatch.delenv("WAN_LORA_LOGIN")
    assert read_login(None) is None


def test_help_explains_and_loads_nothing_heavy() -> None:
    script = "import sys, app\ntry:\n app.main(['--help'])\nexcept SystemExit:\n pass\n"
    script += "print([name for name in ('torch', 'gradio') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--loras-dir" in done.stdout
    assert "generate" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_video_is_made_again_with_what_is_not_given(tmp_path: Path) -> None:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    settings = load_settings(**folders)
    write_lora(settings.loras_dir / "neon.safetensors")
    loras = LoRAManager(settings)
    reports = {"neon": {"sha256": loras.sha256("neon")["both"]}, "gone": {"sha256": "b" * 64}}
    loras.rename_lora_file("neon", "glow")
    chosen = {"neon": {"high": 0.7, "low": 0.2}, "gone": 1.0}
    video = write_video(tmp_path, "old", metadata(reports, selected_loras=chosen, seed=9))
    like = from_video(video, settings, loras)
    assert like.selected_loras == {"glow": {"high": 0.7, "low": 0.2}}
    assert like.fields["seed"] == 9
    assert len(like.notes) == 1 and "gone" in like.notes[0] and "b" * 64 in like.notes[0]


def test_a_file_without_settings_cannot_be_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--data-dir", str(tmp_path), "--loras-dir", str(tmp_path / "loras")]
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    for name in ("x.mp4", "gone.mp4"):
        assert app.main(["generate", "--like", str(tmp_path / name), *folder]) == 1
    assert capsys.readouterr().err.count("Error: ") == 2
    with pytest.raises(SystemExit) as caught:
        app.main(["generate", *folder])
    assert caught.value.code == 2
    assert "--prompt" in capsys.readouterr().err


def test_loras_of_the_prompt_are_selected_and_other_notation_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "outputs", "data", "models")]
    write_lora(tmp_path / "loras" / "golden_hour.safetensors")
    prompt = "a {red|blue} fox <lora:golden_hour:0.8>"
    arguments = build_parser("1").parse_args(["generate", "--prompt", prompt, *folders])
    settings = load_settings(**settings_overrides(arguments))
    task = wanted_task(arguments, settings, LoRAManager(settings))
    assert (task.prompt, task.selected_loras) == ("a {red|blue} fox", {"golden_hour": 0.8})
    assert app.main(["generate", "--prompt", prompt, *folders]) == 1  # there is no model
    told = capsys.readouterr().err
    assert told.count("{red|blue} goes to the model as written") == 1
    assert app.main(["generate", "--prompt", "a fox <lora:golden_hou:0.8>", *folders]) == 1
    assert "Did you mean 'golden_hour'?" in capsys.readouterr().err


def test_a_copy_is_listed_and_brought_back_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("loras", "outputs", "data")]
    assert app.main(["restore", *folders]) == 0
    assert "no copies yet" in capsys.readouterr().out
    settings = load_settings(data_dir=tmp_path / "data", loras_dir=tmp_path / "loras")
    documents = Documents(settings.data_dir / "sets.sqlite")
    documents.put("mine", 1)
    documents.close()
    Copies(settings).make()
    (settings.data_dir / "sets.sqlite").write_bytes(b"no database " * 400)
    Documents(settings.data_dir / "sets.sqlite").close()
    assert app.main(["restore", *folders]) == 0
    told = capsys.readouterr().out
    assert "restore sets" in told and "sets.damaged-" in told
    assert app.main(["restore", "sets", *folders]) == 0
    assert "is kept as" in capsys.readouterr().out
    assert Documents(settings.data_dir / "sets.sqlite").get("mine") == 1
    assert app.main(["restore", "queue", *folders]) == 1
    assert "no copy of 'queue'" in capsys.readouterr().err


def test_nothing_is_restored_under_a_running_app(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Instances(tmp_path / "data" / "instances")
    running.join()
    assert app.main(["restore", "sets", f"--data-dir={tmp_path / 'data'}"]) == 1
    assert "Close the app" in capsys.readouterr().err
    running.leave()
