"""Uploads over a real folder: what is taken, what is refused, and that refusals leave nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from tests.support.loras.files import (
    lokr,
    musubi,
    random_tensors,
    write_lora,
    write_raw,
    write_safetensors,
)
from wan_lora_studio.errors import LoRAFileError, UnsupportedLoRAError, UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.names import name_problem
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings


@pytest.fixture
def handler(settings: Settings) -> LoRAUploadHandler:
    return LoRAUploadHandler(settings)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_lora(tmp_path / "source.safetensors").read_bytes()


def everything(root: Path) -> list[str]:
    """All files of the library but the catalogue's, hidden ones included."""
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith((".catalog", ".lock"))
    )


def test_bytes_streams_and_paths(
    handler: LoRAUploadHandler, settings: Settings, tmp_path: Path
) -> None:
    for index, kind in enumerate(("bytes", "stream", "path", "text")):
        path = write_lora(tmp_path / "source.safetensors", seed=index)
        forms: dict[str, bytes | BinaryIO | str | Path] = {
            "bytes": path.read_bytes(),
            "stream": io.BytesIO(path.read_bytes()),
            "path": path,
            "text": str(path),
        }
        record = handler.process_upload(forms[kind], f"{kind}.safetensors")
        assert record["name"] == kind
        assert record["status"] == "ok"
        stored = settings.loras_dir / record["path"]
        assert stored.read_bytes() == path.read_bytes()
        assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (settings.loras_dir / record["thumbnail_path"]).is_file()
        assert path.exists()
    assert not list((settings.loras_dir / ".staging").iterdir())


def test_the_library_takes_a_path(settings: Settings, tmp_path: Path) -> None:
    library = LoRALibrary(settings)
    path = write_lora(tmp_path / "gradio" / "blob", lokr())
    record = library.upload_lora_file(path, "neon.safetensors")
    assert (record["dialect"], record["algebra"]) == ("lycoris", ["lokr"])
    assert list(library.list_available_loras()) == ["neon"]


def test_halves_pair_on_arrival(handler: LoRAUploadHandler, tmp_path: Path) -> None:
    for seed, role in enumerate(("HIGH", "LOW")):
        path = write_lora(tmp_path / "h.safetensors", seed=seed)
        record = handler.process_upload(path, f"glow_{role}.safetensors")
    assert record["name"] == "glow"
    assert set(record["files"]) == {"high", "low"}


def nan_file(tmp_path: Path) -> Path:
    tensors = random_tensors(musubi())
    tensors["lora_unet_blocks_0_ffn_0.lora_up.weight"][0, 0] = np.nan
    return write_safetensors(tmp_path / "bad", tensors)


def half_file(tmp_path: Path) -> Path:
    shapes = musubi()
    del shapes["lora_unet_blocks_0_ffn_0.lora_up.weight"]
    return write_lora(tmp_path / "bad", shapes)


def truncated_file(tmp_path: Path) -> Path:
    path = write_lora(tmp_path / "bad")
    path.write_bytes(path.read_bytes()[:-5])
    return path


REFUSED = {
    "nan": (nan_file, LoRAFileError, "not finite"),
    "half": (half_file, UnsupportedLoRAError, "without lora_up"),
    "truncated": (truncated_file, LoRAFileError, "incomplete download"),
    "empty": (lambda t: write_raw(t / "bad", "{}"), LoRAFileError, "no tensors"),
    "zeros": (
        lambda t: write_safetensors(
            t / "bad", {k: np.zeros(s, np.float32) for k, s in musubi().items()}
        ),
        LoRAFileError,
        "all weights are zero",
    ),
    "other model": (
        lambda t: write_lora(t / "bad", {"double_blocks.0.img_attn.lora_A.weight": (4, 4)}),
        UnsupportedLoRAError,
        "not a Wan LoRA",
    ),
}


@pytest.mark.parametrize("way", REFUSED)
def test_refused_files_leave_nothing(
    handler: LoRAUploadHandler, settings: Settings, tmp_path: Path, way: str
) -> None:
    make, error, match = REFUSED[way]
    path = make(tmp_path)
    for data in (path, path.read_bytes()):
        with pytest.raises(error, match=match) as caught:
            handler.process_upload(data, "mine.safetensors")
        assert caught.value.message.startswith("mine.safetensors")
        assert caught.value.suggestions
    assert everything(settings.loras_dir) == []
    assert handler.library.list_available_loras() == {}
    path.rename(tmp_path / "bad.safetensors")
    fine, message = handler.validate_file(tmp_path / "bad.safetensors")
    assert not fine
    assert match in message


def test_validate_file(handler: LoRAUploadHandler, tmp_path: Path) -> None:
    fine, message = handler.validate_file(write_lora(tmp_path / "a.safetensors"))
    assert fine
    assert "musubi" in message
    assert not handler.validate_file(tmp_path / "absent.safetensors")[0]
    assert not handler.validate_file(write_lora(tmp_path / "a.ckpt"))[0]
    os.mkfifo(tmp_path / "f.safetensors")
    assert not handler.validate_file(tmp_path / "f.safetensors")[0]


def test_a_duplicate_is_recognised_under_any_name(
    handler: LoRAUploadHandler, content: bytes
) -> None:
    handler.process_upload(content, "first.safetensors")
    handler.library.rename_lora_file("first", "renamed")
    with pytest.raises(UploadError, match="'renamed'") as caught:
        handler.process_upload(content, "second.safetensors")
    assert caught.value.context == {"reason": "duplicate", "existing": "renamed"}
    assert list(handler.library.list_available_loras()) == ["renamed"]


