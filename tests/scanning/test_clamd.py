"""ClamAV's daemon, a real one where it is installed and a scripted one everywhere."""

from __future__ import annotations

import io
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from wan_lora_studio.scanning.clamd import ClamdScanner

# The harmless test pattern of the industry, put together so that this file does not hold it.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
SIGNATURE = f"Test.EICAR:0:*:{EICAR.hex()}\n"
CONFIG = """
LocalSocket {folder}/clamd.sock
DatabaseDirectory {folder}/db
Foreground yes
MaxFileSize 1M
MaxScanSize 1M
StreamMaxLength 4M
AlertExceedsMax yes
"""


class Scripted:
    """Reads one stream as clamd does, and answers what it is told to."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.received = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError), self._server.accept()[0] as connection:
            file = connection.makefile("rb")
            assert file.read(10) == b"zINSTREAM\0"
            while count := struct.unpack(">I", file.read(4))[0]:
                self.received += file.read(count)
            if self._answer is None:
                time.sleep(5)
                return
            connection.sendall(self._answer)


@pytest.fixture
def scripted() -> Iterator[Callable[[bytes | None], Scripted]]:
    made: list[Scripted] = []

    def make(answer: bytes | None) -> Scripted:
        made.append(Scripted(answer))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("answer", "state", "why"),
    [
        (b"stream: OK\0", "clean", ""),
        (b"stream: Test.EICAR.UNOFFICIAL FOUND\0", "infected", "Test.EICAR.UNOFFICIAL"),
        (b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", "unscanned", "limits"),
        (b"INSTREAM size limit exceeded. ERROR\0", "unscanned", "size limit"),
        (b"", "unscanned", "the scanner said"),
        (b"stream: OK, but not really", "unscanned", "not really"),
    ],
)
def test_what_is_answered(
    scripted: Callable[[bytes | None], Scripted], answer: bytes, state: str, why: str
) -> None:
    daemon, data = scripted(answer), b"x" * 700_000
    verdict = ClamdScanner(daemon.address, 100).scan(io.BytesIO(data), len(data))
    assert verdict.state == state
    assert why in verdict.why
    assert daemon.received == data


def test_a_daemon_that_hangs(scripted: Callable[[bytes | None], Scripted]) -> None:
    verdict = ClamdScanner(scripted(None).address, 100, seconds=0.2).scan(io.BytesIO(b"x"), 1)
    assert (verdict.state, "in time" in verdict.why) == ("unscanned", True)


@pytest.mark.parametrize("address", ["unix:/nowhere/clamd.ctl", "tcp://127.0.0.1:9"])
def test_a_daemon_that_is_down(address: str) -> None:
    verdict = ClamdScanner(address, 100).scan(io.BytesIO(b"x"), 1)
    assert (verdict.state, "cannot be reached" in verdict.why) == ("unscanned", True)


def test_what_is_too_large_is_not_sent() -> None:
    verdict = ClamdScanner("tcp://127.0.0.1:9", 1).scan(io.BytesIO(), 1_000_001)
    assert (verdict.state, "larger" in verdict.why) == ("unscanned", True)


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real daemon with one signature of our own."""
    program = shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("clamd is not installed; the scripted daemon was tried")
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "db").mkdir()
    (folder / "db" / "local.ndb").write_text(SIGNATURE)
    config = folder / "clamd.conf"
    config.write_text(CONFIG.format(folder=folder))
    with subprocess.Popen([program, "-c", config], stdout=subprocess.DEVNULL) as process:
        address = folder / "clamd.sock"
        deadline = time.monotonic() + 60
        while not _answers(address):
            assert process.poll() is None, "clamd ended"
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        yield f"unix:{address}"
        process.terminate()


def _answers(address: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        try:
            connection.connect(str(address))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("at", [0, 200_000, 399_000])
def test_the_real_one_finds_it_anywhere(clamd: str, at: int) -> None:
    data = bytearray(b"a" * 400_000)
    data[at : at + len(EICAR)] = EICAR
    verdict = ClamdScanner(clamd, 1).scan(io.BytesIO(bytes(data)), len(data))
    assert verdict.state == "infected"
    assert "EICAR" in verdict.why


def test_the_real_one_leaves_others_alone(clamd: str) -> None:
    assert ClamdScanner(clamd, 1).scan(io.BytesIO(b"a" * 400_000), 400_000).state == "clean"


def test_the_real_one_never_says_clean_of_what_it_did_not_scan(clamd: str) -> None:
    data = b"a" * 2_000_000 + EICAR
    assert ClamdScanner(clamd, 100).scan(io.BytesIO(data), len(data)).state == "unscanned"
    huge = b"a" * 6_000_000
    assert ClamdScanner(clamd, 100).scan(io.BytesIO(huge), len(huge)).state == "unscanned"
