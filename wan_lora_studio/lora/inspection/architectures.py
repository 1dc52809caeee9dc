"""Architectures: the parameters and shapes of each Wan transformer, computed without torch.

Source: diffusers `WanTransformer3DModel` and `WanVACETransformer3DModel` (0.42). A test compares
this with the real classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object

TEXT_DIM = 4096
FREQ_DIM = 256
VACE_CHANNELS = 96


@dataclass(frozen=True)
class Architecture:
    """A model as LoRAs see it. `experts` are its transformers' roles in sampling order;
    `parameters` maps `blocks.0.attn1.to_q.weight` and the like to shapes, for every expert but
    those that `others` has parameters for."""

    name: str
    title: str
    experts: tuple[str, ...]
    parameters: dict[str, tuple[int, ...]]
    others: Mapping[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)

    def of(self, expert: str) -> Architecture:
        """That of one expert."""
        if expert not in self.others:
            return self
        return Architecture(self.name, self.title, (expert,), self.others[expert])

    @property
    def width(self) -> int:
        """The hidden size."""
        return self.parameters["patch_embedding.weight"][0]

    @cached_property
    def modules(self) -> frozenset[str]:
        """The paths of all layers, and of parameters that belong to none."""
        return frozenset(
            name.removesuffix(".weight").removesuffix(".bias") for name in self.parameters
        )

    def has(self, module: str) -> bool:
        return module in self.modules

    def shapes_of(self, module: str) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """(weight, bias) of a layer; a bare parameter counts as a weight. None: not there."""
        weight = self.parameters.get(f"{module}.weight") or self.parameters.get(module)
        return weight, self.parameters.get(f"{module}.bias")


def _config(heads: int, layers: int, ffn: int, **more: Any) -> Mapping[str, Any]:
    base = {"num_attention_heads": heads, "num_layers": layers, "ffn_dim": ffn}
    return MappingProxyType({**base, **more})


_PAIR, _ONE = ("high", "low"), ("high",)
CONFIGS: Mapping[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = MappingProxyType(
    {
        "wan2.2-t2v-A14B": ("Wan2.2 T2V-A14B", _PAIR, _config(40, 40, 13824)),
        "wan2.2-i2v-A14B": ("Wan2.2 I2V-A14B", _PAIR, _config(40, 40, 13824, in_channels=36)),
        "wan2.2-ti2v-5B": (
            "Wan2.2 TI2V-5B",
            _ONE,
            _config(24, 30, 14336, in_channels=48, out_channels=48),
        ),
        "wan2.1-t2v-1.3B": ("Wan2.1 T2V-1.3B", _ONE, _config(12, 30, 8960)),
        "wan2.1-t2v-14B": ("Wan2.1 T2V-14B", _ONE, _config(40, 40, 13824)),
        "wan2.1-i2v-14B": (
            "Wan2.1 I2V-14B",
            _ONE,
            _config(40, 40, 13824, in_channels=36, image_dim=1280, added_kv_proj_dim=5120),
        ),
        "wan2.1-vace-1.3B": (
            "Wan2.1 VACE-1.3B",
            _ONE,
            _config(12, 30, 8960, vace_layers=tuple(range(0, 30, 2)), vace_in_channels=96),
        ),
        "wan2.1-vace-14B": (
            "Wan2.1 VACE-14B",
            _ONE,
            _config(40, 40, 13824, vace_layers=tuple(range(0, 40, 5)), vace_in_channels=96),
        ),
    }
)


@dataclass(frozen=True)
class TransformerShape:
    """By what a transformer's kind is told from its weights. `image`: it has layers for the
    features of an input picture."""

    width: int
    in_channels: int
    blocks: int
    ffn: int
    image: bool


def known_shapes() -> dict[str, TransformerShape]:
    """Those of the known models that have no layers for control, by architecture."""
    found = {}
    for name, (_, _, config) in CONFIGS.items():
        if "vace_layers" not in config:
            found[name] = TransformerShape(
                128 * config["num_attention_heads"],
                config.get("in_channels", 16),
                config["num_layers"],
                config["ffn_dim"],
                "image_dim" in config,
            )
    return found


def architecture_from_config(
    name: str, title: str, experts: tuple[str, ...], config: Mapping[str, Any]
) -> Architecture:
    """Compute the parameters of a `WanTransformer3DModel` with this config; of a
    `WanVACETransformer3DModel` where the config has `vace_layers`.

    Missing entries have the class's defaults. Raises ModelLoadError if a size is no number.
    """
    try:
        parameters = _parameters(config)
    except (TypeError, ValueError) as error:
        raise ModelLoadError(
            say("lora.inspection.model.config_not_understood", model=title, problem=error),
            context={"architecture": name},
        ) from error
    return Architecture(name, title, experts, parameters)


def architecture_for(settings: Settings, model_type: str) -> Architecture:
    """The architecture of a row of the model table.

    A local folder's `transformer/config.json` wins; else the table of known models. Raises
    ModelLoadError if neither is there.
    """
    entry = settings.model(model_type)
    path = config_path(settings, model_type)
    if path.is_file():
        return architecture_from_config(
            entry.architecture, entry.title, entry.experts, _read_config(path)
        )
    if entry.architecture in CONFIGS:
        _, _, config = CONFIGS[entry.architecture]
        return architecture_from_config(entry.architecture, entry.title, entry.experts, config)
    raise ModelLoadError(
        say("lora.inspection.model.not_installed", model=entry.title),
        suggestions=[say("lora.inspection.model.put_into", folder=repr(entry.path))],
        context={"model_type": model_type},
    )


def config_path(settings: Settings, model_type: str) -> Path:
    """Where the local model's transformer config is, or would be."""
    return settings.model_folder(model_type) / "transformer" / "config.json"


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        return read_object(path.read_bytes())
    except (OSError, UntrustedJSONError) as error:
        raise ModelLoadError(
            say("lora.inspection.model.config_unreadable", problem=error)
        ) from error


