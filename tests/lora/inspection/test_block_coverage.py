"""What of each block a LoRA changes."""

from __future__ import annotations

from pathlib import Path

from tests.support.loras.files import BLOCK_LAYERS, BLOCKS, DIM, RANK, layer_keys, write_lora
from wan_lora_studio.lora.library.library import LoRALibrary


def test_a_whole_lora_fills_every_block(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "whole.safetensors")
    found = library.block_coverage("whole", "demo")
    assert set(found) == {"high", "low"}
    assert [block.block for block in found["high"]] == list(range(BLOCKS))
    for block in found["low"]:
        assert (block.changed, block.layers, block.lost) == (
            len(BLOCK_LAYERS),
            len(BLOCK_LAYERS),
            0,
        )


def test_a_layer_that_the_model_lacks_is_lost_in_its_block(
    library: LoRALibrary, root: Path
) -> None:
    shapes = {
        "diffusion_model.blocks.1.self_attn.q.lora_A.weight": (RANK, DIM),
        "diffusion_model.blocks.1.self_attn.q.lora_B.weight": (DIM, RANK),
        "diffusion_model.blocks.7.self_attn.q.lora_A.weight": (RANK, DIM),
        "diffusion_model.blocks.7.self_attn.q.lora_B.weight": (DIM, RANK),
    }
    write_lora(root / "few_high_noise.safetensors", shapes)
    found = library.block_coverage("few_high_noise", "demo")
    counts = {block.block: (block.changed, block.lost) for block in found["high"]}
    assert counts == {0: (0, 0), 1: (1, 0), 7: (0, 1)}
    assert all(block.changed == 0 for block in found["low"])


def test_a_model_that_is_not_installed_tells_nothing(library: LoRALibrary, root: Path) -> None:
    write_lora(root / "any.safetensors", layer_keys("diffusion_model.{m}"))
    unknown = [
        name
        for name in library.settings.models
        if library.explain_compatibility("any", name).verdict == "unknown"
    ]
    for name in unknown:
        assert library.block_coverage("any", name) == {}


def test_a_layer_for_another_task_is_lost_outside_the_blocks(
    library: LoRALibrary, root: Path
) -> None:
    shapes = {
        "diffusion_model.blocks.1.self_attn.q.lora_A.weight": (RANK, DIM),
        "diffusion_model.blocks.1.self_attn.q.lora_B.weight": (DIM, RANK),
        "diffusion_model.patch_embedding.diff": (DIM, 36, 1, 2, 2),
    }
    write_lora(root / "i2v.safetensors", shapes)
    found = library.block_coverage("i2v", "demo")
    counts = {block.block: (block.changed, block.lost) for block in found["low"]}
    assert counts == {0: (0, 0), 1: (1, 0), None: (0, 1)}
