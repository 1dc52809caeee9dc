"""The page's opening: one seed of the ready example without and with its LoRA, as small videos."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import av

from demo.paths import Paths
from wan_lora_studio.settings import ReadyExample, load_settings
from wan_lora_studio.wan.generation import generate_video
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models import OPENING, ModelManager
from wan_lora_studio.wan.task import GenerationResult, GenerationTask

MODEL = "demo"


def write_opening(paths: Paths) -> None:
    """Make both videos with the app itself, and write them into the model's folder."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        settings = load_settings(
            models_dir=paths.model.parent,
            loras_dir=paths.loras,
            outputs_dir=work / "outputs",
            data_dir=work / "data",
        )
        example = settings.model(MODEL).opens_with
        if example is None:
            raise SystemExit(f"The row {MODEL} of config.json has no opens_with.")
        models, loras = ModelManager(settings), LoRAManager(settings)
        target = paths.model / OPENING
        target.mkdir(exist_ok=True)
        for name, selected in (("without", {}), ("with", dict(example.selected_loras))):
            task = GenerationTask(
                model_type=MODEL,
                prompt=example.prompt,
                seed=example.seed,
                selected_loras=selected,
            )
            result = generate_video(task, models=models, loras=loras)
            _copy(Path(result.video_path), target / f"{name}.mp4")
        _describe(target, example, result)


def _describe(target: Path, example: ReadyExample, result: GenerationResult) -> None:
    frames, height, width = result.frames_shape[:3]
    said = {
        "prompt": example.prompt,
        "seed": example.seed,
        "selected_loras": dict(example.selected_loras),
        "width": width,
        "height": height,
        "frames": frames,
        "fps": result.task.fps,
    }
    text = json.dumps(said, indent=1) + "\n"
    (target / f"{OPENING}.json").write_text(text, encoding="utf-8")


def _copy(video: Path, target: Path) -> None:
    """The same frames without what the app writes beside them, such as the machine."""
    options = {"movflags": "+faststart"}
    with (
        av.open(str(video)) as source,
        av.open(str(target), "w", format="mp4", options=options) as copy,
    ):
        stream = source.streams.video[0]
        written = copy.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = written
                copy.mux(packet)
