"""Pipeline facts: what a pipeline in memory says of its model, for the library to judge by.

Width, blocks, experts and boundary are read from the pipeline itself, so that they are right for
any Wan transformer. Reading moves nothing, loads no weights and takes no lock.
"""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.lora.index import GivenModel
from wan_lora_studio.lora.inspection import Architecture, architecture_from_config
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.texts import say

if TYPE_CHECKING:
    from wan_lora_studio.lora.roles import Expert

ImageUse = Literal["none", "optional", "required"]
UNNAMED = say("wan.pipeline.unnamed")
UNNAMED_TYPE = "pipeline"
USUAL_BOUNDARY = 0.875  # of a pair whose pipeline does not tell its own
MAKES_A_WAN = ("patch_embedding.weight", "blocks.0.attn1.to_q.weight")
SIZES: Mapping[tuple[int, int], str] = MappingProxyType(
    {(5120, 40): "14B", (3072, 30): "5B", (1536, 30): "1.3B"}
)
TASKS: Mapping[tuple[int, int], str] = MappingProxyType(  # by channels in and out
    {(16, 16): "T2V", (36, 16): "I2V", (48, 48): "TI2V", (32, 16): "Fun Control",
     (48, 16): "Fun Control", (52, 16): "Fun Control"}
)  # fmt: skip
_OF_PEFT = re.compile(r"\.lora_(?:[AB]|magnitude_vector|embedding_[AB])\.")  # of LoRAs in it
_FIRST_LAYER = re.compile(r"blocks\.\d+\.attn1\.to_q\.weight")
# What the model table calls these; others are called after their title.
MODEL_TYPES: Mapping[str, str] = MappingProxyType({
    "Wan 2.2 T2V A14B": "t2v-A14B", "Wan 2.2 I2V A14B": "i2v-A14B", "Wan 2.2 TI2V 5B": "ti2v-5B",
})  # fmt: skip


@dataclass(frozen=True)
class RunDefaults:
    """What a call of the pipeline does unless it is told otherwise. Sizes in pixels."""

    steps: int = 50
    guidance_scale: float = 5.0
    guidance_scale_2: float | None = None
    width: int = 832
    height: int = 480
    num_frames: int = 81


@dataclass(frozen=True)
class PipelineFacts:
    """What was read from a pipeline. Facts of equal pipelines are equal.

    `architecture` None: it could not be read, and `unread` says why in words. `experts` are the
    roles of the transformers that sample, in their order; `boundary_ratio` is None for a single
    one. `model_type` is a name for the model where the host has none.
    """

    title: str
    model_type: str
    architecture: Architecture | None
    experts: tuple[str, ...]
    boundary_ratio: float | None
    flow_shift: float
    image: ImageUse
    defaults: RunDefaults
    unread: str = ""
    _seen: Seen | None = field(default=None, compare=False, repr=False)

    def same_as(self, pipeline: Any) -> bool:
        """Whether these are still the facts of the pipeline: it has the same transformers and
        settings. Looks at no weight, so it can be asked all the time."""
        return self._seen is not None and self._seen == Seen.of(pipeline)

    def row(self) -> ModelEntry:
        """The model as a row of the model table."""
        return ModelEntry(
            title=self.title,
            path=self.model_type,
            repo=None,
            revision=None,
            pipeline="WanPipeline" if self.image == "none" else "WanImageToVideoPipeline",
            architecture=self.model_type,
            image=self.image,
            boundary_ratio=self.boundary_ratio,
            width=self.defaults.width,
            height=self.defaults.height,
            size_multiple=16,
            num_frames=self.defaults.num_frames,
            fps=24 if self.title.endswith("5B") else 16,
            steps=self.defaults.steps,
            guidance_scale=self.defaults.guidance_scale,
            guidance_scale_2=self.defaults.guidance_scale_2,
            flow_shift=self.flow_shift,
            negative_prompt="",
        )


