"""Models command: which models are here, what the others need, and getting them, from the shell."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Literal

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import ModelLoadError, together
from wan_lora_studio.model_list import ModelList, ModelRow, Verdict
from wan_lora_studio.model_store import Download, ModelDownloads, removable, row_files
from wan_lora_studio.settings import Settings
from wan_lora_studio.units import in_gb, in_time

STATES = {"here": "here", "partly": "in part", "absent": "not here"}
LINE_WIDTH = 76
EVERY = 0.5  # seconds between two lines on a terminal
SELDOM = 30.0  # the same in a file


def run_models(arguments: argparse.Namespace, settings: Settings) -> int:
    """0 if all is well, 1 if something is missing, damaged or was not done. What goes wrong is
    raised as a StudioError."""
    return ACTIONS[arguments.action](arguments, settings)


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    models = ModelList(settings, ModelDownloads(settings))
    rows = models.rows()
    if arguments.json:
        print(json.dumps([row.to_dict() for row in rows], ensure_ascii=False, indent=2))
        return 0
    width = max(len(row.name) for row in rows)
    for row in rows:
        size = in_gb(row.size) if row.size else ""
        print(f"{row.name:<{width}} {STATES[row.state]:<9} {size:>9}  {row.title}")
    print(f"'{COMMAND} models check NAME' says what one needs.")
    _print_left_out(models)
    return 0


def _print_left_out(models: ModelList) -> None:
    """What lies in other programs' folders and makes no row."""
    if models.left_out:
        print(f"\nFiles of other programs that are not offered ({len(models.left_out)}):")
    for each in models.left_out:
        print(f"{each.path}: {each.why}.\n    {each.advice}")


def _check(arguments: argparse.Namespace, settings: Settings) -> int:
    row = ModelList(settings, ModelDownloads(settings)).asked(arguments.name)
    if arguments.json:
        print(json.dumps(row.to_dict(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(_told(row)))
        if row.problem is not None:
            raise row.problem
    return 0 if row.state == "here" else 1


def _told(row: ModelRow) -> list[str]:
    lines = [f"{row.title}: {STATES[row.state]}", f"Folder:   {row.folder}"]
    if row.verdict is not None:
        lines.append(f"Memory:   {_memory(row.verdict)}")
        lines.append(f"Verdict:  {row.verdict.words}")
    if row.state == "here":
        return [*lines, f"On disk:  {in_gb(row.size)}"]
    if row.size_whole is not None and row.to_fetch is not None:
        whole, rest = in_gb(row.size_whole), in_gb(row.to_fetch)
        lines.append(f"On disk:  {whole} as a whole, {rest} to download")
    lines.append(f"Missing:  {together(row.missing[:3], ', ')}")
    if row.repos:
        lines.append(f"'{COMMAND} models download {row.name}' gets it.")
    return lines


def _memory(verdict: Verdict) -> str:
    on_gpu = f"{in_gb(verdict.gpu)} on the GPU, " if verdict.gpu else ""
    return f"{on_gpu}{in_gb(verdict.memory)} of the computer's own"


def _download(arguments: argparse.Namespace, settings: Settings) -> int:
    name = arguments.name
    if row_files(settings, name).state == "here":
        print(f"{settings.model(name).title} is here already.")
        return 0
    _carried_out(settings, name, "download")
    print(f"{settings.model(name).title} is here, at {row_files(settings, name).folder}.")
    return 0


def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    name = arguments.name
    ended = _carried_out(settings, name, "verify")
    if not ended.found:
        print(f"{settings.model(name).title}: every file is the hub's.")
        return 0
    for path in ended.found:
        print(f"damaged or missing: {path}")
    print(f"'{COMMAND} models download {name}' brings them.")
    return 1


def _carried_out(settings: Settings, name: str, kind: Literal["download", "verify"]) -> Download:
    """The work, once it is done. Raises what went wrong."""
    downloads = ModelDownloads(settings)
    try:
        downloads.start(name, kind)
        terminal = sys.stdout.isatty()
        now = downloads.wait(name, EVERY)
        while now is not None and now.active:
            _print_progress(now, terminal)
            now = downloads.wait(name, EVERY if terminal else SELDOM)
    except KeyboardInterrupt:
        downloads.close()
        print(f"\nWhat has arrived is kept. '{COMMAND} models {kind} {name}' goes on.")
        raise
    if sys.stdout.isatty():
        print()
    assert now is not None
    if now.error is not None:
        raise now.error
    return now


def _print_progress(now: Download, terminal: bool) -> None:
    line = "Asking the hub"
    if now.total:
        line = f"{in_gb(now.done)} of {in_gb(now.total)}, {now.done / now.total:.0%}"
        line += f", {now.speed / 1e6:.1f} MB/s" if now.speed else ""
        left = now.seconds_left
        line += "" if left is None else f", {in_time(left)} left"
    print(*([f"\r{line:<{LINE_WIDTH}}"] if terminal else [line]), end="" if terminal else "\n")
    sys.stdout.flush()


def _remove(arguments: argparse.Namespace, settings: Settings) -> int:
    name = arguments.name
    title, removal = settings.model(name).title, removable(settings, name)
    print(f"{title}: {len(removal.files)} files, {in_gb(removal.size)}")
    if removal.sharing:
        print(f"Files that {', '.join(removal.sharing)} needs stay.")
    if not arguments.yes and not _agreed():
        print("Nothing was removed.")
        return 1
    ModelDownloads(settings).remove(name)
    print(f"{title} is removed. '{COMMAND} models download {name}' gets it again.")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise ModelLoadError(
            "Nothing was removed, as nobody could be asked.",
            cause="This is no terminal.",
            suggestions=["Add --yes to remove it without being asked."],
        )
    return input("Remove them? [y/N] ").strip().casefold() in ("y", "yes")


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Settings], int]] = {
    "list": _list,
    "check": _check,
    "download": _download,
    "verify": _verify,
    "remove": _remove,
}
