"""A .zip of LoRAs with what is beside them, and archives that mean harm."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from PIL import Image

from tests.support.loras.files import write_lora, write_raw
from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.uploads import zip_files
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings, load_settings


@pytest.fixture
def uploads(settings: Settings, library: LoRALibrary) -> LoRAUploadHandler:
    return LoRAUploadHandler(settings, library)


def lora(tmp_path: Path, seed: int = 0) -> bytes:
    return write_lora(tmp_path / f"source{seed}.safetensors", seed=seed).read_bytes()


def packed(
    *contents: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in contents:
            archive.writestr(name, data)
    return file.getvalue()


def visible(root: Path) -> set[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name for name in found if not name.startswith(".")}


def left(root: Path) -> list[Path]:
    return list((root / ".staging").iterdir()) if (root / ".staging").exists() else []


def test_everything_in_it_arrives_in_its_folders(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    data = packed(
        ("pack/styles/ink.safetensors", lora(tmp_path)),
        ("pack/styles/ink.json", json.dumps({"activation text": "ink wash"}).encode()),
        ("pack/styles/ink.PNG", png()),
        ("short.sft", lora(tmp_path, 3)),
        ("short.sft.png", png()),
        ("grain_high_noise.safetensors", lora(tmp_path, 1)),
        ("grain_low_noise.safetensors", lora(tmp_path, 2)),
        ("grain.png", png()),
        ("pack/", b""),
        ("__MACOSX/pack/._ink.safetensors", b"x"),
        ("pack/.DS_Store", b"x"),
        ("pack/readme.md", b"hello"),
        method=zipfile.ZIP_DEFLATED,
    )
    outcomes = {item["filename"]: item for item in uploads.process_archive(data, "pack.zip")}
    assert {name: item["status"] for name, item in outcomes.items()} == {
        "pack/styles/ink.safetensors": "stored",
        "pack/styles/ink.json": "taken_along",
        "pack/styles/ink.PNG": "taken_along",
        "short.sft": "stored",
        "short.sft.png": "taken_along",
        "grain_high_noise.safetensors": "stored",
        "grain_low_noise.safetensors": "stored",
        "grain.png": "taken_along",
        "pack/readme.md": "refused",
    }
    assert visible(root) == {
        "pack/styles/ink.safetensors", "pack/styles/ink.json", "pack/styles/ink.PNG",
        "grain_high_noise.safetensors", "grain_low_noise.safetensors", "grain_high_noise.png",
        "short.sft", "short.sft.png",
    }  # fmt: skip
    assert outcomes["grain_low_noise.safetensors"]["name"] == "grain"
    assert uploads.library.record("ink")["metadata"]["trigger_words"] == ["ink wash"]
    assert not left(root)


@pytest.mark.parametrize("form", ["bytes", "path", "file", "stream"])
def test_process_upload_takes_one_in_any_form(
    uploads: LoRAUploadHandler, tmp_path: Path, form: str
) -> None:
    data = packed(("a.safetensors", lora(tmp_path)), ("b.safetensors", lora(tmp_path, 1)))
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    given: Any = {"bytes": data, "path": path, "file": io.BytesIO(data), "stream": OneWay(data)}
    record = uploads.process_upload(given[form], "Pack.ZIP")
    assert record["name"] == "a"
    assert [item["status"] for item in record["uploads"]] == ["stored", "stored"]
    with pytest.raises(UploadError, match="already in the library") as caught:
        uploads.process_upload(data, "pack.zip")
    assert [item["status"] for item in caught.value.context["uploads"]] == ["duplicate"] * 2


def test_a_lora_that_is_refused_stops_no_other_and_leaves_nothing(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    broken = write_raw(tmp_path / "x.safetensors", "{", b"").read_bytes()
    data = packed(
        ("a.safetensors", broken),
        ("a.png", png()),
        ("b.safetensors", lora(tmp_path)),
        ("b.json", b"no json"),
    )
    outcomes = {i["filename"]: i["status"] for i in uploads.process_archive(data, "x.zip")}
    assert outcomes == {
        "a.safetensors": "refused", "a.png": "refused", "b.safetensors": "stored",
        "b.json": "refused",
    }  # fmt: skip
    assert visible(root) == {"b.safetensors"}
    assert not left(root)


def info(name: str, mode: int = 0, **changes: Any) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    for key, value in changes.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("../out.safetensors", "leads out"),
        ("a/../../out.safetensors", "leads out"),
        ("..\\out.safetensors", "leads out"),
        ("/etc/out.safetensors", "absolute path"),
        ("C:/out.safetensors", "absolute path"),
        ("\\\\host\\share\\out.safetensors", "absolute path"),
        (info("link.safetensors", stat.S_IFLNK | 0o777), "is a link"),
        (info("pipe.safetensors", stat.S_IFIFO | 0o644), "not a regular file"),
        ("inner.zip", "archive in an archive"),
        ("deep/inner.7z", "archive in an archive"),
        ("a\x01b.safetensors", "invisible"),
        ("a\u202eb.safetensors", "invisible"),
        ("CON.safetensors", "reserves for a device"),
        ("a:b.safetensors", "absolute path"),
    ],
)
def test_an_entry_that_cannot_be_trusted_is_refused_by_name(
    uploads: LoRAUploadHandler,
    root: Path,
    tmp_path: Path,
    entry: str | zipfile.ZipInfo,
    problem: str,
) -> None:
    data = packed((entry, lora(tmp_path, 1)), ("fine.safetensors", lora(tmp_path)))
    outcomes = uploads.process_archive(data, "x.zip")
    refused = [item["error"]["message"] for item in outcomes if item["status"] == "refused"]
    assert len(refused) == 1 and problem in refused[0]
    assert visible(root) == {"fine.safetensors"}
    assert not list(tmp_path.glob("out.*")) and not list(tmp_path.parent.glob("out.*"))


def test_names_that_are_one_on_some_systems(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    data = packed(
        ("Style.safetensors", lora(tmp_path)),
        ("STYLE.safetensors", lora(tmp_path, 1)),
        ("caf\u00e9.safetensors", lora(tmp_path, 2)),
        ("cafe\u0301.safetensors", lora(tmp_path, 3)),
    )
    statuses = [item["status"] for item in uploads.process_archive(data, "x.zip")]
    assert sorted(statuses) == ["refused", "refused", "stored", "stored"]
    assert visible(root) == {"Style.safetensors", "caf\u00e9.safetensors"}


def test_a_name_in_another_encoding_is_read(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    made = "水墨画风格.safetensors".encode("gbk")
    data = packed(("x" * len(made), lora(tmp_path)))
    uploads.process_archive(data.replace(b"x" * len(made), made), "x.zip")
    assert visible(root) == {"水墨画风格.safetensors"}


def test_files_without_a_name_of_their_own_take_the_archives(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    data = packed(
        ("high_noise_model.safetensors", lora(tmp_path)),
        ("low_noise_model.safetensors", lora(tmp_path, 1)),
        ("named.safetensors", lora(tmp_path, 2)),
    )
    record = uploads.process_upload(data, "some/Ink wash.zip")
    assert record["name"] == "Ink wash"
    assert visible(root) == {
        "Ink wash/high_noise_model.safetensors", "Ink wash/low_noise_model.safetensors",
        "named.safetensors",
    }  # fmt: skip


def test_the_end_of_an_archive_is_where_zipfile_finds_it(
    uploads: LoRAUploadHandler, tmp_path: Path
) -> None:
    """However it is hidden, the length of the list of entries is known before it is read."""
    end = bytearray(packed(("a.safetensors", lora(tmp_path))))[-22:]
    end[12:16] = struct.pack("<I", 2**31)
    far = b"PK\x06\x06" + bytes(36) + struct.pack("<Q", 2**40) + bytes(8)
    locator = b"PK\x06\x07" + bytes(16)
    for tail in (
        bytes(end),
        bytes(end[:4]) + b"PK\x05\x06" + bytes(end[8:]),
        bytes(end[:-2]) + b"\x05\x00PK\x05\x06",
        far + locator + bytes(packed(("a.safetensors", b""))[-22:]),
    ):
        with pytest.raises(UploadError, match=r"too many entries|not a zip file"):
            uploads.process_archive(bytes(1000) + tail, "x.zip")


def test_an_encrypted_entry_is_refused_by_name(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    data = bytearray(
        packed(("a.safetensors", lora(tmp_path)), ("b.safetensors", lora(tmp_path, 1)))
    )
    data[6] |= 1  # the first file's own head
    data[data.index(b"PK\x01\x02") + 8] |= 1
    outcomes = uploads.process_archive(bytes(data), "x.zip")
    messages = [item["error"]["message"] for item in outcomes if item["error"]]
    assert messages == ["a.safetensors is encrypted."]
    assert visible(root) == {"b.safetensors"}


@pytest.mark.parametrize("at", [5000, -400])
def test_a_damaged_entry_is_refused(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path, at: int
) -> None:
    data = bytearray(packed(("a.safetensors", lora(tmp_path))))
    position = at if at > 0 else data.index(b"PK\x01\x02") + at
    data[position] ^= 0xFF
    with pytest.raises(UploadError, match="damaged"):
        uploads.process_upload(bytes(data), "x.zip")
    assert visible(root) == set() and not left(root)


def test_a_bomb_is_stopped_while_it_is_read(
    uploads: LoRAUploadHandler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    count = zip_files.ZipArchive.count
    monkeypatch.setattr(
        zip_files.ZipArchive, "count", lambda self, size: (read.append(size), count(self, size))[1]
    )
    data = packed(("a.safetensors", bytes(200_000_000)), method=zipfile.ZIP_DEFLATED)
    assert len(data) < 1_000_000
    with pytest.raises(UploadError, match="compressed more than"):
        uploads.process_upload(data, "x.zip")
    assert sum(read) < 60_000_000
    assert visible(root) == set() and not left(root)


def test_more_than_it_says_is_not_read(uploads: LoRAUploadHandler, tmp_path: Path) -> None:
    whole = lora(tmp_path)
    data = bytearray(packed(("a.safetensors", whole), method=zipfile.ZIP_DEFLATED))
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", len(whole) // 2)
    with pytest.raises(UploadError, match="damaged"):
        uploads.process_upload(bytes(data), "x.zip")


def test_archives_that_are_refused_as_a_whole(
    uploads: LoRAUploadHandler, settings: Settings, library: LoRALibrary, tmp_path: Path
) -> None:
    one = ("a.safetensors", lora(tmp_path))
    far = bytearray(packed(one))
    far[-10:-6] = struct.pack("<I", 2**31)
    twice = bytearray(packed(one, ("b.safetensors", lora(tmp_path, 1))))
    second = twice.rindex(b"PK\x01\x02")
    twice[second + 42 : second + 46] = struct.pack("<I", 10)
    many = packed(*((f"{number}.txt", b"") for number in range(10_001)))
    for data, problem in (
        (b"", "not a zip file"),
        (b"PK\x03\x04", "not a zip file"),
        (packed(one)[:-30], "not a zip file"),
        (bytes(far), "too many entries"),
        (bytes(twice), "overlapping entries"),
        (many, "more than 10000 files"),
        (packed(("a.txt", b"x"), ("b.zip", b"x")), "holds no LoRA"),
    ):
        with pytest.raises(UploadError, match=problem):
            uploads.process_upload(data, "x.zip")
    small = load_settings(loras_dir=settings.loras_dir, max_upload_mb=0.004)
    with pytest.raises(UploadError, match="unpacks to more"):
        LoRAUploadHandler(small, library).process_archive(packed(one), "x.zip")
    assert visible(settings.loras_dir) == set()


def test_it_is_pushed_in_chunks_and_leaves_nothing_when_broken_off(
    uploads: LoRAUploadHandler, root: Path, tmp_path: Path
) -> None:
    data = packed(("sub/a.safetensors", lora(tmp_path)))
    stage = uploads.open_stage("pack.zip", len(data), "mine")
    for start in range(0, len(data), 1000):
        stage.write(data[start : start + 1000])
    record = stage.finish()
    assert visible(root) == {"mine/sub/a.safetensors"}
    assert record["uploads"][0]["name"] == "a"
    stage = uploads.open_stage("pack.zip", len(data))
    stage.write(data[:100])
    assert left(root)
    stage.abort()
    assert not left(root)
    with pytest.raises(UploadError, match="larger"):
        uploads.open_stage("pack.zip", 10**12)


class OneWay(io.RawIOBase):
    """A stream that can be read once only, as a request's body is."""

    def __init__(self, data: bytes) -> None:
        self._source: BinaryIO = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()
