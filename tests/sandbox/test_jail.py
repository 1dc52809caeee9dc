"""The jail: a payload that runs on purpose inside it reaches nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Landlock and seccomp are Linux's"
)

# Each tries to do what it must not; `inside` is what it may still do.
PAYLOADS = {
    "read a file": "open(PLACE + '/secret').read()",
    "list a folder": "os.listdir(PLACE)",
    "write a file": "open(PLACE + '/written', 'w')",
    "make a folder": "os.mkdir(PLACE + '/made')",
    "delete a file": "os.unlink(PLACE + '/secret')",
    "rename a file": "os.rename(PLACE + '/secret', PLACE + '/other')",
    "link a file": "os.link(PLACE + '/secret', PLACE + '/linked')",
    "change a mode": "os.chmod(PLACE + '/secret', 0o777)",
    "start a program": "os.execv('/bin/true', ['true'])",
    "spawn a program": "os.posix_spawn('/bin/true', ['true'], {})",
    "run a shell": "subprocess.run('true', shell=True)",
    "fork": "os._exit(0) if os.fork() == 0 else None",
    "open a socket": "socket.socket()",
    "open a local socket": "socket.socketpair()",
    "signal its parent": "os.kill(os.getppid(), 0)",
    "take memory": "bytearray(1 << 30)",
    "load a library": "ctypes.CDLL('libcrypt.so.1')",
    "import a module": "__import__('xml.dom.minidom')",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_CPU, (9999, 9999))",
}
PROGRAM = """
import ctypes, json, os, resource, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
PLACE, PAYLOADS = sys.argv[2], json.loads(sys.argv[3])
from wan_lora_studio.sandbox.jail import Limits, enter_jail
said = {"missing": enter_jail(Limits(memory=512 * 1024 * 1024, cpu_seconds=20))}
for name, payload in PAYLOADS.items():
    try:
        exec(payload)
        said[name] = "done"
    except BaseException as error:
        said[name] = type(error).__name__
sys.stdout.write(json.dumps(said))
"""


def run(place: Path, payloads: dict[str, str]) -> dict[str, object]:
    command = [sys.executable, "-I", "-c", PROGRAM, str(ROOT), str(place), json.dumps(payloads)]
    done = subprocess.run(command, capture_output=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_nothing_can_be_reached_from_inside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    said = run(tmp_path, PAYLOADS)
    assert said.pop("missing") == []
    assert {name for name, how in said.items() if how == "done"} == set()
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_text() == "mine"


def test_the_payloads_do_what_they_say_outside(tmp_path: Path) -> None:
    """So that a jail which refuses them refuses what works."""
    harmless = {name: PAYLOADS[name] for name in ("read a file", "write a file", "open a socket")}
    (tmp_path / "secret").write_text("mine")
    program = PROGRAM.replace("enter_jail(Limits(memory=512 * 1024 * 1024, cpu_seconds=20))", "[]")
    command = [sys.executable, "-I", "-c", program, str(ROOT), str(tmp_path), json.dumps(harmless)]
    done = subprocess.run(command, capture_output=True, check=True)
    said = json.loads(done.stdout)
    assert {said[name] for name in harmless} == {"done"}


def test_threads_and_what_is_open_still_work(tmp_path: Path) -> None:
    work = "import threading; t = threading.Thread(target=int); t.start(); t.join()"
    assert run(tmp_path, {"a thread": work})["a thread"] == "done"


def test_time_is_limited(tmp_path: Path) -> None:
    program = PROGRAM.replace("cpu_seconds=20", "cpu_seconds=1")
    command = [sys.executable, "-I", "-c", program, str(ROOT), str(tmp_path)]
    done = subprocess.run([*command, json.dumps({"for ever": "while True: pass"})], check=False)
    assert done.returncode < 0, "the kernel ended it"
