"""Several files and whole folders at once: sidecars come along, halves meet, nothing is lost."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.loras.files import layer_keys, write_lora
from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings


@pytest.fixture
def handler(settings: Settings) -> LoRAUploadHandler:
    return LoRAUploadHandler(settings)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "pack").mkdir()
    return tmp_path / "pack"


def picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(data, "PNG")
    return data.getvalue()


def visible(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(root).parts)
    }


def statuses(outcomes: list[dict[str, Any]]) -> dict[str, str]:
    return {item["filename"]: item["status"] for item in outcomes}


def nothing_staged(root: Path) -> bool:
    return not list(root.glob(".staging/*"))


def test_a_folder_with_halves_and_sidecars(
    handler: LoRAUploadHandler, source: Path, root: Path
) -> None:
    for seed, half in enumerate(("glow_HIGH", "deep/glow_LOW")):
        write_lora(source / f"{half}.safetensors", seed=seed)
        (source / f"{half}.json").write_text('{"description": "d"}')
    (source / "glow_HIGH.preview.png").write_bytes(picture())
    (source / "glow_HIGH.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(20))
    (source / "glow_HIGH.txt").write_text("words")
    (source / ".hidden.txt").write_text("x")
    (source / "readme.md").write_text("x")
    outcomes = handler.process_folder(source)
    assert statuses(outcomes) == {
        "pack/glow_HIGH.json": "taken_along",
        "pack/glow_HIGH.mp4": "taken_along",
        "pack/glow_HIGH.preview.png": "taken_along",
        "pack/glow_HIGH.safetensors": "stored",
        "pack/glow_HIGH.txt": "taken_along",
        "pack/readme.md": "refused",
        "pack/deep/glow_LOW.json": "taken_along",
        "pack/deep/glow_LOW.safetensors": "stored",
    }
    assert {item["name"] for item in outcomes if item["status"] == "stored"} == {"glow"}
    record = handler.library.record("glow")
    assert record["is_pair"]
    assert record["metadata"]["description"] == "d"
    sent = {path.name: path.read_bytes() for path in source.rglob("glow*")}
    assert visible(root) == sent
    assert nothing_staged(root)


def test_a_folder_is_kept_where_its_files_need_it(
    handler: LoRAUploadHandler, tmp_path: Path, root: Path
) -> None:
    (root / "ghost").mkdir()
    files: dict[str, Any] = {}
    for seed, half in enumerate(("high", "low")):
        path = write_lora(tmp_path / half, seed=seed)
        files[f"packs/ghost/{half}_noise_model.safetensors"] = path
    peft = write_lora(tmp_path / "peft", layer_keys("base_model.model.{m}"), seed=7)
    files["own\\adapter_model.safetensors"] = peft
    files["own\\adapter_config.json"] = b'{"lora_alpha": 8, "r": 4}'
    outcomes = handler.process_uploads(files)
    assert set(visible(root)) == {
        "ghost 2/high_noise_model.safetensors",
        "ghost 2/low_noise_model.safetensors",
        "own/adapter_config.json",
        "own/adapter_model.safetensors",
    }
    assert [item.get("name") for item in outcomes] == ["ghost 2", "ghost 2", "own", None]
    assert handler.library.info("own")["both"].scaling.alpha == 8


def test_one_that_is_refused_stops_no_other(
    handler: LoRAUploadHandler, tmp_path: Path, root: Path
) -> None:
    good = write_lora(tmp_path / "good", seed=1).read_bytes()
    outcomes = handler.process_uploads({
        "bad.safetensors": b"no lora", "bad.png": picture(), "pickle.ckpt": b"x",
        "good.safetensors": good, "good.png": b"no picture", "good.json": b"[1]",
        "good.civitai.info": b"{", "good.webm": b"MZ", "good.txt": b"\0", "good.jpg": b"",
        "again.safetensors": io.BytesIO(good), "again.txt": b"text",
        "absent.safetensors": tmp_path / "absent", "CON.safetensors": good,
    })  # fmt: skip
    found = statuses(outcomes)
    assert {name for name, status in found.items() if status == "stored"} == {"good.safetensors"}
    assert found["again.safetensors"] == found["again.txt"] == "duplicate"
    assert {name for name, status in found.items() if status == "refused"} == found.keys() - {
        "good.safetensors", "again.safetensors", "again.txt"
    }  # fmt: skip
    by_name = {item["filename"]: item for item in outcomes}
    assert by_name["again.safetensors"]["name"] == "good"
    assert all(item["error"]["suggestions"] for item in outcomes if item["error"])
    assert set(visible(root)) == {"good.safetensors"}
    assert nothing_staged(root)


def test_a_sidecar_never_overwrites(handler: LoRAUploadHandler, tmp_path: Path, root: Path) -> None:
    (root / "a.json").write_text('{"of": "somebody"}')
    (root / "a 2.txt").write_text("also taken")
    lora = write_lora(tmp_path / "lora")
    outcomes = handler.process_uploads({"a.safetensors": lora, "a.json": b'{"new": 1}'})
    assert statuses(outcomes) == {"a.safetensors": "refused", "a.json": "refused"}
    assert outcomes[0]["error"]["context"]["proposed_name"] == "a 3"
    assert visible(root) == {"a.json": b'{"of": "somebody"}', "a 2.txt": b"also taken"}
    assert nothing_staged(root)


class FullDisk:
    """Stands for a disk with no more than so many bytes free: then ENOSPC, as the kernel says."""

    write = staticmethod(os.write)

    def __init__(self, free: int) -> None:
        self.free = free

    def __call__(self, descriptor: int, data: Any) -> int:
        if self.free <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.write(descriptor, data[: self.free])
        self.free -= written
        return written


def test_a_full_disk_fails_one_upload_and_not_the_next(
    handler: LoRAUploadHandler, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_lora(tmp_path / "big").read_bytes()
    monkeypatch.setattr(os, "write", FullDisk(len(content) - 100))
    with pytest.raises(UploadError, match="No space left") as caught:
        handler.process_upload(content, "big.safetensors")
    assert caught.value.suggestions
    sidecar = handler.process_uploads({"big.safetensors": content, "big.txt": b"x" * 10_000})
    assert statuses(sidecar) == {"big.safetensors": "refused", "big.txt": "refused"}
    assert visible(root) == {}
    assert nothing_staged(root)
    monkeypatch.setattr(os, "write", FullDisk(len(content)))
    assert handler.process_upload(content, "small.safetensors")["name"] == "small"


def test_a_disk_that_fails_to_sync_keeps_nothing(
    handler: LoRAUploadHandler, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    content = write_lora(tmp_path / "a").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(UploadError):
            handler.process_upload(content, "a.safetensors")
    assert visible(root) == {}
    assert nothing_staged(root)
    assert handler.process_upload(content, "a.safetensors")["name"] == "a"
