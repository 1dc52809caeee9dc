"""Where the page is served, and what its process stays free of."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.support.paths import ROOT
from utils import Settings, SettingsError, load_settings
from wan_lora_studio.ui.server import address_of, is_loopback, open_socket, served_hosts


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(port=0, **folders)


def test_a_free_port_is_found_and_told(settings: Settings) -> None:
    with open_socket(settings, asks=False) as listener:
        port = listener.getsockname()[1]
        assert address_of(listener) == f"http://127.0.0.1:{port}/"


def test_a_taken_port_is_named_with_a_way_out(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = settings.model_copy(update={"port": port})
        with pytest.raises(SettingsError, match=str(port)) as caught:
            open_socket(taken, asks=False)
    assert any("--port" in suggestion for suggestion in caught.value.suggestions)


def test_an_answer_is_sent_at_once(settings: Settings) -> None:
    """Its body does not wait until its head is confirmed (Nagle's algorithm)."""

    async def sends_at_once() -> bool:
        accepted = asyncio.get_running_loop().create_future()
        with open_socket(settings, asks=False) as listener:
            server = await asyncio.start_server(
                lambda _reader, writer: accepted.set_result(writer), sock=listener
            )
            async with server:
                _, client = await asyncio.open_connection(*listener.getsockname())
                served = await accepted
                taken = served.get_extra_info("socket")
                found = taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                served.close()
                client.close()
        return bool(found)

    # In a thread: Playwright's loop runs in this one where browser tests came before.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, sends_at_once()).result()


def test_other_computers_need_a_password(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="password"):
        open_socket(settings.model_copy(update={"host": "0.0.0.0"}), asks=False)


def test_with_a_password_other_computers_may_come(settings: Settings) -> None:
    with open_socket(settings.model_copy(update={"host": "0.0.0.0"}), asks=True) as listener:
        assert address_of(listener).startswith("http://127.0.0.1:")


def test_the_names_under_which_a_page_for_others_is_served(settings: Settings) -> None:
    with open_socket(settings.model_copy(update={"host": "0.0.0.0"}), asks=True) as listener:
        found = served_hosts(listener, ["Studio.Example"])
    own = {address.address for each in psutil.net_if_addrs().values() for address in each}
    assert {"127.0.0.1", "localhost", "studio.example", socket.gethostname().lower()} <= found
    assert found & own
    assert "evil.example" not in found


def test_a_page_for_this_computer_has_its_names_only(settings: Settings) -> None:
    with open_socket(settings, asks=False) as listener:
        assert served_hosts(listener) == {"127.0.0.1", "localhost", "::1"}


def test_an_address_of_another_computer_is_refused(settings: Settings) -> None:
    foreign = settings.model_copy(update={"host": "192.0.2.1"})
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1"):
        open_socket(foreign, asks=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_what_counts_as_this_computer(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "studio.lan", "192.168.1.2"])
def test_what_counts_as_other_computers(host: str) -> None:
    assert not is_loopback(host)


def test_the_pages_process_never_loads_torch(tmp_path: Path) -> None:
    """Built as `app.py` builds it, with everything imported that serving needs."""
    script = f"""
import json, sys
from wan_lora_studio.ui.server import build_app
from utils import JobQueue, LoRAManager, LoRAUploadHandler, load_settings
folders = {{name + "_dir": {str(tmp_path)!r} + "/" + name for name in ("loras", "outputs", "data")}}
settings = load_settings(**folders)
build_app(settings, LoRAManager(settings), LoRAUploadHandler(settings), JobQueue(settings))
heavy = ("torch", "diffusers", "transformers", "peft")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
