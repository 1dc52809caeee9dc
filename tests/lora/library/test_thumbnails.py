"""Thumbnails: made ahead, kept by content, swept, and chosen by the user."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.support.loras.files import write_lora
from tests.support.loras.pictures import BLUE, GREEN, RED, looks_like, picture, thumbnail, video
from wan_lora_studio.errors import LoRAError, LoRANotFoundError
from wan_lora_studio.lora.files import thumbnails
from wan_lora_studio.lora.library import shared_index as looking
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.library.preview_file import is_own
from wan_lora_studio.settings import Settings, load_settings


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The thumbnails that were encoded, rather than linked."""
    found: list[Path] = []
    save = thumbnails._save

    def counting(picture: Image.Image, target: Path, size: int) -> None:
        found.append(target)
        save(picture, target, size)

    monkeypatch.setattr(thumbnails, "_save", counting)
    return found


def test_they_are_made_without_being_asked_for(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "a.safetensors")
    picture(root / "a.png", RED)
    library.refresh()
    assert looks_like(root / ".thumbnails" / "a.webp", RED)


def test_those_of_a_large_library_are_made_in_the_background(
    settings: Settings, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LARGE", 2)
    root.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(("a", "b", "c", "d")):
        write_lora(root / f"{name}.safetensors", seed=index)
        picture(root / f"{name}.png", GREEN)
    library = LoRALibrary(settings)
    library.begin_refresh()
    assert library.finish_refresh(60)
    assert {path.name for path in (root / ".thumbnails").iterdir()} >= {
        f"{name}.webp" for name in "abcd"
    }


def test_a_rename_and_a_duplicate_cost_nothing(
    library: LoRALibrary, root: Path, saved: list[Path]
) -> None:
    write_lora(root / "a.safetensors", seed=1)
    write_lora(root / "b.safetensors", seed=2)
    picture(root / "a.png", RED)
    (root / "b.preview.png").write_bytes((root / "a.png").read_bytes())
    library.refresh()
    assert len(saved) == 1
    library.rename_lora_file("a", "z")
    assert looks_like(thumbnail(library, "z"), RED)
    assert looks_like(thumbnail(library, "b"), RED)
    assert len(saved) == 1


def test_thumbnails_of_what_is_gone_are_swept(library: LoRALibrary, root: Path) -> None:
    for index, name in enumerate("abc"):
        write_lora(root / f"{name}.safetensors", seed=index)
    library.refresh()
    folder = root / ".thumbnails"
    library.delete_lora_file("a")
    library.rename_lora_file("b", "z")
    assert {path.name for path in folder.iterdir()} == {"c.webp", "z.webp"}
    (folder / "stranger.webp").write_bytes(b"old")
    library.refresh()
    assert {path.name for path in folder.iterdir()} == {"c.webp", "z.webp"}
    library.undo_delete("a")
    assert {path.name for path in folder.iterdir()} == {"a.webp", "c.webp", "z.webp"}


def test_a_video_that_was_made_with_it_is_the_last_source(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    for index, name in enumerate("ab"):
        write_lora(root / f"{name}.safetensors", seed=index)
    library.refresh()
    before = library.record("a")["thumbnail_version"]
    library.record_use({"a": 1.0, "b": 1.0}, video(tmp_path / "both.mp4", BLUE))
    assert library.record("a")["thumbnail_version"] != before
    assert looks_like(library.thumbnail_file("a"), BLUE)
    library.record_use({"a": 1.0}, video(tmp_path / "alone.mp4", GREEN))
    library.record_use({"a": 1.0}, video(tmp_path / "later.mp4", RED))
    assert looks_like(library.thumbnail_file("a"), GREEN)
    assert looks_like(library.thumbnail_file("b"), BLUE)
    library.rename_lora_file("a", "z")
    assert looks_like(library.thumbnail_file("z"), GREEN)
    picture(root / "z.png", RED)
    library.refresh()
    assert looks_like(library.thumbnail_file("z"), RED)


def test_a_finished_videos_still_picture_goes_before_its_frames(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    made = video(tmp_path / "made.mp4", BLUE)
    picture(tmp_path / "made.jpg", GREEN, "JPEG")
    library.record_use({"a": 1.0}, made)
    assert looks_like(library.thumbnail_file("a"), GREEN)


def test_a_chosen_picture_is_shown_before_all_others(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    picture(root / "a.preview.jpg", BLUE, "JPEG")
    library.refresh()
    record = library.set_thumbnail("a", picture(tmp_path / "mine.webp", RED, "WEBP"))
    assert record["name"] == "a"
    assert looks_like(thumbnail(library, "a"), RED)
    assert is_own(root / "a.preview.png")
    library.set_thumbnail("a", video(tmp_path / "clip.mp4", GREEN))
    assert looks_like(thumbnail(library, "a"), GREEN)
    assert list((root / ".staging").iterdir()) == []
    assert library.clear_thumbnail("a")
    assert looks_like(thumbnail(library, "a"), BLUE)
    assert not library.clear_thumbnail("a")


def test_a_chosen_picture_is_made_small(library: LoRALibrary, root: Path, tmp_path: Path) -> None:
    write_lora(root / "a.safetensors")
    Image.new("RGB", (3000, 1500)).save(tmp_path / "big.png")
    library.set_thumbnail("a", tmp_path / "big.png")
    with Image.open(root / "a.preview.png") as found:
        assert found.size == (768, 384)


def test_a_small_picture_is_enlarged_by_a_whole_factor(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    small = Image.new("RGB", (100, 60), RED)
    small.putpixel((3, 4), BLUE)
    small.save(tmp_path / "small.png")
    library.set_thumbnail("a", tmp_path / "small.png")
    with Image.open(root / "a.preview.png") as kept:
        assert kept.size == (200, 120)
        assert kept.getpixel((6, 8)) == kept.getpixel((7, 9)) == BLUE
        assert kept.getpixel((5, 8)) == kept.getpixel((8, 9)) == RED


def test_a_pair_gets_one_picture(library: LoRALibrary, root: Path, tmp_path: Path) -> None:
    for role in ("high", "low"):
        write_lora(root / f"style_{role}_noise.safetensors", seed=len(role))
    library.refresh()
    library.set_thumbnail("style", picture(tmp_path / "x.png", RED))
    assert looks_like(thumbnail(library, "style"), RED)
    assert [path.name for path in root.glob("*.png")] == ["style_high_noise.preview.png"]
    assert library.clear_thumbnail("style")
    assert list(root.glob("*.png")) == []


def test_what_cannot_be_read_changes_nothing(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "link.png").symlink_to("/dev/zero")
    picture(tmp_path / "real.png", RED)
    for name in ("text.png", "link.png", "gone.png"):
        with pytest.raises(LoRAError) as caught:
            library.set_thumbnail("a", tmp_path / name)
        assert caught.value.suggestions
    with pytest.raises(LoRANotFoundError):
        library.set_thumbnail("zz", tmp_path / "real.png")
    assert [path.name for path in root.glob("a.*")] == ["a.safetensors"]


def test_nothing_is_written_into_an_extra_folder(tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    write_lora(extra / "theirs.safetensors")
    library = LoRALibrary(load_settings(loras_dir=tmp_path / "loras", extra_lora_dirs=[extra]))
    with pytest.raises(LoRAError, match="extra_lora_dirs"):
        library.set_thumbnail("theirs", picture(tmp_path / "x.png", RED))
    assert [path.name for path in extra.iterdir()] == ["theirs.safetensors"]


def test_a_clip_is_kept_with_its_picture_and_taken_back(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    library.refresh()
    clip = video(tmp_path / "made.mp4", GREEN)
    record = library.set_thumbnail("a", picture(tmp_path / "made.png", RED), clip)
    assert record["has_video"]
    assert looks_like(thumbnail(library, "a"), RED)
    assert (root / "a.preview.mp4").read_bytes().startswith(clip.read_bytes())
    library.rename_lora_file("a", "z")
    assert library.preview_video("z") == root / "z.preview.mp4"
    assert library.clear_thumbnail("z")
    assert not (root / "z.preview.png").exists() and not (root / "z.preview.mp4").exists()
    assert not library.clear_thumbnail("z")


def test_what_a_clip_takes_the_place_of_is_in_the_trash(
    library: LoRALibrary, root: Path, tmp_path: Path
) -> None:
    write_lora(root / "a.safetensors")
    theirs = video(root / "a.preview.mp4", BLUE).read_bytes()
    library.set_thumbnail("a", picture(tmp_path / "chosen.png", BLUE))
    assert library.clear_thumbnail("a")
    assert (root / "a.preview.mp4").read_bytes() == theirs
    chosen = picture(tmp_path / "chosen.png", BLUE)
    library.set_thumbnail("a", chosen)
    own = (root / "a.preview.png").read_bytes()
    clip = video(tmp_path / "made.mp4", GREEN)
    library.set_thumbnail("a", picture(tmp_path / "made.png", RED), clip)
    trash = [path.read_bytes() for path in (root / ".trash").rglob("*.preview.*")]
    assert theirs in trash and own in trash
    assert (root / "a.preview.mp4").read_bytes() != theirs


def test_what_is_no_clip_changes_nothing(library: LoRALibrary, root: Path, tmp_path: Path) -> None:
    write_lora(root / "a.safetensors")
    still = picture(tmp_path / "made.png", RED)
    for clip in (still, tmp_path / "gone.mp4"):
        with pytest.raises(LoRAError):
            library.set_thumbnail("a", still, clip)
    assert not (root / "a.preview.png").exists()


def test_loras_without_a_picture_are_known(library: LoRALibrary, root: Path) -> None:
    for index, name in enumerate("abcd"):
        write_lora(root / f"{name}.safetensors", seed=index)
    picture(root / "a.png", RED)
    video(root / "b.mp4", RED)
    models = library.record("a")["compatible_models"]
    other = next(name for name in library.settings.models if name not in models)
    assert library.without_picture(other) == []
    fits = models[0]
    assert library.without_picture(fits) == ["c", "d"]
    thumbnail(library, "c")
    assert library.without_picture(fits) == ["c", "d"]
    library.set_thumbnail("c", root / "a.png")
    assert library.without_picture(fits) == ["d"]
