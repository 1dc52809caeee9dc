"""The stages of the build, in order; each reads and writes the work folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKLWan

from demo.assemble import assembled, save
from demo.colours import write_colours
from demo.latents import LatentSet, encode_scenes, normalise, statistics
from demo.lora_stages import ACCELERATOR_STAGES, LOOK_STAGES
from demo.opening import write_opening
from demo.parallel import run_together, run_workers
from demo.paths import Paths
from demo.prompt_words import write_prompt_words
from demo.train_experts import FIRST, HIGH, LOW, train_expert
from demo.train_text import train_text
from demo.train_vae import PARTS, train_vae

WORKERS = 2
PLAIN_CLIPS = 1152


@dataclass(frozen=True)
class Stage:
    """A named part of the build."""

    name: str
    summary: str
    run: Callable[[Paths], None]


def build_vae(paths: Paths) -> None:
    for part, schedule in enumerate(PARTS):
        run_workers(train_vae, WORKERS, paths.vae, schedule, paths.vae if part else None)


def build_text(paths: Paths) -> None:
    train_text(paths.text)


def _encode_part(paths: Paths, part: int, count: int) -> None:
    torch.manual_seed(part)
    vae = AutoencoderKLWan.from_pretrained(paths.vae)
    encode_scenes(vae, count, 100 + part).save(paths.work / "raw" / f"plain_{part}.pt")


def build_latents(paths: Paths) -> None:
    count = PLAIN_CLIPS // WORKERS
    run_together(*((_encode_part, (paths, part, count)) for part in range(WORKERS)))
    raw = LatentSet.load(*sorted((paths.work / "raw").glob("plain_*.pt")))
    vae = AutoencoderKLWan.from_pretrained(paths.vae)
    mean, std = statistics(raw.latents)
    vae.register_to_config(latents_mean=mean, latents_std=std)
    vae.save_pretrained(paths.vae)
    LatentSet(normalise(vae, raw.latents), raw.attributes).save(paths.latents / "plain_0.pt")


def build_experts(paths: Paths) -> None:
    """The low-noise expert first: it is the better start for the high-noise one, too."""
    first = paths.work / "first"
    run_together((train_expert, ("low", paths.work, paths.text, FIRST)))
    shutil.copytree(paths.work / "low", first, dirs_exist_ok=True)
    run_together(
        (train_expert, ("high", paths.work, paths.text, HIGH, first)),
        (train_expert, ("low", paths.work, paths.text, LOW, first)),
    )


def build_model(paths: Paths) -> None:
    pipeline = assembled(paths.vae, paths.text, paths.work / "high", paths.work / "low")
    save(pipeline, paths.model)
    build_colours(paths)
    build_words(paths)


def build_words(paths: Paths) -> None:
    write_prompt_words(paths.model)


def build_colours(paths: Paths) -> None:
    write_colours(paths.model)


STAGES = (
    Stage("vae", "train the video autoencoder", build_vae),
    Stage("text", "train the text encoder and write the tokenizer", build_text),
    Stage("latents", "encode training clips and measure their statistics", build_latents),
    Stage("experts", "train both transformers", build_experts),
    Stage("model", "write the pipeline folder", build_model),
    Stage("words", "write the words that the model knows", build_words),
    Stage("colours", "fit the colours that previews show", build_colours),
    *(Stage(*stage) for stage in (*LOOK_STAGES, *ACCELERATOR_STAGES)),
    Stage("opening", "make the two videos that the page opens with", write_opening),
)
