"""`python -m demo build [stage ...]` and `python -m demo evaluate`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from demo.paths import ROOT, Paths


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Paths.work, help="folder for caches and checkpoints"
    )
    parser.add_argument("--model", type=Path, default=Paths.model, help="folder of the demo model")
    parser.add_argument("--loras", type=Path, default=Paths.loras, help="folder of the LoRA files")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="rebuild the model and the LoRAs from seeds")
    build.add_argument(
        "stages", nargs="*", metavar="stage", help="run only these stages, in build order"
    )
    evaluate = commands.add_parser("evaluate", help="measure the model and the LoRAs")
    evaluate.add_argument("--prompts", type=int, default=96, help="held-out prompts to measure")
    evaluate.add_argument("--lora-prompts", type=int, default=16, help="prompts per LoRA strength")
    evaluate.add_argument(
        "--out", type=Path, default=ROOT / "demo" / "evaluation", help="stem of .md and .json"
    )
    return parser.parse_args()


def main() -> None:
    """Run the chosen command."""
    arguments = _arguments()
    paths = Paths(arguments.work, arguments.model, arguments.loras)
    if arguments.command == "build":
        _build(paths, arguments.stages)
        return
    from demo.report import write_report

    write_report(paths, arguments.prompts, arguments.lora_prompts, arguments.out)


def _build(paths: Paths, names: list[str]) -> None:
    from demo.stages import STAGES

    known = [stage.name for stage in STAGES]
    if unknown := set(names) - set(known):
        raise SystemExit(
            f"unknown stage {', '.join(sorted(unknown))}; the stages are {', '.join(known)}"
        )
    for stage in STAGES:
        if names and stage.name not in names:
            continue
        print(f"== {stage.name}: {stage.summary}", flush=True)
        begin = time.monotonic()
        stage.run(paths)
        print(f"== {stage.name} took {(time.monotonic() - begin) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
