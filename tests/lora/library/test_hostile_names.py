"""Hostile names for every operation: a clear refusal, nothing outside the library touched."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.loras.files import write_lora
from tests.support.paths import ROOT
from wan_lora_studio.errors import LoRAError, StudioError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.names import composed, name_problem
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler

TRAVERSALS = [
    f"{start}{step * depth}{end}"
    for start in ("", "/", "keep/", "\\", "./")
    for step in ("../", "..\\", "....//", "..%2f", "%2e%2e/", "..\u2215", "..;/")
    for depth in (1, 6)
    for end in ("outside/secret", "etc/passwd")
]
ABSOLUTE = [
    "/etc/passwd", "//server/share/x", "C:\\Windows\\x", "C:x", "\\\\?\\C:\\x", "file:///etc/passwd",
    "~", "~root/x", "$HOME/x", "${HOME}", "`id`", "$(id)", "; rm -rf x", "| cat", "& x", "-rf",
    "/dev/zero", "/dev/stdin", "/proc/self/mem", "NUL", "/", "//", ".", "..", "...", "",
]  # fmt: skip
INVISIBLE = [
    f"a{chr(code)}b"
    for code in (
        *range(0x20), 0x7F, 0x85, 0xA0, 0xAD, 0x34F, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028,
        0x2029, 0x202A, 0x202E, 0x2060, 0x2066, 0x2069, 0xD800, 0xDFFF, 0xE000, 0xFEFF, 0xFFFE,
    )
]  # fmt: skip
RESERVED = [
    f"{device}{ending}"
    for device in ("CON", "prn", "Aux", "nul", "COM1", "LPT9", "COM¹", "CONIN$", "clock$")
    for ending in ("", ".x", " .x", ".safetensors", ".tar.gz")
]
HIDDEN = [
    ".catalog.sqlite", ".lock", ".staging/x", ".trash/x", ".thumbnails/keep.webp", ".staging",
    "keep.safetensors/x", "keep.json", " keep", "keep ", "keep.", "keep\u0301" * 40, "x" * 300,
    "x" * 70_000, "a" + "/a" * 500, "é" * 150, "<script>alert(1)</script>",
    "'; DROP TABLE files; --", '"', "%00", "%n%s",
    "{0}", "{{x}}", "a:b", "a*b", "a?b", "a|b", "a<b", "a>b", 'a"b', "keep:stream", "e\u0301",
]  # fmt: skip
NAMES = list(dict.fromkeys(TRAVERSALS + ABSOLUTE + INVISIBLE + RESERVED + HIDDEN))

EVENTS = (
    "open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir",
    "os.symlink", "os.truncate", "os.chmod", "shutil.rmtree", "sqlite3.connect",
)  # fmt: skip


class Watch:
    """Notes every path that is opened or changed while it watches, but by threads that were there
    before: the background work of another test's library may not be done."""

    def __init__(self) -> None:
        self.paths: set[str] | None = None
        self._others: set[int | None] = set()
        sys.addaudithook(self._hook)

    def begin(self) -> None:
        self._others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        self.paths = set()

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.paths is None or event not in EVENTS:
            return
        if threading.get_ident() not in self._others:
            self.paths |= {str(item) for item in arguments[:2] if isinstance(item, str | Path)}

    def outside(self, root: Path, code: Path) -> set[str]:
        """What was touched beyond the library and Python's own files."""
        assert self.paths is not None
        fine = (str(root), str(code), sys.prefix, sys.base_prefix)
        plain = {path for path in self.paths if "/" in path or "\\" in path}
        return {path for path in plain if not str(Path(path).absolute()).startswith(fine)}


@pytest.fixture(scope="module")
def watch() -> Watch:
    """One for all tests: an audit hook stays for good."""
    return Watch()


def operations(library: LoRALibrary, source: Path) -> Iterator[Callable[[str], object]]:
    handler = LoRAUploadHandler(library.settings, library)
    content = source.read_bytes()
    picture = source.with_name("picture.png")
    Image.new("RGB", (8, 8)).save(picture)
    yield library.record
    yield library.files
    yield library.thumbnail_file
    yield library.get_lora_metadata
    yield lambda name: library.explain_compatibility(name, "demo")
    yield library.delete_lora_file
    yield library.undo_delete
    yield lambda name: library.rename_lora_file(name, "fine")
    yield lambda name: _rename_to(library, name)
    yield lambda name: library.move_lora_file(name, "")
    yield lambda name: library.edit_lora_metadata(name, {"notes": "x"})
    yield lambda name: library.set_role(name, "high")
    yield lambda name: library.pair_loras(name, "keep")
    yield library.split_pair
    yield lambda name: library.pair_loras("keep", name)
    yield lambda name: library.undo_delete("keep", name)
    yield lambda name: library.set_thumbnail(name, picture)
    yield library.clear_thumbnail
    yield library.preview_video
    yield library.last_strength
    yield library.sha256
    yield lambda name: library.block_coverage(name, "demo")
    yield lambda name: library.estimate_memory_impact([name], "demo")
    yield lambda name: handler.add_sidecar(name, "x.txt", io.BytesIO(b"x"))
    yield lambda name: handler.add_sidecar("keep", name, io.BytesIO(b"\0"))
    yield lambda name: handler.open_stage(f"{name}.ckpt").abort()
    yield lambda name: handler.process_upload(content[:-1], f"{name}.safetensors")


