"""What a person sees of a LoRA: texts from header and sidecars, and thumbnails."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.lora.files.loose_values import read_html
from wan_lora_studio.lora.files.preview_sources import picture_sources
from wan_lora_studio.lora.files.thumbnails import initials, make_thumbnail, placeholder
from wan_lora_studio.lora.inspection.header_texts import describe
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings

Color = tuple[int, int, int]
RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)


@pytest.fixture
def library(tmp_path: Path) -> LoRALibrary:
    tiny_model(tmp_path / "models")
    return LoRALibrary(load_settings(loras_dir=tmp_path / "loras", models_dir=tmp_path / "models"))


@pytest.fixture
def root(library: LoRALibrary) -> Path:
    return library.root


def picture(color: Color, size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, kind)
    return data.getvalue()


def data_uri(color: Color) -> str:
    return "data:image/png;base64," + base64.b64encode(picture(color)).decode()


def video(path: Path, color: Color) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), color, np.uint8))
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)


def looks_like(path: Path, color: Color) -> bool:
    with Image.open(path) as found:
        assert found.format == "WEBP"
        pixel = found.convert("RGB").getpixel((found.width // 2, found.height // 2))
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 25 for a, b in zip(pixel, color, strict=True))


def test_the_best_source_is_used(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", metadata={"modelspec.thumbnail": data_uri(GREEN)})
    library.refresh()
    versions = [library.record("a")["thumbnail_version"]]
    assert looks_like(library.thumbnail_file("a"), GREEN)
    video(root / "a.mp4", BLUE)
    library.refresh()
    assert looks_like(library.thumbnail_file("a"), GREEN)
    (root / "a.preview.png").write_bytes(picture(RED))
    (root / "a.jpg").write_bytes(picture(BLUE, kind="JPEG"))
    library.refresh()
    assert looks_like(library.thumbnail_file("a"), RED)
    versions.append(library.record("a")["thumbnail_version"])
    assert versions[0] != versions[1]


def test_first_frame_of_a_video(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    video(root / "a.mp4", BLUE)
    library.refresh()
    assert looks_like(library.thumbnail_file("a"), BLUE)


def test_cover_images_of_kohya(library: LoRALibrary, root: Path) -> None:
    cover = base64.b64encode(picture(BLUE)).decode()
    write_lora(root / "a.safetensors", metadata={"ssmd_cover_images": json.dumps([cover])})
    library.refresh()
    assert looks_like(library.thumbnail_file("a"), BLUE)


def test_pictures_that_cannot_be_decoded_are_passed_over(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors", metadata={"modelspec.thumbnail": data_uri(GREEN)})
    (root / "a.preview.png").write_bytes(b"<svg onload=alert(1)>")
    (root / "a.png").write_bytes(picture(RED)[:60])
    (root / "a.webp").symlink_to(tmp_path / "secret")
    (root / "a.mp4").write_bytes(b"no video")
    library.refresh()
    assert looks_like(library.thumbnail_file("a"), GREEN)


def test_a_huge_picture_is_not_decoded(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (9000, 9000)).save(bomb)
    made = make_thumbnail(tmp_path / "t.webp", "n", picture_sources(None, [bomb]), 64)
    assert made.kind == "placeholder"


def test_thumbnails_are_small_and_keep_their_proportions(tmp_path: Path) -> None:
    source = tmp_path / "wide.png"
    source.write_bytes(picture(RED, size=(800, 400)))
    make_thumbnail(tmp_path / "t.webp", "n", picture_sources(None, [source]), 128)
    with Image.open(tmp_path / "t.webp") as found:
        assert found.size == (128, 64)


def test_placeholders_are_light_tiles_with_initials() -> None:
    one, two = placeholder("one", 128), placeholder("two", 128)
    assert one.tobytes() != two.tobytes()
    assert one.tobytes() == placeholder("one", 128).tobytes()
    for tile in (one, two, placeholder("\u65e5\u672c", 128)):
        assert np.asarray(tile).mean() > 200
    named = {"golden_hour": "GH", "lightning 4step": "L4", "neon": "Ne", "MyStyle": "MS"}
    assert {name: initials(name) for name in named} == named
    assert initials("\u65e5\u672c") == ""


def test_a_lost_thumbnail_is_made_again(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    library.thumbnail_file("a").unlink()
    assert library.thumbnail_file("a").is_file()


def test_texts_from_every_tool(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", metadata={"modelspec.author": "h", "modelspec.title": "T"})
    (root / "a.json").write_text(
        json.dumps({"activation text": "zap", "preferred weight": 0.6, "notes": "n"})
    )
    (root / "a.metadata.json").write_text(
        json.dumps(
            {
                "model_name": "M",
                "tags": ["x", 3],
                "civitai": {"trainedWords": ["other"]},
                "usage_tips": '{"strength": 0.9}',
            }
        )
    )
    (root / "a.civitai.info").write_text(
        json.dumps({"description": "<p>Hi <b>you</b></p><script>x</script>", "baseModel": "Wan"})
    )
    library.refresh()
    record = library.record("a")
    assert record["title"] == "M"
    assert record["preferred_strength"] == 0.6
    meta = record["metadata"]
    assert meta["trigger_words"] == ["zap"]
    assert meta["tags"] == ["x"]
    assert meta["author"] == "h"
    assert meta["usage_hint"] == "n"
    assert meta["base_model"] == "Wan"
    assert meta["description"].startswith("Hi you")


def test_a_broken_sidecar_never_hides_its_lora(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors", metadata={"modelspec.description": "from the header"})
    (root / "a.json").write_text("{")
    (root / "a.civitai.info").write_bytes(b"\xff\xfe")
    library.refresh()
    record = library.record("a")
    assert record["status"] == "ok"
    assert record["metadata"]["description"] == "from the header"
    assert len(record["sidecar_problems"]) == 2


def test_html_becomes_text() -> None:
    notes: list[str] = []
    for written, text in (
        ("<p>one</p><p>two &amp; three</p>", "one\ntwo & three"),
        ("1 \u202e< 2", "1 < 2"),
        ("use <lora:style:0.8> with it", "use <lora:style:0.8> with it"),
        ("<![foo[ cut short", "[foo[ cut short"),
    ):
        assert read_html(written, notes.append) == text
    assert not notes


def test_trigger_words_from_training_tags() -> None:
    tags = json.dumps({"10_x": {"zap": 20, "cat": 3}, "5_y": {"zap": 5, "dog": 2}})
    assert describe({"ss_tag_frequency": tags}).trigger_words == ("zap",)
    equal = json.dumps({"10_x": {"zap": 20, "cat": 3, "zop": 15}, "5_y": {"zop": 5}})
    assert describe({"ss_tag_frequency": equal}).trigger_words == ("zap", "zop")
    assert describe({"ss_tag_frequency": "[1"}).trigger_words == ()
    assert describe({"trigger_words": '["a", "b"]'}).trigger_words == ("a", "b")
    assert describe({"modelspec.tags": "a, b,a"}).tags == ("a", "b")


@pytest.mark.parametrize(
    "key",
    [
        "modelspec.trigger_phrase", "trigger_phrase", "trigger_words", "trigger_word",
        "trained_words", "trainedWords", "instance_prompt",
    ],
)  # fmt: skip
def test_trigger_words_under_any_key(key: str) -> None:
    tags = {"ss_tag_frequency": json.dumps({"x": {"other": 9}})}
    assert describe({key: "zap, zop", **tags}).trigger_words == ("zap", "zop")
    assert describe({key: '["zap", "zop"]', **tags}).trigger_words == ("zap", "zop")
    assert describe({key: "", **tags}).trigger_words == ("other",)
