"""How each trainer names a layer and its parts, written out independently of the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.loras.algebras import Algebra
from tests.support.loras.weights import LINEARS, Made, original, random

ROOT_LINEARS = (
    "condition_embedder.time_embedder.linear_1",
    "condition_embedder.time_embedder.linear_2",
    "condition_embedder.time_proj",
    "condition_embedder.text_embedder.linear_1",
    "condition_embedder.text_embedder.linear_2",
    "proj_out",
)
EVERY_LINEAR = (*LINEARS, *ROOT_LINEARS)
ATTENTION = tuple(module for module in LINEARS if ".attn" in module)

Parts = Mapping[str, str]
NEUTRAL = {"alpha": ".alpha", "dora_scale": ".dora_scale"}
PEFT_NEUTRAL = {"alpha": ".alpha", "dora_scale": ".lora_magnitude_vector"}
PEFT_NAMED = {"alpha": ".alpha", "dora_scale": ".lora_magnitude_vector.default.weight"}
A_B = {"down": ".lora_A.weight", "up": ".lora_B.weight", "up_bias": ".lora_B.bias"}
A_B_NAMED = {
    "down": ".lora_A.default.weight",
    "up": ".lora_B.default.weight",
    "up_bias": ".lora_B.default.bias",
}
DOWN_UP = {
    "down": ".lora_down.weight",
    "up": ".lora_up.weight",
    "up_bias": ".lora_up.bias",
    "mid": ".lora_mid.weight",
}
OLD = {"down": ".lora.down.weight", "up": ".lora.up.weight"}
OLD_LINEAR_LAYER = {
    "down": ".lora_linear_layer.down.weight",
    "up": ".lora_linear_layer.up.weight",
}
OLD_PROCESSOR = {"down": "_lora.down.weight", "up": "_lora.up.weight"}
KRONECKER = {
    name: f".{name}"
    for name in ("lokr_w1", "lokr_w2", "lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b")
} | {"lokr_t2": ".lokr_t2"}
HADAMARD = {
    name: f".{name}"
    for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")
}


@dataclass(frozen=True)
class Layout:
    """`stem(module)` starts a layer's keys; `parts` are the endings that this trainer writes."""

    stem: Callable[[str], str]
    parts: Parts
    modules: tuple[str, ...] = EVERY_LINEAR

    def key(self, module: str, part: str) -> str:
        return self.stem(module) + self.parts[part]


def dotted(prefix: str) -> Callable[[str], str]:
    return lambda module: prefix + module


def dotted_original(prefix: str) -> Callable[[str], str]:
    return lambda module: prefix + original(module)


def underscored(prefix: str) -> Callable[[str], str]:
    return lambda module: prefix + module.replace(".", "_")


def underscored_original(prefix: str) -> Callable[[str], str]:
    return lambda module: prefix + original(module).replace(".", "_")


def mixed(module: str) -> str:
    """`lora_unet_blocks_22.self_attn.k`."""
    return "lora_unet_" + original(module).replace("blocks.", "blocks_", 1)


def processor(module: str) -> str:
    """`blocks.0.attn1.processor.to_out`."""
    return module.removesuffix(".0").replace(".to_", ".processor.to_")


LYCORIS = {**NEUTRAL, **DOWN_UP, **KRONECKER, **HADAMARD}
PEFT = {**PEFT_NEUTRAL, **A_B, **KRONECKER, **HADAMARD}
PEFT_WITH_NAMES = {**PEFT_NAMED, **A_B_NAMED}
TRAINER = {**NEUTRAL, **A_B, **KRONECKER, **HADAMARD}
EXTRACTED = {**NEUTRAL, **DOWN_UP}
ORIGINAL = "diffusion_model."