@dataclass(frozen=True)
class Seen:
    """Which pipeline facts are of: its transformers, each itself, and what else was read."""

    kind: type
    parts: tuple[tuple[str, Callable[[], Any]], ...]
    settings: tuple[Any, ...]

    @classmethod
    def of(cls, pipeline: Any) -> Seen:
        from wan_lora_studio.wan.adapters import transformers_of

        models = transformers_of(pipeline)
        return cls(
            type(pipeline),
            tuple((expert, _reference(model)) for expert, model in models.items()),
            (*_switching(pipeline), _flow_shift(pipeline)),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Seen):
            return NotImplemented
        mine, theirs = self._living(), other._living()
        return None not in (mine, theirs) and (self.kind, mine, self.settings) == (
            other.kind,
            theirs,
            other.settings,
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.settings))

    def _living(self) -> list[tuple[str, int]] | None:
        """The parts by their identity, while all of them exist."""
        living = [(expert, part()) for expert, part in self.parts]
        if any(part is None for _, part in living):
            return None
        return [(expert, id(part)) for expert, part in living]


def facts_of(pipeline: Any) -> PipelineFacts:
    """Read a pipeline, or a transformer that stands for one.

    Takes milliseconds also for the largest models. What cannot be read is said in `unread`;
    nothing is raised for a pipeline of any kind.
    """
    from wan_lora_studio.wan.adapters import transformers_of

    models: dict[Expert, Any] = transformers_of(pipeline)
    experts, boundary = _experts(models, pipeline)
    found, unread = _parameters(models, pipeline)
    parameters = next(iter(found.values()), None)
    title = UNNAMED if parameters is None else _title(parameters, experts, boundary)
    kind = MODEL_TYPES.get(title) or _type_of(title)
    architecture = None
    if parameters is not None:
        others = {expert: each for expert, each in found.items() if each != parameters}
        architecture = Architecture(kind, title, experts, parameters, others)
    return PipelineFacts(
        title=title,
        model_type=kind,
        architecture=architecture,
        experts=experts,
        boundary_ratio=boundary if len(experts) > 1 else None,
        flow_shift=_flow_shift(pipeline),
        image=_image_use(pipeline),
        defaults=_defaults(pipeline),
        unread=unread,
        _seen=Seen.of(pipeline),
    )


def given_model(model_type: str | None, facts: PipelineFacts | None) -> GivenModel | None:
    """What the library is told of the model; None for neither."""
    if facts is None:
        return None if model_type is None else GivenModel(model_type)
    named = model_type or facts.model_type
    return GivenModel(named, facts.row(), facts.architecture, facts.unread)


def _experts(models: Mapping[Expert, Any], pipeline: Any) -> tuple[tuple[str, ...], float | None]:
    """The roles that sample, and the share of the noise range at which they hand over."""
    boundary = _boundary(pipeline)
    if len(models) > 1:
        return tuple(models), USUAL_BOUNDARY if boundary is None else boundary
    return tuple(models) or ("high",), boundary


def _boundary(pipeline: Any) -> float | None:
    """As the pipeline has it; None if it says nothing, or something that hands over nowhere."""
    boundary = _setting(pipeline, "boundary_ratio")
    return float(boundary) if isinstance(boundary, int | float) and 0 < boundary < 1 else None


def _switching(pipeline: Any) -> tuple[Any, ...]:
    return _setting(pipeline, "boundary_ratio"), _setting(pipeline, "expand_timesteps")


def _setting(part: Any, name: str) -> Any:
    """From the config of a pipeline or one of its parts, or from itself; None without it."""
    from wan_lora_studio.wan.adapters import config_of_part

    config = config_of_part(part)
    return config[name] if name in config else getattr(part, name, None)


def _flow_shift(pipeline: Any) -> float:
    scheduler = getattr(pipeline, "scheduler", None)
    for name in ("flow_shift", "shift"):
        shift = _setting(scheduler, name)
        if isinstance(shift, int | float) and shift > 0:
            return float(shift)
    return 1.0


def _image_use(pipeline: Any) -> ImageUse:
    if _setting(pipeline, "expand_timesteps"):
        return "optional"
    return "required" if "ImageToVideo" in type(pipeline).__name__ else "none"


