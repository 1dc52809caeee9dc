"""Asking never waits for changing: it is answered from what is known while a change goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.loras.files import write_lora
from tests.support.machine.opened_files import opening
from tests.support.paths import ROOT
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings, load_settings

WAIT = 60.0
HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def stored(library: LoRALibrary, root: Path) -> LoRALibrary:
    for seed, name in enumerate("abc"):
        write_lora(root / f"{name}.safetensors", seed=seed)
    library.refresh()
    assert library.finish_refresh(WAIT)
    return library


def answers(library: LoRALibrary) -> list[object]:
    """One of everything that a page asks."""
    return [
        sorted(library.list_available_loras()),
        library.find_loras(limit=1)["total"],
        library.find_loras("b")["names"],
        len(library.get_ui_display_data()["loras"]),
        library.get_lora_metadata("a")["name"],
        library.explain_compatibility("a", "demo").model_type,
        library.list_folders(),
        bool(library.revision and library.shown_version),
        "stage" in (library.begin_refresh() or {"stage": ""}),
        library.thumbnail_file("c").name,
        library.estimate_memory_impact(["a"])["loads_seen"],
        library.meant("b") is not None,
    ]


@contextmanager
def held_by_another_process(root: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD, str(root / ".lock")]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()


@contextmanager
def held_by_a_handle_of_this_process(root: Path) -> Iterator[None]:
    with FileLock(root / ".lock"):
        yield


@pytest.mark.parametrize("holder", [held_by_another_process, held_by_a_handle_of_this_process])
def test_while_a_change_waits_for_another_program(
    stored: LoRALibrary, root: Path, holder: Callable[[Path], AbstractContextManager[None]]
) -> None:
    before = answers(stored)
    waits = threading.Event()
    change = threading.Thread(target=stored.rename_lora_file, args=("a", "z"))
    with holder(root):
        with opening(".lock", waits.set, by=change):
            change.start()
            assert waits.wait(WAIT)
        assert answers(stored) == before
        assert change.is_alive()
    change.join(WAIT)
    assert sorted(stored.list_available_loras()) == ["b", "c", "z"]


def test_while_a_file_is_copied_to_another_disk(tmp_path: Path, other_disk: Path) -> None:
    settings = load_settings(
        loras_dir=tmp_path / "loras",
        models_dir=tmp_path / "none",
        extra_lora_dirs=[{"path": str(other_disk), "writable": True}],
    )
    write_lora(other_disk / "theirs.safetensors")
    for seed, name in enumerate("abc"):
        write_lora(settings.loras_dir / f"{name}.safetensors", seed=seed + 1)
    library = LoRALibrary(settings)
    library.refresh()
    assert library.finish_refresh(WAIT)
    before = answers(library)
    copying, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        copying.set()
        assert go_on.wait(WAIT)

    change = threading.Thread(target=library.move_lora_file, args=("theirs", ""))
    with opening(".moving-", stop, by=change):
        change.start()
        assert copying.wait(WAIT)
        assert answers(library) == before
        assert change.is_alive()
        go_on.set()
        change.join(WAIT)
    assert library.record("theirs")["path"] == "theirs.safetensors"
    assert not list(other_disk.iterdir())


def test_changes_of_several_threads_wait_for_each_other(settings: Settings, root: Path) -> None:
    library = LoRALibrary(settings)
    for number in range(8):
        write_lora(root / f"{number}.safetensors", seed=number)
    changes = [
        threading.Thread(target=library.rename_lora_file, args=(str(number), f"new {number}"))
        for number in range(8)
    ]
    for change in changes:
        change.start()
    while any(change.is_alive() for change in changes):
        assert len(library.list_available_loras()) in (0, 8)  # 0: not looked at yet
    assert sorted(library.list_available_loras()) == [f"new {number}" for number in range(8)]
