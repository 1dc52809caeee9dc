"""`applied` around the pipelines of other people's apps, run as they run them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanVACETransformer3DModel
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

from tests.support.applying import TOLERANCE, difference, float64_merge, same_bytes
from tests.support.loras.variants import lora_for
from tests.support.loras.weights import Made
from tests.support.model_kinds import IMAGE_DIM, image_model, of_config, pipeline_of
from tests.support.tiny_models import TEXT_DIM, Z_DIM, tiny_transformer, tiny_vae
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.pipeline_facts import facts_of

STEPS = 4
SCHEDULE = [[0.0, 1.0], [0.5, -0.5]]  # another strength from the third step on
SIDE, FRAMES = 32, 5
MASK_CHANNELS = 64  # of VACE: the mask's pixels below one latent
PICTURE = Image.new("RGB", (SIDE, SIDE), (200, 60, 30))
Call = dict[str, Any]


def vace() -> Any:
    control = {"vace_layers": [0], "vace_in_channels": 2 * Z_DIM + MASK_CHANNELS}
    return pipeline_of("WanVACEPipeline", of_config(WanVACETransformer3DModel, **control))


def image_to_video() -> Any:
    """With an encoder of pictures, as Wan2.1's."""
    torch.manual_seed(3)
    shape = {"hidden_size": IMAGE_DIM, "intermediate_size": 32, "image_size": 16, "patch_size": 16}
    config = CLIPVisionConfig(num_hidden_layers=2, num_attention_heads=2, **shape)
    return pipeline_of(
        "WanImageToVideoPipeline",
        image_model(),
        image_encoder=CLIPVisionModel(config).eval(),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=16),
    )


# The pipeline, and what its call is given beside what all are given.
HOSTS: dict[str, tuple[Callable[[], Any], Call]] = {
    "2.1 t2v": (lambda: pipeline_of("WanPipeline", tiny_transformer()), {}),
    "2.1 i2v": (image_to_video, {"image": PICTURE}),
    "2.1 v2v": (
        lambda: pipeline_of("WanVideoToVideoPipeline", tiny_transformer()),
        # Of twice the steps the second half is run.
        {"video": [PICTURE] * FRAMES, "strength": 0.5, "num_inference_steps": 2 * STEPS},
    ),
    "vace": (vace, {}),
    "2.2 ti2v": (lambda: pipeline_of("WanPipeline", tiny_transformer(), expand_timesteps=True), {}),
}


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Call]]:
    make, more = HOSTS[request.param]
    pipeline = make()
    pipeline.register_modules(vae=tiny_vae())
    pipeline.set_progress_bar_config(disable=True)
    before = {name: value.clone() for name, value in pipeline.transformer.state_dict().items()}
    yield pipeline, more
    after = pipeline.transformer.state_dict()
    assert [name for name in before if not same_bytes(after[name], before[name])] == []


def run(pipeline: Any, more: Call, at_step: Callable[[int], None] = lambda step: None) -> Tensor:
    """The latent video; `at_step` is called after each step."""

    def ended(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
        at_step(step)
        return values

    embeds = torch.randn(1, 512, TEXT_DIM, generator=torch.Generator().manual_seed(1))
    call: Call = {"num_inference_steps": STEPS, "height": SIDE, "width": SIDE}
    if "video" not in more:
        call["num_frames"] = FRAMES
    found: Tensor = pipeline(
        **{**call, **more},
        prompt_embeds=embeds,
        guidance_scale=1.0,
        output_type="latent",
        generator=torch.Generator().manual_seed(2),
        callback_on_step_end=ended,
    ).frames
    return found


def wanted(pipeline: Any, more: Call, made: Made) -> Tensor:
    """The same run with a merge that is exchanged after half of the steps."""
    merged = [
        float64_merge(pipeline.transformer, [(strength, made.exact["high"])])
        for _, strength in SCHEDULE
    ]
    other = copy.copy(pipeline)
    other.transformer = copy.deepcopy(merged[0])

    def exchange(step: int) -> None:
        if step + 1 == STEPS // 2:
            other.transformer.load_state_dict(merged[1].state_dict())

    return run(other, more, exchange)


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_a_schedule_follows_the_steps_of_the_hosts_own_call(
    host: tuple[Any, Call], mode: Any, tmp_path: Path
) -> None:
    pipeline, more = host
    made = lora_for(pipeline.transformer)
    goal, bare = wanted(pipeline, more, made), run(pipeline, more)
    (tmp_path / "loras").mkdir()
    made.save(tmp_path / "loras" / "a.safetensors")
    loras = LoRAManager(load_settings(loras_dir=tmp_path / "loras", models_dir=tmp_path))
    loras.set_model("host", facts_of(pipeline))
    assert loras.explain_compatibility("a", "host").verdict == "fits"
    with loras.applied(pipeline, {"a": SCHEDULE}, mode, model_type="host") as report:
        found = run(pipeline, more)
        assert report.mode == mode
    assert difference(found, goal) <= TOLERANCE * STEPS
    assert difference(goal, bare) > 1e-3
    assert torch.equal(run(pipeline, more), bare)
    assert loras.estimate_memory_impact(["a"], "host")["loads_seen"] == 1