def _defaults(pipeline: Any) -> RunDefaults:
    """The defaults of the class's own call, where it has such arguments."""
    try:
        named = inspect.signature(type(pipeline).__call__).parameters
    except (AttributeError, TypeError, ValueError):
        return RunDefaults()
    usual = RunDefaults()

    def default(name: str, otherwise: Any) -> Any:
        value = named[name].default if name in named else None
        right = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        return value if right else otherwise

    return RunDefaults(
        steps=int(default("num_inference_steps", usual.steps)),
        guidance_scale=float(default("guidance_scale", usual.guidance_scale)),
        guidance_scale_2=default("guidance_scale_2", usual.guidance_scale_2),
        width=int(default("width", usual.width)),
        height=int(default("height", usual.height)),
        num_frames=int(default("num_frames", usual.num_frames)),
    )


def _parameters(
    models: Mapping[Expert, Any], pipeline: Any
) -> tuple[dict[str, dict[str, tuple[int, ...]]], str]:
    """The shapes that LoRAs are compared with, by expert; without any, and why there are none."""
    if not models:
        return {}, say("wan.pipeline.no_transformer", part=_named(pipeline))
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for expert, model in models.items():
        shapes, why = _shapes(model)
        if shapes is None:
            return {}, why
        found[expert] = shapes
    return found, ""


def _shapes(model: Any) -> tuple[dict[str, tuple[int, ...]] | None, str]:
    """What applying would find in the transformer; else what its config says."""
    from torch import nn

    from wan_lora_studio.wan.adapters import Layout, config_of_part

    if isinstance(model, nn.Module):
        found = Layout.of(model).shapes
        shapes = {name: shape for name, shape in found.items() if not _OF_PEFT.search(name)}
        if all(name in shapes for name in MAKES_A_WAN):
            return shapes, ""
        return None, say("wan.pipeline.no_layers", part=_named(model))
    config = config_of_part(model)
    if "num_attention_heads" not in config:
        return None, say("wan.pipeline.no_config", part=_named(model))
    try:
        return architecture_from_config("", UNNAMED, ("high",), config).parameters, ""
    except ModelLoadError as error:
        return None, error.message.rstrip(".")


def _title(
    parameters: Mapping[str, tuple[int, ...]], experts: tuple[str, ...], boundary: float | None
) -> str:
    """The model in a few words, such as Wan 2.1 I2V 14B; UNNAMED for one of no known size.

    A single transformer of 14B with a boundary, or with 36 channels and no image embedding, is
    one of Wan 2.2's two.
    """
    width, channels, *patch = parameters["patch_embedding.weight"]
    blocks = sum(_FIRST_LAYER.fullmatch(name) is not None for name in parameters)
    size = SIZES.get((width, blocks))
    if size is None:
        return UNNAMED
    out = parameters["proj_out.weight"][0]
    for length in patch:
        out //= length
    image = "condition_embedder.image_embedder.ff.net.0.proj.weight" in parameters
    both = len(experts) > 1 or boundary is not None
    newer = size == "5B" or both or (channels > 16 and size == "14B" and not image)
    task = TASKS.get((channels, out), f"{channels}-channel")
    if any(name.startswith("face_adapter.") for name in parameters):
        return "Wan 2.2 Animate 14B"
    if "vace_patch_embedding.weight" in parameters:
        task = "VACE"
    elif size == "1.3B" and task == "I2V":
        task = "Fun InP"
    elif "condition_embedder.image_embedder.pos_embed" in parameters:
        task = "FLF2V"
    if newer and size == "14B":
        size = "A14B"
    title = f"Wan {'2.2' if newer else '2.1'} {task} {size}"
    whole = len(experts) > 1 or size != "A14B"
    return title if whole else say("wan.pipeline.one_expert", model=title)


def _type_of(title: str) -> str:
    if title == UNNAMED:
        return UNNAMED_TYPE
    return (
        title.replace("Wan ", "wan")
        .replace(say("wan.pipeline.one_expert", model=""), "-one")
        .replace(" ", "-")
    )


def _named(part: Any) -> str:
    return f"{UNNAMED} ({type(part).__name__})"


def _reference(part: Any) -> Callable[[], Any]:
    """Does not keep the part alive, where it can be referred to so."""
    try:
        return weakref.ref(part)
    except TypeError:
        return lambda: part
