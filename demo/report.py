"""Runs every measurement and writes the table as Markdown and JSON."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import WanPipeline

from demo.evaluate import Sampling, make_videos, prompt_accuracy, seconds_per_video, vae_quality
from demo.evaluate_loras import (
    EFFECTS,
    STRENGTHS,
    effect_by_strength,
    effect_prompts,
    few_steps_by_strength,
    in_order,
)
from demo.paths import Paths

GOALS = {"colour": 0.95, "shape": 0.85, "direction": 0.95, "background": 0.95}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: str
    goal: str


def write_report(paths: Paths, prompts: int, lora_prompts: int, out: Path) -> None:
    """Measure, print the table, and write `out`.md and `out`.json."""
    begin = time.monotonic()
    pipeline = WanPipeline.from_pretrained(paths.model)
    sampling = Sampling()
    measured: dict[str, Any] = {"threads": torch.get_num_threads(), "sampling": asdict(sampling)}
    rows = _model_rows(pipeline, paths, sampling, prompts, measured)
    rows += _lora_rows(pipeline, paths, sampling, lora_prompts, measured)
    rows += _few_step_rows(pipeline, paths, sampling, lora_prompts, measured)
    measured["minutes"] = round((time.monotonic() - begin) / 60, 1)
    table = _markdown(rows)
    print(table)
    out.with_suffix(".md").write_text(table)
    out.with_suffix(".json").write_text(json.dumps(measured, indent=2) + "\n")


def _model_rows(
    pipeline: WanPipeline, paths: Paths, sampling: Sampling, count: int, measured: dict[str, Any]
) -> list[Row]:
    size = sum(file.stat().st_size for file in paths.model.rglob("*") if file.is_file()) / 1e6
    quality = vae_quality(pipeline)
    seconds = seconds_per_video(pipeline, sampling)
    accuracy = prompt_accuracy(pipeline, sampling, count)
    measured |= {
        "size_mb": size,
        "vae_psnr_db": quality,
        "seconds_per_video": seconds,
        "accuracy": accuracy,
    }
    rows = [
        Row(
            f"{name} right, {count} held-out prompts",
            f"{accuracy[name]:.1%}",
            f"at least {goal:.0%}",
        )
        for name, goal in GOALS.items()
    ]
    threads = torch.get_num_threads()
    return [
        *rows,
        Row("autoencoder on held-out clips", f"{quality:.1f} dB", "at least 28 dB"),
        Row(
            f"one video, {sampling.steps} steps, {threads} threads",
            f"{seconds:.1f} s",
            "at most 10 s",
        ),
        Row("model folder", f"{size:.1f} MB", "at most 40 MB"),
    ]


def _lora_rows(
    pipeline: WanPipeline, paths: Paths, sampling: Sampling, count: int, measured: dict[str, Any]
) -> list[Row]:
    base = make_videos(pipeline, effect_prompts(count), sampling)
    rows = []
    measured["loras"] = {}
    for name, effect in EFFECTS.items():
        values = effect_by_strength(pipeline, paths.loras, effect, base, sampling=sampling)
        means = [sum(row) / len(row) for row in values]
        ordered = in_order(values)
        measured["loras"][name] = {
            "measure": effect.title,
            "mean_by_strength": means,
            "in_order": ordered,
        }
        steps = ", ".join(f"{mean:.2f}" for mean in means)
        rows.append(
            Row(
                f"{name}: {effect.title} at strengths {STRENGTHS}",
                f"{steps}; in order for {ordered} of {count}",
                "rising",
            )
        )
    return rows


def _few_step_rows(
    pipeline: WanPipeline, paths: Paths, sampling: Sampling, count: int, measured: dict[str, Any]
) -> list[Row]:
    results = few_steps_by_strength(pipeline, paths.loras, sampling, count)
    measured["lightning_4step"] = [asdict(result) for result in results]
    rows = []
    for result in results:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in result.accuracy.items())
        rows.append(
            Row(f"lightning_4step at {result.strength}: distance to {sampling.steps} steps",
                f"{result.distance:.3f}; {shares}", "falling")
        )  # fmt: skip
    return rows


def _markdown(rows: list[Row]) -> str:
    lines = ["| measured | value | goal |", "|---|---|---|"]
    lines += [f"| {row.what} | {row.value} | {row.goal} |" for row in rows]
    return "\n".join(lines) + "\n"