# Role of the expert that the keys name ("both": they name none) -> its layout.
LAYOUTS: dict[str, dict[str, Layout]] = {
    "diffusers": {"both": Layout(dotted("transformer."), PEFT)},
    "diffusers, low": {"low": Layout(dotted("transformer_2."), PEFT)},
    "diffusers, combined": {
        "high": Layout(dotted("transformer."), PEFT),
        "low": Layout(dotted("transformer_2."), PEFT),
    },
    "diffusers, no prefix": {"both": Layout(dotted(""), PEFT)},
    "diffusers, unet": {"both": Layout(dotted("unet."), PEFT)},
    "old diffusers": {"both": Layout(dotted("transformer."), {**NEUTRAL, **OLD})},
    "old diffusers, unet": {"both": Layout(dotted("unet."), {**NEUTRAL, **OLD_LINEAR_LAYER})},
    "old processors": {"both": Layout(processor, OLD_PROCESSOR, ATTENTION)},
    "to_q_lora": {
        "both": Layout(
            lambda module: "transformer." + module.removesuffix(".0"), OLD_PROCESSOR, ATTENTION
        )
    },
    "diffusion-pipe": {"both": Layout(dotted_original(ORIGINAL), TRAINER)},
    "model.diffusion_model": {"both": Layout(dotted_original("model." + ORIGINAL), TRAINER)},
    "ai-toolkit, combined": {
        "high": Layout(dotted_original(ORIGINAL + "transformer_1."), TRAINER),
        "low": Layout(dotted_original(ORIGINAL + "transformer_2."), TRAINER),
    },
    "musubi": {"both": Layout(underscored_original("lora_unet_"), LYCORIS)},
    "kohya, mixed": {"both": Layout(mixed, LYCORIS)},
    "kohya, diffusers names": {"both": Layout(underscored("lora_unet_"), LYCORIS)},
    "kohya, transformer": {"both": Layout(underscored("lora_transformer_"), LYCORIS)},
    "VideoX-Fun": {"both": Layout(underscored_original("lora_unet__"), {**NEUTRAL, **DOWN_UP})},
    "DiffSynth": {"both": Layout(dotted_original(""), PEFT_WITH_NAMES)},
    "DiffSynth, pipe.dit": {"both": Layout(dotted_original("pipe.dit."), PEFT_WITH_NAMES)},
    "DiffSynth, pipe.dit2": {"low": Layout(dotted_original("pipe.dit2."), PEFT_WITH_NAMES)},
    "dit": {"both": Layout(dotted_original("dit."), TRAINER)},
    "PEFT export": {"both": Layout(dotted("base_model.model."), PEFT)},
    "PEFT export, named": {"both": Layout(dotted_original("base_model.model."), PEFT_WITH_NAMES)},
    "LyCORIS": {"both": Layout(underscored("lycoris_"), LYCORIS)},
    "LyCORIS, original names": {"both": Layout(underscored_original("lycoris_"), LYCORIS)},
    "LightX2V": {"both": Layout(dotted_original(ORIGINAL), EXTRACTED)},
    "extracted, no prefix": {"both": Layout(dotted_original(""), EXTRACTED)},
}


def can_store(layout: Mapping[str, Layout], algebra: Algebra, shape: tuple[int, ...]) -> bool:
    """Whether the trainer of this layout has a name for every part."""
    parts = algebra(shape, 0).parts
    return all(parts.keys() <= one.parts.keys() for one in layout.values())


def write_layers(
    layout: Mapping[str, Layout],
    algebra: Algebra,
    shapes: Mapping[str, tuple[int, ...]],
    modules: tuple[str, ...] = EVERY_LINEAR,
) -> Made:
    """A file with one algebra on the layers; each expert that the keys name has its own values."""
    made = Made()
    for number, (role, names) in enumerate(layout.items()):
        for index, module in enumerate(modules):
            if module in EVERY_LINEAR and module not in names.modules:
                continue
            factors = algebra(shapes[f"{module}.weight"], 100 * (index + 100 * number))
            for part, tensor in factors.parts.items():
                made.tensors[names.key(module, part)] = tensor
            for expert in ("high", "low") if role == "both" else (role,):
                for kind, change in factors.changes.items():
                    made.exact[expert][f"{module}.{kind}"] = change
    return made


# Trainers write a vector as it is, as one row, or with the rank of a convolution's weight.
VECTOR_FORMS = ((-1,), (1, -1), (1, -1, 1, 1))


def modulation(parameter: str, *, short: bool) -> str:
    """`scale_shift_table` in Wan's naming: its extractor's `.diff_m`, or its own path."""
    place = parameter.replace("scale_shift_table", "") or "head."
    return f"{place}diff_m" if short else f"{place}modulation.diff"


def every_parameter(shapes: Mapping[str, tuple[int, ...]], *, short: bool = True) -> Made:
    """A `.diff`, `.diff_b` or `.diff_m` for every parameter of the model."""
    made = Made()
    for index, (parameter, shape) in enumerate(shapes.items()):
        change = random(*shape, seed=7000 + index, scale=0.05)
        if parameter.endswith("scale_shift_table"):
            key = modulation(parameter, short=short)
        else:
            module, kind = parameter.rsplit(".", 1)
            key = original(module) + (".diff" if kind == "weight" else ".diff_b")
        stored = change
        if len(shape) == 1:
            stored = change.reshape(VECTOR_FORMS[index % len(VECTOR_FORMS)])
        made.tensors[ORIGINAL + key] = stored
        for expert in ("high", "low"):
            made.exact[expert][parameter] = lambda base, change=change: change.double()
    return made