def _rename_to(library: LoRALibrary, name: str) -> None:
    """A name such as `~` looks bad and does no harm; it is taken, and given back."""
    library.rename_lora_file("keep", name)
    stored = composed(name)
    assert name_problem(stored) is None
    assert (library.root / f"{stored}.safetensors").is_file()
    library.rename_lora_file(name, "keep")
    raise LoRAError("It was a name like any other.")


def inside(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if not path.name.startswith((".catalog", ".lock"))
    )


def test_there_are_enough_names() -> None:
    assert len(NAMES) >= 200


@pytest.mark.slow
def test_every_operation_refuses_every_hostile_name(
    library: LoRALibrary, root: Path, tmp_path: Path, watch: Watch
) -> None:
    write_lora(root / "keep.safetensors", seed=1)
    source = write_lora(tmp_path / "source", seed=2)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (root / ".staging").mkdir(exist_ok=True)
    library.refresh()
    library.thumbnail_file("keep")
    before = inside(root)
    acts = list(operations(library, source))
    watch.begin()
    try:
        for name in NAMES:
            for number, act in enumerate(acts):
                with pytest.raises(StudioError) as caught:
                    act(name)
                    pytest.fail(f"operation {number} took {name[:50]!r}")
                assert caught.value.suggestions
                assert caught.value.message.encode()
        touched = watch.outside(root, ROOT)
    finally:
        watch.paths = None
    touched.discard(str(tmp_path / "picture.png"))
    assert not {path for path in touched if "models" not in path}
    library.thumbnail_file("keep")
    assert inside(root) == before


@pytest.mark.slow
def test_uploads_under_hostile_names_stay_inside(
    library: LoRALibrary, root: Path, tmp_path: Path, watch: Watch
) -> None:
    """A name may be made into one that can be; what is stored is then one file with its text."""
    content = write_lora(tmp_path / "source", seed=2).read_bytes()
    handler = LoRAUploadHandler(library.settings, library)
    around = [path for path in inside(tmp_path) if not path.startswith("loras/")]
    stored = 0
    watch.begin()
    try:
        for name in NAMES:
            for act in (_upload_together, _upload_into_folder):
                stored += act(handler, name, content)
        touched = watch.outside(root, ROOT)
    finally:
        watch.paths = None
    assert stored > 20
    assert not {path for path in touched if "models" not in path}
    assert [path for path in inside(tmp_path) if not path.startswith("loras/")] == around


def _upload_together(handler: LoRAUploadHandler, name: str, content: bytes) -> bool:
    sent = {f"{name}.safetensors": content, f"{name}.txt": b"text"}
    found = handler.process_uploads(sent)[0]
    if found["error"]:
        assert found["error"]["suggestions"]
        return False
    return _taken_back(handler.library, found["name"])


def _upload_into_folder(handler: LoRAUploadHandler, name: str, content: bytes) -> bool:
    try:
        stage = handler.open_stage("fine.safetensors", len(content), folder=name)
        stage.write(content)
        record = stage.finish()
    except StudioError as error:
        assert error.suggestions
        assert error.message.encode()
        return False
    return _taken_back(handler.library, record["name"])


def _taken_back(library: LoRALibrary, name: str) -> bool:
    for path in library.files(name).values():
        assert path.resolve().is_relative_to(library.root.resolve())
        assert path.is_file()
    library.delete_lora_file(name)
    library.empty_trash()
    return True


def test_folders_of_hostile_names_stay_inside(
    library: LoRALibrary, root: Path, tmp_path: Path, watch: Watch
) -> None:
    """A slash makes a folder in a folder, so some of these may be made; none leads out."""
    write_lora(root / "keep.safetensors", seed=1)
    library.refresh()
    around = inside(tmp_path)
    watch.begin()
    try:
        for name in NAMES:
            for act in (library.create_folder, lambda to: library.move_lora_file("keep", to)):
                try:
                    act(name)
                except StudioError as error:
                    assert error.suggestions
                    assert error.message.encode()
        touched = watch.outside(root, ROOT)
    finally:
        watch.paths = None
    assert not {path for path in touched if "models" not in path}
    outside = [path for path in inside(tmp_path) if not path.startswith("loras/")]
    assert outside == [path for path in around if not path.startswith("loras/")]
    library.move_lora_file("keep", "")
    assert (root / "keep.safetensors").is_file()
