"""Settings, models and library over one temporary folder, as a script would hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.generation.generation import generate_video
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models.loading import ModelManager
from wan_lora_studio.wan.task import GenerationResult, GenerationTask


class Studio:
    """Settings, models and library over one temporary folder."""

    def __init__(self, settings: Settings, models: ModelManager) -> None:
        self.settings = settings
        self.models = models
        self.loras = LoRAManager(settings)

    def run(self, **fields: Any) -> GenerationResult:
        watch = {
            name: fields.pop(name) for name in ("on_progress", "cancel", "wait") if name in fields
        }
        task = GenerationTask(**{"model_type": "t2v", "prompt": "a shape", "seed": 1, **fields})
        return generate_video(task, models=self.models, loras=self.loras, **watch)

    def weights(self, model_type: str = "t2v") -> dict[str, torch.Tensor]:
        pipeline = self.models.load(model_type).pipeline
        return {
            f"{part}.{name}": value.clone()
            for part in ("transformer", "transformer_2")
            if getattr(pipeline, part) is not None
            for name, value in getattr(pipeline, part).state_dict().items()
        }

    def assert_weights(self, before: dict[str, torch.Tensor], model_type: str = "t2v") -> None:
        for name, value in self.weights(model_type).items():
            assert torch.equal(value.view(torch.uint8), before[name].view(torch.uint8)), name

    def files(self) -> list[Path]:
        folder = self.settings.outputs_dir
        return sorted(folder.iterdir()) if folder.exists() else []


def decoded(path: str) -> np.ndarray[Any, Any]:
    with av.open(path) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