def _parameters(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    heads = int(config.get("num_attention_heads") or 40)
    dim = heads * int(config.get("attention_head_dim") or 128)
    channels = int(config.get("in_channels") or 16)
    patch = tuple(int(size) for size in config.get("patch_size") or (1, 2, 2))
    out = int(config.get("out_channels") or channels if "out_channels" in config else 16)
    found: dict[str, tuple[int, ...]] = {"patch_embedding.weight": (dim, channels, *patch)}
    found["patch_embedding.bias"] = (dim,)
    found |= _condition_embedder(dim, config)
    for index in range(int(config.get("num_layers") or 40)):
        found |= _block(f"blocks.{index}", dim, config)
    if config.get("vace_layers") is not None:
        control = int(config.get("vace_in_channels") or VACE_CHANNELS)
        found["vace_patch_embedding.weight"] = (dim, control, *patch)
        found["vace_patch_embedding.bias"] = (dim,)
        for index in range(len(config["vace_layers"])):
            found |= _vace_block(f"vace_blocks.{index}", dim, config, first=index == 0)
    found |= _linear("proj_out", dim, out * prod(patch))
    found["scale_shift_table"] = (1, 2, dim)
    return found


def _linear(path: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{path}.weight": (outputs, inputs), f"{path}.bias": (outputs,)}


def _norm(path: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{path}.weight": (size,), f"{path}.bias": (size,)}


def _condition_embedder(dim: int, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    root = "condition_embedder"
    freq = int(config.get("freq_dim") or FREQ_DIM)
    text = int(config.get("text_dim") or TEXT_DIM)
    found = _linear(f"{root}.time_embedder.linear_1", freq, dim)
    found |= _linear(f"{root}.time_embedder.linear_2", dim, dim)
    found |= _linear(f"{root}.time_proj", dim, dim * 6)
    found |= _linear(f"{root}.text_embedder.linear_1", text, dim)
    found |= _linear(f"{root}.text_embedder.linear_2", dim, dim)
    image = config.get("image_dim")
    if image is not None:
        path, image = f"{root}.image_embedder", int(image)
        found |= _norm(f"{path}.norm1", image) | _norm(f"{path}.norm2", dim)
        found |= _linear(f"{path}.ff.net.0.proj", image, image)
        found |= _linear(f"{path}.ff.net.2", image, dim)
        if config.get("pos_embed_seq_len") is not None:
            found[f"{path}.pos_embed"] = (1, int(config["pos_embed_seq_len"]), image)
    return found


def _block(path: str, dim: int, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    ffn = int(config.get("ffn_dim") or 13824)
    found: dict[str, tuple[int, ...]] = {}
    for attention in ("attn1", "attn2"):
        for name in ("to_q", "to_k", "to_v", "to_out.0"):
            found |= _linear(f"{path}.{attention}.{name}", dim, dim)
        for name in ("norm_q", "norm_k"):
            found[f"{path}.{attention}.{name}.weight"] = (dim,)
    added = config.get("added_kv_proj_dim")
    if added is not None:
        for name in ("add_k_proj", "add_v_proj"):
            found |= _linear(f"{path}.attn2.{name}", int(added), dim)
        found[f"{path}.attn2.norm_added_k.weight"] = (dim,)
    if config.get("cross_attn_norm", True):
        found |= _norm(f"{path}.norm2", dim)
    found |= _linear(f"{path}.ffn.net.0.proj", dim, ffn)
    found |= _linear(f"{path}.ffn.net.2", ffn, dim)
    found[f"{path}.scale_shift_table"] = (1, 6, dim)
    return found


def _vace_block(
    path: str, dim: int, config: Mapping[str, Any], *, first: bool
) -> dict[str, tuple[int, ...]]:
    """A block like any other, with a projection after it, and one before the first."""
    found = _block(path, dim, config) | _linear(f"{path}.proj_out", dim, dim)
    return found | _linear(f"{path}.proj_in", dim, dim) if first else found
