"""Make the README's animation: one prompt and seed, bare and with the demo LoRAs.

    python -m scripts.readme_pictures

writes docs/images/with_and_without.webp. Every clip is generated here, by the app's own code.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFont

from utils import GenerationTask, LoRAManager, ModelManager, generate_video, load_settings

ROOT = Path(__file__).resolve().parent.parent

PROMPT = "a red circle moving right on a navy background"
SEED = 11
CLIPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no LoRA", {}),
    ("neon_outline 1.0", {"neon_outline": 1.0}),
    ("golden_hour 1.0", {"golden_hour": 1.0}),
    ("motion_trail 1.0 + pixel_mosaic 1.0", {"motion_trail": 1.0, "pixel_mosaic": 1.0}),
)
SIDE, LABEL, GAP = 224, 26, 8  # pixels
PAPER, INK = (250, 250, 248), (40, 42, 48)


def clip_frames(video: Path) -> list[Image.Image]:
    with av.open(str(video)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def sheet(frames: list[Image.Image], labels: list[str]) -> Image.Image:
    """One moment of all clips side by side, each with its label below."""
    width = len(frames) * (SIDE + GAP) - GAP
    page = Image.new("RGB", (width, SIDE + LABEL), PAPER)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(12)
    for index, (frame, label) in enumerate(zip(frames, labels, strict=True)):
        left = index * (SIDE + GAP)
        page.paste(frame.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, 0))
        draw.text((left + 2, SIDE + 6), label, fill=INK, font=font)
    return page


def main() -> None:
    target = ROOT / "docs" / "images" / "with_and_without.webp"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(outputs_dir=folder)
        models, loras = ModelManager(settings), LoRAManager(settings)
        clips = []
        for _, selection in CLIPS:
            task = GenerationTask(
                model_type="demo", prompt=PROMPT, seed=SEED, selected_loras=selection
            )
            result = generate_video(task, models=models, loras=loras)
            clips.append(clip_frames(Path(result.video_path)))
            fps = result.task.fps or 8
    labels = [label for label, _ in CLIPS]
    pages = [sheet(list(moment), labels) for moment in zip(*clips, strict=True)]
    pages[0].save(
        target,
        save_all=True,
        append_images=pages[1:],
        duration=round(1000 / fps),
        loop=0,
        quality=80,
    )
    print(f"wrote {target.relative_to(ROOT)}: {target.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
