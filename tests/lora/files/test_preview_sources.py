"""Pictures beside a LoRA, of any name, size and kind."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.loras.files import write_lora
from tests.support.loras.pictures import GREEN, RED, looks_like, thumbnail, video
from wan_lora_studio.lora.files.preview_sources import decode_picture
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.sandbox.pictures import MAX_PIXELS
from wan_lora_studio.sandbox.png_strips import png_size, reduced

LARGE = 9000


@pytest.mark.parametrize(
    "name",
    ["x.PNG", "x.Preview.png", "x.safetensors.png", "x.avif", "x.preview.AVIF", "x.Thumb.Jpg",
     "x.WEBP", "x.safetensors.preview.jpeg", "x.gif"],
)  # fmt: skip
def test_a_preview_of_any_name(library: LoRALibrary, root: Path, name: str) -> None:
    write_lora(root / "x.safetensors")
    kind = {"jpg": "JPEG", "jpeg": "JPEG"}.get(name.rpartition(".")[2].lower())
    Image.new("RGB", (60, 40), RED).save(root / name, kind or name.rpartition(".")[2].upper())
    assert looks_like(thumbnail(library, "x"), RED)
    assert library.rename_lora_file("x", "y")
    assert {path.name for path in root.iterdir() if path.name[0] != "."} == {
        "y.safetensors", "y" + name[1:]
    }  # fmt: skip
    assert looks_like(thumbnail(library, "y"), RED)
    library.delete_lora_file("y")
    assert not list(root.glob("[!.]*"))
    library.undo_delete("y")
    assert (root / f"y{name[1:]}").is_file()


@pytest.mark.parametrize("key", ["modelspec.thumbnail", "modelspec.preview_image", "thumbnail"])
def test_the_picture_in_swarmuis_description(library: LoRALibrary, root: Path, key: str) -> None:
    write_lora(root / "a.safetensors")
    data = io.BytesIO()
    Image.new("RGB", (60, 40), RED).save(data, "JPEG")
    uri = f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
    (root / "a.swarm.json").write_text(json.dumps({key: uri, "modelspec.title": "Ink"}))
    assert looks_like(thumbnail(library, "a"), RED)
    assert library.record("a")["title"] == "Ink"
    Image.new("RGB", (60, 40), GREEN).save(root / "a.png")
    library.refresh()
    assert looks_like(thumbnail(library, "a"), GREEN)
    for broken in ('{"modelspec.thumbnail": "data:image/png;base64,x"}', "{", '{"thumbnail": 5}'):
        (root / "a.png").unlink(missing_ok=True)
        (root / "a.swarm.json").write_text(broken)
        library.refresh()
        assert thumbnail(library, "a").is_file()


def test_content_counts_and_not_the_ending(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    video(root / "a.mp4", GREEN).rename(root / "a.png")
    write_lora(root / "b.safetensors", seed=1)
    Image.new("RGB", (60, 40), RED).save(root / "b.mp4", "PNG")
    assert looks_like(thumbnail(library, "a"), GREEN)
    assert looks_like(thumbnail(library, "b"), RED)


def test_a_chosen_picture_goes_before_one_of_the_same_name_in_capitals(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    Image.new("RGB", (60, 40), RED).save(root / "a.Preview.png")
    chosen = tmp_path / "chosen.png"
    Image.new("RGB", (60, 40), GREEN).save(chosen)
    library.set_thumbnail("a", chosen)
    assert looks_like(thumbnail(library, "a"), GREEN)
    assert [entry["files"] for entry in library.list_trash()] == [["a.Preview.png"]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P"])
def test_strips_are_the_picture_made_smaller(mode: str) -> None:
    ramp = np.arange(1000 * 700 * 3, dtype=np.uint32) * 2654435761 % 251 // 3
    whole = Image.fromarray(ramp.astype(np.uint8).reshape(1000, 700, 3)).convert(mode)
    file = io.BytesIO()
    whole.save(file, "PNG")
    size = png_size(file)
    assert size is not None
    small = reduced(file, size, 250)
    assert small.size == (175, 250)
    assert np.array_equal(np.asarray(small), np.asarray(whole.convert("RGB").reduce(4)))


def test_a_damaged_one_is_no_picture() -> None:
    file = io.BytesIO()
    Image.new("RGB", (900, 900), RED).save(file, "PNG")
    data = file.getvalue()
    for broken in (data[: len(data) // 2], data.replace(b"IDAT", b"IDAX")):
        size = png_size(io.BytesIO(broken))
        assert size is not None
        with pytest.raises(ValueError, match=r"cut_short|damaged"):
            reduced(io.BytesIO(broken), size, 100)


MEASURED = """
import resource, sys
from pathlib import Path
from wan_lora_studio.lora.files.preview_sources import picture_of
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
picture = picture_of(Path(sys.argv[1]))
print(*picture.size, *picture.getpixel((0, 0)), peak() - before)
"""


@pytest.mark.parametrize("name", ["large.png", "large.jpg"])
def test_a_picture_of_81_million_pixels_takes_little_memory(tmp_path: Path, name: str) -> None:
    assert LARGE * LARGE > MAX_PIXELS
    Image.new("RGB", (LARGE, LARGE), RED).save(tmp_path / name, compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / name],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    width, height, *color, megabytes = map(int, done.stdout.split())
    assert 1024 <= width == height <= 2304
    assert all(abs(value - meant) < 6 for value, meant in zip(color, RED, strict=True))
    assert megabytes < 100


@pytest.mark.parametrize("sides", [(65_000, 65_000), (2_000_000, 3)])
def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(
    sides: tuple[int, int],
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = sides[0].to_bytes(4, "big") + sides[1].to_bytes(4, "big")
    with pytest.raises((ValueError, Image.DecompressionBombError, OSError)):
        decode_picture(io.BytesIO(bytes(data)))
