"""FIFOs, devices, sockets and links in the library's folder: no hang, and no way out but by
reading what somebody linked there."""

from __future__ import annotations

import io
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tests.support.loras.files import write_lora
from wan_lora_studio.errors import StudioError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler

SECRET = b'{"description": "secret", "lora_alpha": 1}'


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A read that waits for ever ends the test run rather than stop it."""
    signal.alarm(300)
    yield
    signal.alarm(0)


def fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def device(path: Path, _: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        path.symlink_to("/dev/zero")  # only root makes devices; a link to one is as endless


def unix_socket(path: Path, _: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may have 108 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def hard_link(path: Path, outside: Path) -> None:
    os.link(outside, path)


def symbolic_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def link_to_a_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside.parent, target_is_directory=True)


def folder(path: Path, _: Path) -> None:
    path.mkdir()


def dangling_link(path: Path, _: Path) -> None:
    path.symlink_to("/nowhere/at/all")


KINDS = [
    fifo,
    device,
    unix_socket,
    hard_link,
    symbolic_link,
    link_to_a_folder,
    folder,
    dangling_link,
]
PLACES = [
    "a.safetensors", "sub/b.json", "sub/b.png", "sub/b.mp4", "sub/b.metadata.json", "sub/b.txt",
    "sub/b.preview.png", "c_low_noise.safetensors", "c_high_noise.preview.png",
    "sub/adapter_config.json", "sub/b.civitai.info", ".trash/x/manifest.json",
    ".staging/x.safetensors",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_no_hang_and_no_escape(
    library: LoRALibrary,
    root: Path,
    tmp_path: Path,
    kind: Callable[[Path, Path], None],
    place: str,
) -> None:
    outside = tmp_path / "outside" / "secret.json"
    outside.parent.mkdir()
    outside.write_bytes(SECRET)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    kind(root / place, outside)
    write_lora(root / "sub" / "b.safetensors", seed=1)
    write_lora(root / "c_high_noise.safetensors", seed=2)
    picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(picture)
    library = LoRALibrary(library.settings)
    library.create_folder("new")
    for name in list(library.list_available_loras()):
        work_with(library, name, picture)
    assert outside.read_bytes() == SECRET
    assert [path.name for path in outside.parent.iterdir()] == [outside.name]
    kept = library.record("b")
    assert kept["status"] == "ok"
    if kind not in (hard_link, symbolic_link):  # which their owner put into the library
        assert kept["metadata"]["description"] in ("", "mine")


def work_with(library: LoRALibrary, name: str, picture: Path) -> None:
    """Every operation; each does what it does, or says why not."""
    handler = LoRAUploadHandler(library.settings, library)
    for act in (
        lambda: library.get_lora_metadata(name),
        lambda: library.thumbnail_file(name),
        lambda: library.edit_lora_metadata(name, {"description": "mine", "notes": "n"}),
        lambda: library.set_thumbnail(name, picture),
        lambda: library.clear_thumbnail(name),
        lambda: library.clear_thumbnail(name),
        lambda: handler.add_sidecar(name, "x.txt", io.BytesIO(b"text")),
        lambda: handler.add_sidecar(name, "x.mp4", io.BytesIO(b"text")),
        lambda: library.split_pair(library.pair_loras(name, "b")["name"]),
        lambda: library.move_lora_file(name, "new"),
        lambda: library.rename_lora_file(name, f"{name} two"),
        lambda: library.rename_lora_file(f"{name} two", name),
        lambda: library.delete_lora_file(name),
        lambda: library.undo_delete(name),
        library.list_trash,
        library.refresh,
    ):
        with suppress(StudioError):
            act()
