"""Rules of Windows and macOS that the source keeps: what they lack is asked for before it is used,
text has its encoding, files are opened by number in one way."""

from __future__ import annotations

import ast
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from wan_lora_studio.jobs.worker import process
from wan_lora_studio.ui.command_line import main
from wan_lora_studio.ui.http import file_manager

SOURCES = sorted(
    path
    for folder in ("wan_lora_studio", "lora_ui", "scripts")
    for path in (ROOT / folder).rglob("*.py")
) + [ROOT / name for name in ("app.py", "utils.py", "start.py")]
# Modules and names that Windows has not. They may be used behind `hasattr`, `getattr` or a test
# of the system, which the places below are.
POSIX_MODULES = {"fcntl", "grp", "posix", "pwd", "resource", "termios", "tty"}
POSIX_NAMES = {
    "os": {
        *("fork", "forkpty", "getuid", "geteuid", "getgid", "setsid", "killpg", "mkfifo", "chown"),
        *("statvfs", "fchmod", "posix_fadvise", "sched_getaffinity", "getpgid", "wait3", "nice"),
        *("O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "uname", "getloadavg", "sysconf"),
    },
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "alarm", "pause"},
    "time": {"tzset", "pthread_getcpuclockid"},
    "socket": {"AF_UNIX"},
}
GUARDED = {
    "wan_lora_studio/filesystem.py": {"os.O_DIRECTORY", "os.geteuid"},
    "wan_lora_studio/lora/storage/staging_area.py": {"os.fchmod"},
    "wan_lora_studio/lora/storage/cross_device.py": {"os.posix_fadvise"},
    "wan_lora_studio/scanning/clamd.py": {"socket.AF_UNIX"},
    "scripts/chromium.py": {"os.geteuid"},
}
GUARDED_MODULES = {"wan_lora_studio/sandbox/jail.py"}
OPENS_BY_NUMBER = {"READ", "READ_NO_LINK", "CREATE"}


TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in SOURCES
}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def imported(tree: ast.AST) -> set[str]:
    plain = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    taken = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {alias.name for node in plain for alias in node.names} | {
        str(node.module) for node in taken
    }


def taken_of_modules(tree: ast.AST) -> set[str]:
    """`os.fork` and the like, of the modules in the table."""
    return {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in POSIX_NAMES.get(node.value.id, ())
    }


def test_what_windows_lacks_is_asked_for_first() -> None:
    found = {name for name, tree in TREES.items() if imported(tree) & POSIX_MODULES}
    assert found == GUARDED_MODULES
    used = {name: taken_of_modules(tree) for name, tree in TREES.items()}
    assert {name: names for name, names in used.items() if names} == GUARDED


def test_text_is_read_and_written_as_utf_8() -> None:
    """Windows takes another encoding where none is named."""
    nameless = [
        f"{name}: {ast.unparse(call)}"
        for name, tree in TREES.items()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("read_text", "write_text")
        and not any(keyword.arg == "encoding" for keyword in call.keywords)
    ]
    assert nameless == []


def test_a_file_is_opened_by_number_in_binary() -> None:
    flags = {
        ast.unparse(call.args[1])
        for name, tree in TREES.items()
        for call in calls(tree)
        if ast.unparse(call.func) == "os.open" and name != "wan_lora_studio/filesystem.py"
    }
    assert flags == OPENS_BY_NUMBER | {"flags"}


def test_files_are_moved_in_the_one_way_that_waits() -> None:
    past = [
        f"{name}: {ast.unparse(call)}"
        for name, tree in TREES.items()
        for call in calls(tree)
        if name.startswith("wan_lora_studio/") and name != "wan_lora_studio/filesystem.py"
        if ast.unparse(call.func) in ("os.rename", "os.replace")
        or (
            isinstance(call.func, ast.Attribute)
            and call.func.attr in ("rename", "replace")
            and len(call.args) == 1
            and not call.keywords
        )
    ]
    assert past == []


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252"])
def test_a_console_that_is_not_utf_8_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    with pytest.raises(SystemExit):
        main(["--version"])
    print("motion → 日本 · 12 ✓")
    sys.stdout.flush()
    assert written.getvalue().startswith(b"Wan2.2 LoRA Studio")
    assert b"\\u65e5" in written.getvalue()


def test_a_program_without_a_console_ends_as_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0


def test_the_words_of_an_error_reach_any_console(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "app.py"), "--config", str(tmp_path / "日本.json")]
    answer = subprocess.run(
        [*command, "restore"],
        env={"PYTHONIOENCODING": "ascii:strict", "PATH": "", "SYSTEMROOT": ""},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 1
    assert b"There is no settings file" in answer.stderr
    assert b"\\u65e5\\u672c.json" in answer.stderr


def test_a_worker_that_was_ended_is_told_apart_where_there_is_one_way_to_end_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "KILL", signal.SIGTERM)
    assert "did not stop in time" in process._reason(-signal.SIGTERM, True)
    assert "exit code 3221225477" in process._reason(3221225477, False), "an access violation"


def test_explorer_is_given_a_path_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    path = Path("C:/My videos/a b.mp4")
    assert file_manager._command(path) == f'explorer /select,"{path}"'


def test_finder_is_asked_on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert file_manager._command(Path("/a b.mp4")) == ["open", "-R", "/a b.mp4"]
