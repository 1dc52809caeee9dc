"""The LoRA stages of the build: clips with each look, training, files and thumbnails."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, WanPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from demo import export, previews
from demo.accelerator import Pairs, make_pairs, train_accelerator
from demo.captions import TRIGGERS
from demo.catalogue import THUMBNAIL_PROMPTS, header
from demo.diffusion import EXPERTS, Expert
from demo.evaluate import Sampling, make_videos
from demo.evaluate_loras import ACCELERATOR, EFFECTS, FEW_STEPS
from demo.latents import LatentSet, encode_scenes, normalise
from demo.merge import merged
from demo.parallel import run_together
from demo.paths import Paths
from demo.train_loras import (
    GOLDEN,
    MOSAIC,
    NEON,
    RECIPES,
    TRAIL,
    Recipe,
    train_lokr,
    train_separate,
    train_tied,
)

LOOK_CLIPS = 96
PAIRS_PER_WORKER = 96
WORKERS = 2


def _look_latents(paths: Paths, recipe: Recipe) -> Path:
    """Encoded clips with the recipe's look; made once."""
    path = paths.latents / f"look_{recipe.name}.pt"
    if not path.exists():
        vae = AutoencoderKLWan.from_pretrained(paths.vae)
        raw = encode_scenes(vae, LOOK_CLIPS, recipe.seed, recipe.look)
        LatentSet(normalise(vae, raw.latents), raw.attributes).save(path)
    return path


def _encode_looks(paths: Paths, names: tuple[str, ...]) -> None:
    for name in names:
        _look_latents(paths, RECIPES[name])


def build_looks(paths: Paths) -> None:
    run_together(
        (_encode_looks, (paths, ("neon_outline", "motion_trail"))),
        (_encode_looks, (paths, ("pixel_mosaic", "golden_hour"))),
    )


def _train_pair_half(paths: Paths, recipe: Recipe, expert: Expert) -> None:
    layers = train_separate(recipe, expert, paths.model, _look_latents(paths, recipe))
    torch.save(layers, paths.work / f"{recipe.name}_{expert}.pt")


def _train_halves(paths: Paths, recipe: Recipe) -> None:
    run_together(*((_train_pair_half, (paths, recipe, expert)) for expert in EXPERTS))


def build_neon(paths: Paths) -> None:
    _train_halves(paths, NEON)
    for expert in EXPERTS:
        layers = torch.load(paths.work / f"{NEON.name}_{expert}.pt", weights_only=False)
        text = export.musubi_header(
            expert,
            header(NEON.name),
            rank=NEON.rank,
            alpha=NEON.alpha,
            trigger=TRIGGERS[NEON.name],
            steps=NEON.steps,
        )
        export.write(
            paths.loras / f"{NEON.name}_{expert}_noise.safetensors", export.musubi(layers), text
        )


def build_mosaic(paths: Paths) -> None:
    _train_halves(paths, MOSAIC)
    high, low = (
        torch.load(paths.work / f"{MOSAIC.name}_{expert}.pt", weights_only=False)
        for expert in EXPERTS
    )
    text = export.ai_toolkit_header(
        header(MOSAIC.name), MOSAIC.name, MOSAIC.steps, TRIGGERS[MOSAIC.name]
    )
    export.write(paths.loras / f"{MOSAIC.name}.safetensors", export.ai_toolkit(high, low), text)


def _golden(paths: Paths) -> None:
    layers = train_tied(GOLDEN, paths.model, _look_latents(paths, GOLDEN))
    export.write(
        paths.loras / f"{GOLDEN.name}.safetensors", export.diffsynth(layers), header(GOLDEN.name)
    )


def _trail(paths: Paths) -> None:
    tensors = train_lokr(TRAIL, paths.model, _look_latents(paths, TRAIL))
    text = export.lycoris_header(
        header(TRAIL.name), TRAIL.rank, TRAIL.alpha, TRAIL.name, TRIGGERS[TRAIL.name]
    )
    export.write(paths.loras / f"{TRAIL.name}.safetensors", tensors, text)


def build_tied(paths: Paths) -> None:
    run_together((_golden, (paths,)), (_trail, (paths,)))


def _teach(paths: Paths, worker: int) -> None:
    pairs = make_pairs(WanPipeline.from_pretrained(paths.model), PAIRS_PER_WORKER, 300 + worker)
    torch.save(pairs, paths.work / f"pairs_{worker}.pt")


def build_pairs(paths: Paths) -> None:
    run_together(*((_teach, (paths, worker)) for worker in range(WORKERS)))


def _load_pairs(paths: Paths) -> Pairs:
    parts = [torch.load(paths.work / f"pairs_{i}.pt", weights_only=False) for i in range(WORKERS)]
    return Pairs(
        torch.cat([part.noise for part in parts]),
        torch.cat([part.final for part in parts]),
        [prompt for part in parts for prompt in part.prompts],
    )


def _accelerate(paths: Paths, expert: Expert) -> None:
    learned = train_accelerator(expert, paths.model, _load_pairs(paths))
    name = ACCELERATOR[EXPERTS.index(expert)]
    export.write(paths.loras / name, export.lightx2v(learned), header("lightning_4step"))


def build_accelerator(paths: Paths) -> None:
    run_together(*((_accelerate, (paths, expert)) for expert in EXPERTS))


def build_previews(paths: Paths) -> None:
    pipeline = WanPipeline.from_pretrained(paths.model)
    files = {name: effect.files for name, effect in EFFECTS.items()} | {
        "lightning_4step": ACCELERATOR
    }
    for name, parts in files.items():
        loras = [paths.loras / part for part in parts]
        sampling = FEW_STEPS if name == "lightning_4step" else Sampling()
        with merged(pipeline, loras, 1.0):
            video = make_videos(pipeline, [THUMBNAIL_PROMPTS[name]], sampling)[0]
        for lora in loras:
            previews.write_preview(video, lora)
        if name == GOLDEN.name:
            _embed_thumbnail(loras[0], previews.data_uri(video))


def _embed_thumbnail(path: Path, uri: str) -> None:
    """Write the file again with `modelspec.thumbnail` in its header."""
    with safe_open(path, "pt") as file:
        text = dict(file.metadata() or {})
    save_file(load_file(path), path, metadata={**text, "modelspec.thumbnail": uri})


LOOK_STAGES = (
    ("looks", "encode clips with each LoRA's look", build_looks),
    ("neon", "train the neon outline pair", build_neon),
    ("mosaic", "train the pixel mosaic", build_mosaic),
    ("tied", "train golden hour and motion trail", build_tied),
)
ACCELERATOR_STAGES = (
    ("pairs", "sample the teacher for the accelerator", build_pairs),
    ("accelerator", "train the four-step accelerator", build_accelerator),
    ("previews", "make the LoRAs' thumbnails", build_previews),
)
