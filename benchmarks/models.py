"""Random Wan transformers of the shapes that are measured, and the inputs of a forward pass."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

TILE = 1 << 22  # elements of the random numbers that large weights repeat


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a transformer. `one_storage`: every block's weights are the first one's, so
    that 40 blocks of full size fit; only for what leaves the weights as they are.
    """

    name: str
    heads: int
    head_dim: int
    ffn_dim: int
    blocks: int
    channels: int = 16
    text_dim: int = 4096
    freq_dim: int = 256
    text_tokens: int = 512
    dtype: torch.dtype = torch.bfloat16
    one_storage: bool = False

    @property
    def dim(self) -> int:
        return self.heads * self.head_dim

    @property
    def layers(self) -> int:
        """Linear layers that a full LoRA has factors for."""
        return 10 * self.blocks


A14B_BLOCKS = 40
A14B = ModelShape("A14B, 2 blocks", 40, 128, 13824, 2)
A14B_WHOLE = replace(A14B, name="A14B, 40 blocks", blocks=A14B_BLOCKS)
A14B_ONE_STORAGE = replace(A14B_WHOLE, name="A14B, 40 blocks in one storage", one_storage=True)
NARROW = ModelShape("dim 128, 40 blocks", 2, 64, 256, 40, text_dim=64, freq_dim=64, text_tokens=64)
TINY = ModelShape(
    "dim 32, 2 blocks", 2, 16, 48, 2, 4, text_dim=16, freq_dim=32, text_tokens=6,
    dtype=torch.float32,
)  # fmt: skip


@dataclass
class BarePipeline:
    """What LoRAs are applied to: the transformers of a pipeline, and nothing else."""

    transformer: Any
    transformer_2: Any = None


def build(shape: ModelShape, *, device: torch.device, seed: int = 0) -> Any:
    """A WanTransformer3DModel with random weights on the device.

    As diffusers loads it: the weights in the shape's dtype, the modules that Wan keeps in fp32
    in fp32.
    """
    model = without_weights(shape)
    _fill(model, shape, device, torch.Generator().manual_seed(seed))
    return model.to(device).eval().requires_grad_(False)


def without_weights(shape: ModelShape) -> Any:
    """The same model, whose parameters have a shape and nothing else."""
    from accelerate import init_empty_weights
    from diffusers import WanTransformer3DModel

    with init_empty_weights(include_buffers=False):
        return WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=shape.heads,
            attention_head_dim=shape.head_dim,
            in_channels=shape.channels,
            out_channels=shape.channels,
            text_dim=shape.text_dim,
            freq_dim=shape.freq_dim,
            ffn_dim=shape.ffn_dim,
            num_layers=shape.blocks,
        )


def _fill(
    model: nn.Module, shape: ModelShape, device: torch.device, generator: torch.Generator
) -> None:
    """Give every parameter its values. Large weights repeat one tile of random numbers: drawing
    billions of them takes minutes, and no time that is measured depends on the values.
    """
    size = min(TILE, max(parameter.numel() for parameter in model.parameters()))
    tile = torch.randn(size, generator=generator).to(device) * 0.02
    kept: tuple[str, ...] = tuple(getattr(model, "_keep_in_fp32_modules", None) or ())
    first: dict[str, Tensor] = {}
    for path, parameter in list(model.named_parameters()):
        dtype = torch.float32 if any(name in path.split(".") for name in kept) else shape.dtype
        # Of the first block if there is one; a name alone may also be the whole model's.
        place = re.sub(r"^blocks\.\d+\.", "blocks.0.", path)
        if not (shape.one_storage and place in first):
            values = torch.empty(parameter.shape, dtype=dtype, device=device)
            _repeat(tile.roll(int(torch.randint(size, (1,), generator=generator))), values)
            if path.endswith(("norm_q.weight", "norm_k.weight", "norm2.weight")):
                values += 1.0
            first[place] = values
        owner, _, name = path.rpartition(".")
        model.get_submodule(owner)._parameters[name] = nn.Parameter(first[place])
        if not shape.one_storage:
            first.clear()


def _repeat(tile: Tensor, values: Tensor) -> None:
    flat = values.view(-1)
    for start in range(0, flat.numel(), tile.numel()):
        stretch = flat[start : start + tile.numel()]
        stretch.copy_(tile[: stretch.numel()])


def twin(model: Any) -> Any:
    """Another model of the same parameters: modules of its own, the weights shared."""
    memo: dict[int, Any] = {id(value): value for value in model.parameters()}
    memo |= {id(value): value for value in model.buffers()}
    return copy.deepcopy(model, memo)


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    return {path: tuple(value.shape) for path, value in model.named_parameters()}


def inputs(
    shape: ModelShape, latents: tuple[int, int, int], *, device: torch.device
) -> dict[str, Tensor]:
    """Inputs of one forward pass. latents: (frames, height, width); a token is 2 by 2 of them."""
    generator = torch.Generator().manual_seed(7)
    hidden = torch.randn(1, shape.channels, *latents, generator=generator)
    text = torch.randn(1, shape.text_tokens, shape.text_dim, generator=generator)
    return {
        "hidden_states": hidden.to(device, shape.dtype),
        "timestep": torch.tensor([900.0], device=device),
        "encoder_hidden_states": text.to(device, shape.dtype),
    }


def tokens(latents: tuple[int, int, int]) -> int:
    frames, height, width = latents
    return frames * (height // 2) * (width // 2)


@torch.no_grad()
def forward(model: Any, given: dict[str, Tensor]) -> Tensor:
    """One forward pass; the predicted noise."""
    output: Tensor = model(**given, return_dict=False)[0]
    return output
