"""The launchers: what they need, where they find it, and how they pass on what they are given."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from scripts import environment, page_check
from scripts.environment import torch_build
from tests.support.paths import ROOT

LAUNCHERS = ("interpreters", "environment", "chromium", "page_check", "checks")
APP = """
import os, sys
print(os.getcwd(), *sys.argv[1:], sep="|")
sys.exit(7)
"""


def files() -> list[Path]:
    return [ROOT / "start.py", *(ROOT / "scripts" / f"{name}.py" for name in LAUNCHERS)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The launchers with an app of a few lines, and an environment that has this one's packages."""
    root = tmp_path / "a check out"
    (root / "scripts").mkdir(parents=True)
    for path in [*files(), ROOT / "scripts" / "__init__.py", ROOT / "scripts" / "with-python"]:
        shutil.copy(path, root / path.relative_to(ROOT))
    for name in ("start", "test"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts" / name)
    (root / "app.py").write_text(APP, encoding="utf-8")
    (root / "requirements.txt").write_text("torch==2.13.0\n", encoding="utf-8")
    venv.create(root / ".venv")
    variables = {"base": str(root / ".venv"), "platbase": str(root / ".venv")}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=variables))
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return root


def installed(checkout: Path, contents: str = "torch==2.13.0\n") -> None:
    (checkout / ".venv" / ".installed-requirements.txt").write_text(contents, encoding="utf-8")


def run(
    command: list[str | Path], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_a_launcher_imports_the_standard_library_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in named} - sys.stdlib_module_names
    assert foreign <= {"scripts"}


@pytest.mark.parametrize("name", ["start.py", "scripts/__init__.py", "scripts/interpreters.py"])
def test_an_older_python_can_read_what_looks_for_a_newer_one(name: str) -> None:
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_app_runs_where_the_user_is_and_gets_the_arguments(
    checkout: Path, tmp_path: Path
) -> None:
    installed(checkout)
    answer = run([sys.executable, checkout / "start.py", "generate", "--prompt", "a b"], tmp_path)
    assert answer.stdout.strip() == f"{tmp_path}|generate|--prompt|a b"
    assert answer.returncode == 7


@pytest.mark.parametrize("python", ["", "not-a-python", sys.executable])
def test_the_shell_script_does_the_same(checkout: Path, tmp_path: Path, python: str) -> None:
    installed(checkout)
    answer = run([checkout / "scripts" / "start", "x y"], tmp_path, PYTHON=python)
    assert (answer.stdout.strip(), answer.returncode) == (f"{tmp_path}|x y", 7)


def test_what_cannot_be_installed_is_said_and_tried_again_next_time(
    checkout: Path, tmp_path: Path
) -> None:
    wanted = "torch==2.13.0\nno-such-package-of-the-studio==1\n"
    (checkout / "requirements.txt").write_text(wanted, encoding="utf-8")
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    for _ in range(2):
        answer = run([sys.executable, checkout / "start.py"], tmp_path, **offline)
        assert answer.returncode == 1
        assert "could not be installed" in answer.stderr
        assert "Check the network and the free space" in answer.stderr
        assert not answer.stdout, "the app was not started"


def test_an_environment_with_other_packages_is_brought_up_to_date(
    checkout: Path, tmp_path: Path
) -> None:
    installed(checkout, "torch==1.0\n")
    answer = run([sys.executable, checkout / "start.py"], tmp_path, PIP_NO_INDEX="1")
    assert "Installing the packages of requirements.txt" in answer.stderr
    assert answer.returncode == 7, "torch is there, so nothing was missing"
    again = run([sys.executable, checkout / "start.py"], tmp_path)
    assert not again.stderr


@pytest.mark.parametrize(
    ("system", "has_nvidia_gpu", "build"),
    [
        ("Linux", True, None),
        ("Linux", False, "cpu"),
        ("Windows", True, environment.CUDA),
        ("Windows", False, None),
        ("Darwin", False, None),
    ],
)
def test_the_build_of_torch_suits_the_machine(
    system: str, has_nvidia_gpu: bool, build: str | None
) -> None:
    assert torch_build(system, has_nvidia_gpu) == build


@pytest.mark.parametrize(
    ("windows", "node", "npm"),
    [
        (False, "bin/node", "lib/node_modules/npm/bin/npm-cli.js"),
        (True, "node.exe", "node_modules/npm/bin/npm-cli.js"),
    ],
)
def test_node_is_found_in_its_package(windows: bool, node: str, npm: str) -> None:
    found = page_check._of_the_wheel(Path("wheel"), windows)
    assert found.npm == [str(Path("wheel", node)), str(Path("wheel", npm))]


def test_the_first_check_that_fails_gives_the_exit_code(checkout: Path) -> None:
    (checkout / "broken.py").write_text("(", encoding="utf-8")
    contents = "torch==2.13.0\n"
    (checkout / ".venv" / ".installed-requirements-dev.txt").write_text(contents, encoding="utf-8")
    answer = run([sys.executable, checkout / "start.py", "test"], checkout, CHROMIUM=sys.executable)
    assert answer.returncode == 1
    assert "broken.py" in answer.stdout
    assert "would reformat" not in answer.stdout, "the next check was not begun"
