"""LoRA files as they lie on disk: a layout's tensors for a model's shapes, with their changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.algebras import Change, Recipe, Shape, Source, difference, drawn, repeated
from benchmarks.corpus import Layout
from benchmarks.namings import ORIGINAL_NAMES, Naming
from wan_lora_studio.lora.roles import EXPERTS, Expert

Role = Literal["both", "high", "low"]
Variant = Literal["full", "attention", "one block", "high only", "pair"]
VARIANTS: tuple[Variant, ...] = ("full", "attention", "one block", "high only", "pair")
Shapes = Mapping[str, Shape]  # parameter path -> shape
Exact = dict[str, Change]  # parameter path -> float64 change at strength 1


@dataclass
class Made:
    """The tensors of one file, and each expert's exact changes where it is applied to it."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    exact: dict[Expert, Exact] = field(default_factory=lambda: {"high": {}, "low": {}})


@dataclass(frozen=True)
class Case:
    """One LoRA of the corpus: its files by role, and what they have to do to each expert."""

    layout: Layout
    variant: Variant
    files: Mapping[Role, Path]
    exact: Mapping[Expert, Exact]


@dataclass(frozen=True)
class Drawing:
    """What a file's factors are drawn from; `scale` is their standard deviation."""

    layout: Layout
    shapes: Shapes
    source: Source
    variant: Variant = "full"
    dtype: torch.dtype = torch.float32
    scale: float = 0.3

    def layers(self, naming: Naming) -> tuple[dict[str, Tensor], Exact]:
        """The tensors of every layer of the variant under this naming, and their changes."""
        layout = self.layout
        tensors: dict[str, Tensor] = {}
        changes: Exact = {}
        for index, module in enumerate(linears(self.shapes, self.variant)):
            rank = layout.ranks[index % len(layout.ranks)]
            recipe = Recipe(rank, layout.alpha, self.dtype, self.scale)
            factors = layout.maker(self.shapes[f"{module}.weight"], recipe, self.source)
            tensors |= {naming(module, part): value for part, value in factors.parts.items()}
            for name, change in (("weight", factors.weight), ("bias", factors.bias)):
                if change is not None:
                    changes[f"{module}.{name}"] = _scaled(change, layout.factor)
        return tensors, changes

    def differences(self) -> tuple[dict[str, Tensor], Exact]:
        """The full-weight parts of the layout, for the parameters that the model has."""
        tensors: dict[str, Tensor] = {}
        changes: Exact = {}
        recipe = Recipe(dtype=self.dtype, scale=0.05)
        for key, parameter in self.layout.differences.items():
            factors = difference(self.shapes[parameter], recipe, self.source)
            tensors[key] = factors.parts["diff"]
            assert factors.weight is not None
            changes[parameter] = factors.weight
        return tensors, changes


def _scaled(change: Change, factor: float) -> Change:
    return lambda base: factor * change(base)


def linears(shapes: Shapes, variant: Variant = "full") -> list[str]:
    """The modules that a file of this variant has factors for."""
    weights = [path.removesuffix(".weight") for path in shapes if path.endswith(".weight")]
    found = [
        module
        for module in weights
        if module.startswith("blocks.") and module.split(".", 2)[2] in ORIGINAL_NAMES
    ]
    if variant == "attention":
        return [module for module in found if ".attn" in module]
    if variant == "one block":
        return [module for module in found if module.startswith("blocks.1.")]
    return found


def make_file(drawing: Drawing) -> Made:
    """Random factors in the drawing's layout."""
    made, layout = Made(), drawing.layout
    halves: dict[Naming, tuple[Expert, ...]] = {layout.naming: EXPERTS}
    if layout.low is not None:
        halves = {layout.naming: ("high",)}
        if drawing.variant != "high only":
            halves[layout.low] = ("low",)
    parts = [(drawing.layers(naming), experts) for naming, experts in halves.items()]
    if drawing.variant not in ("attention", "one block"):
        parts.append((drawing.differences(), EXPERTS))
    for (tensors, changes), experts in parts:
        made.tensors |= tensors
        for expert in experts:
            made.exact[expert] |= changes
    return made


def save(made: Made, layout: Layout, folder: Path, name: str) -> Path:
    """Write the file, in a folder of its own if it comes with a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    if layout.config is not None:
        path = folder / name / "adapter_model.safetensors"
        path.parent.mkdir()
        config = path.with_name("adapter_config.json")
        config.write_text(json.dumps(layout.config), encoding="utf-8")
    save_file(made.tensors, str(path))
    return path


def make_case(layout: Layout, variant: Variant, shapes: Shapes, folder: Path) -> Case:
    """Write a case's files under `folder`."""

    def made(seed: int) -> Made:
        return make_file(Drawing(layout, shapes, drawn(seed), variant))

    if variant == "pair":
        halves = {expert: made(1 + number) for number, expert in enumerate(EXPERTS)}
        files: dict[Role, Path] = {
            expert: save(half, layout, folder, f"style_{expert}_noise")
            for expert, half in halves.items()
        }
        return Case(layout, variant, files, {e: halves[e].exact[e] for e in EXPERTS})
    single = made(0)
    if variant == "high only":
        path = save(single, layout, folder, "style_high_noise")
        return Case(layout, variant, {"high": path}, {"high": single.exact["high"], "low": {}})
    return Case(layout, variant, {"both": save(single, layout, folder, "style")}, single.exact)


def cases(
    layouts: Iterable[Layout],
    shapes: Shapes,
    folder: Path,
    variants: Iterable[Variant] = VARIANTS,
) -> Iterator[Case]:
    """Every variant of every layout; a file that holds both experts is its own pair."""
    for layout in layouts:
        for variant in variants:
            if layout.low is None or variant != "pair":
                place = folder / layout.name.replace(" ", "_") / variant.replace(" ", "_")
                yield make_case(layout, variant, shapes, place)


def write_lora(
    layout: Layout, shapes: Shapes, folder: Path, name: str, *, rank: int, seed: int = 0
) -> Path:
    """A full LoRA of this rank in bf16, as users have them."""
    drawing = Drawing(
        replace(layout, ranks=(rank,)),
        shapes,
        repeated(seed),
        dtype=torch.bfloat16,
        scale=0.02,
    )
    return save(make_file(drawing), layout, folder, name)