def test_a_taken_name_is_never_overwritten(
    handler: LoRAUploadHandler, settings: Settings, content: bytes, tmp_path: Path
) -> None:
    handler.process_upload(content, "Style.safetensors")
    other = write_lora(tmp_path / "o.safetensors", seed=5)
    before = (settings.loras_dir / "Style.safetensors").read_bytes()
    for name in ("Style", "style"):
        with pytest.raises(UploadError, match="already") as caught:
            handler.process_upload(other, f"{name}.safetensors")
        proposed = caught.value.context["proposed_name"]
        assert proposed.casefold() == "style 2"
    assert (settings.loras_dir / "Style.safetensors").read_bytes() == before
    assert handler.process_upload(other, f"{proposed}.safetensors")["name"] == proposed


@pytest.mark.parametrize(
    "name",
    ["x.ckpt", "x", ".safetensors", "..safetensors", "-x.safetensors", "CON.safetensors",
     "a\0b.safetensors", "a\u202eb.safetensors", "x" * 300 + ".safetensors", "a?.safetensors"],
)  # fmt: skip
def test_bad_names_are_refused_before_anything_is_written(
    handler: LoRAUploadHandler, settings: Settings, content: bytes, name: str
) -> None:
    with pytest.raises(UploadError) as caught:
        handler.process_upload(content, name)
    proposed = caught.value.context.get("proposed_name")
    assert proposed is None or name_problem(proposed) is None
    assert everything(settings.loras_dir) == []


def test_a_path_in_the_name_cannot_leave_the_library(
    handler: LoRAUploadHandler, settings: Settings, content: bytes, tmp_path: Path
) -> None:
    record = handler.process_upload(content, "../../evil/name.safetensors")
    assert record["path"] == "name.safetensors"
    assert not (tmp_path / "evil").exists()


def test_size_limit_and_disk_reserve(settings: Settings, content: bytes) -> None:
    def limited(**changes: Any) -> LoRAUploadHandler:
        return LoRAUploadHandler(settings.model_copy(update=changes))

    small = limited(max_upload_mb=0.001)
    with pytest.raises(UploadError, match="larger than"):
        small.process_upload(content, "a.safetensors")
    with pytest.raises(UploadError, match="larger than"):
        small.process_upload(io.BytesIO(content), "a.safetensors")
    full = limited(disk_reserve_mb=1e12)
    with pytest.raises(UploadError, match="free") as caught:
        full.process_upload(content, "a.safetensors")
    assert caught.value.context["reason"] == "disk"
    assert everything(settings.loras_dir) == []
    assert limited().process_upload(content, "a.safetensors")


def test_a_stage_takes_chunks(
    handler: LoRAUploadHandler, settings: Settings, content: bytes
) -> None:
    stage = handler.open_stage("a.safetensors", len(content))
    for start in range(0, len(content), 1000):
        stage.write(content[start : start + 1000])
    assert stage.received == len(content)
    assert stage.finish()["name"] == "a"
    stage.abort()
    assert "a.safetensors" in everything(settings.loras_dir)


def test_an_aborted_or_short_stage_leaves_nothing(
    handler: LoRAUploadHandler, settings: Settings, content: bytes
) -> None:
    stage = handler.open_stage("a.safetensors")
    stage.write(content[:100])
    stage.abort()
    stage.abort()
    with pytest.raises(UploadError, match="closed"):
        stage.write(b"more")
    short = handler.open_stage("a.safetensors", len(content))
    short.write(content[:100])
    with pytest.raises(UploadError, match=r"Incomplete upload of a\.safetensors: 0\.1 of"):
        short.finish()
    assert everything(settings.loras_dir) == []


def test_a_source_that_breaks_off_leaves_nothing(
    handler: LoRAUploadHandler, settings: Settings, content: bytes
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise ConnectionResetError("gone")
            return super().read(100)

    with pytest.raises(ConnectionResetError):
        handler.process_upload(Broken(content), "a.safetensors")
    assert everything(settings.loras_dir) == []


def test_memory_stays_flat(handler: LoRAUploadHandler, tmp_path: Path) -> None:
    big = {"lora_unet_blocks_0_self_attn_q.lora_down.weight": (256, 16384)}
    big["lora_unet_blocks_0_self_attn_q.lora_up.weight"] = (16384, 256)
    path = write_lora(tmp_path / "big", big)
    assert path.stat().st_size > 32_000_000
    tracemalloc.start()
    handler.process_upload(path, "big.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16_000_000


def test_metadata_of_a_file(handler: LoRAUploadHandler, tmp_path: Path) -> None:
    meta = {"modelspec.description": "d", "modelspec.trigger_phrase": "zap, zop"}
    found = handler.extract_metadata(write_lora(tmp_path / "a.safetensors", metadata=meta))
    assert found["description"] == "d"
    assert found["trigger_words"] == ["zap", "zop"]
    assert found["rank"] == 4
    assert json.dumps(found)


def test_thumbnails_by_name(handler: LoRAUploadHandler, content: bytes) -> None:
    handler.process_upload(content, "a.safetensors")
    assert str(handler.generate_thumbnail("a")).endswith("a.webp")
    assert handler.generate_thumbnail("zz") is None
