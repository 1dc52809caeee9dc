"""Environment: the project's own packages in .venv, installed once.

    python -m scripts.environment requirements.txt

Does nothing, in a few milliseconds, if what that file asks for is installed already.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
APP, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
TORCH_BUILDS = "https://download.pytorch.org/whl/"
CUDA = "cu130"  # the CUDA of torch's Linux build on PyPI; its driver is 580 or newer
INDEX_SECONDS = 4.0  # for the index of torch's builds to answer
HAS_TORCH = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"


class SetupError(Exception):
    """What keeps the packages from being installed, in words for the user."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def venv_python() -> Path:
    if sys.platform == "win32":
        return VENV / "Scripts" / "python.exe"
    return VENV / "bin" / "python"


def run(
    command: Sequence[str | Path],
    variables: dict[str, str] | None = None,
    folder: Path | None = ROOT,
    output: TextIO | None = None,
) -> int:
    """Run `command` in `folder`, with more environment variables; gives its exit code.

    Without a folder it runs where the user is. Ctrl+C goes to the command, whose exit code counts.
    """
    surroundings = {**os.environ, **(variables or {})}
    with subprocess.Popen(command, cwd=folder, env=surroundings, stdout=output) as running:
        while True:
            try:
                return running.wait()
            except KeyboardInterrupt:
                continue


def pip_install(*arguments: str | Path) -> int:
    """What pip says goes to stderr: stdout belongs to the app."""
    pip = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input")
    return run([venv_python(), *pip, *arguments], output=sys.stderr)


def start_app(words: Sequence[str]) -> int:
    """Install what is missing and become the app, which gets `words`."""
    prepare(APP)
    command = [str(venv_python()), str(ROOT / "app.py"), *words]
    if sys.platform != "win32":  # where a replaced process would let go of the console
        os.execv(command[0], command)
    return run(command, folder=None)


def prepare(wanted: str) -> None:
    """Install what the file `wanted` asks for. Raises SetupError."""
    contents = _contents()
    # The packages for development include those of the app.
    if any(_installed(name) == contents for name in (wanted, DEVELOPMENT)):
        return
    if not _has_pip():
        _make_venv()
    say(
        f"Installing the packages of {wanted} into .venv; this happens once and takes some minutes."
    )
    _install_torch()
    if pip_install("-r", ROOT / wanted):
        raise SetupError(
            f"The packages of {wanted} could not be installed; pip says why above.\n"
            "Check the network and the free space, then run this again."
        )
    _stamp(wanted).write_text(contents + "\n", encoding="utf-8")


def _contents() -> str:
    files = [*sorted(ROOT.glob("requirements*.txt")), *ROOT.glob("constraints.txt")]
    return "".join(path.read_text(encoding="utf-8") for path in files).rstrip("\n")


def _stamp(wanted: str) -> Path:
    return VENV / f".installed-{wanted}"


def _installed(wanted: str) -> str | None:
    try:
        return _stamp(wanted).read_text(encoding="utf-8").rstrip("\n")
    except OSError:
        return None


def _has_pip() -> bool:
    return _succeeds([venv_python(), "-m", "pip", "--version"])


def _make_venv() -> None:
    # The interpreter below an active environment, which may be the one that is made anew.
    python = getattr(sys, "_base_executable", None) or sys.executable
    if run([python, "-m", "venv", "--clear", VENV], output=sys.stderr):
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            f"{python} cannot make virtual environments.\n"
            "On Debian and Ubuntu: apt install python3-venv"
        )


def torch_build(system: str, has_nvidia_gpu: bool) -> str | None:
    """The build of torch to take where PyPI's does not suit; None takes PyPI's.

    On PyPI the build for Linux brings CUDA along, and the one for Windows has none.
    """
    if system == "Linux" and not has_nvidia_gpu:
        return "cpu"
    if system == "Windows" and has_nvidia_gpu:
        return CUDA
    return None


def _install_torch() -> None:
    """Install the build of torch that suits this machine; leaves it to PyPI if that fails."""
    if sys.platform == "darwin" and platform.machine() != "arm64":
        raise SetupError(
            "PyTorch has no build for Macs with Intel processors, nor for a Python made for them.\n"
            "On a Mac with Apple silicon, install Python from https://www.python.org/downloads/."
        )
    build = torch_build(platform.system(), _has_nvidia_gpu())
    if build is None or _succeeds([venv_python(), "-c", HAS_TORCH]):
        return
    index = TORCH_BUILDS + build
    what = "No NVIDIA GPU here: taking torch's CPU build."
    if build != "cpu":
        what = "An NVIDIA GPU is here: taking torch's CUDA build; its driver must be 580 or newer."
    if not _answers(index + "/torch/"):
        if build != "cpu":
            say(f"{index} does not answer: taking torch's CPU build, which leaves the GPU unused.")
            say("Delete the folder .venv and start again to get the other one.")
        return
    say(what)
    if pip_install("--no-deps", _pinned_torch(), "--index-url", index):
        say("That failed; taking the usual build.")


def _pinned_torch() -> str:
    found = re.search(r"^torch==\S+", (ROOT / APP).read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SetupError(f"{APP} names no version of torch.")
    return found.group()


def _has_nvidia_gpu() -> bool:
    # /dev/dxg is the GPU of Windows' Linux.
    return bool(shutil.which("nvidia-smi")) or any(
        Path(device).exists() for device in ("/dev/nvidia0", "/dev/dxg")
    )


def _answers(address: str) -> bool:
    """Within INDEX_SECONDS: a name server that never answers must not hold up the start."""
    found = threading.Event()

    def probe() -> None:
        request = urllib.request.Request(address, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=INDEX_SECONDS).close()
        except OSError:
            return
        found.set()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(INDEX_SECONDS)
    return found.is_set()


def _succeeds(command: Sequence[str | Path]) -> bool:
    try:
        answer = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    return answer.returncode == 0


def main(words: list[str]) -> int:
    try:
        prepare(words[0] if words else APP)
    except SetupError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
