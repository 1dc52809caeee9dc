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
from wan_lora_studio.texts import say
from wan_lora_studio.units import in_gb, in_time

STATES = {
    "here": say("ui.command_line.models.here"),
    "partly": say("ui.command_line.models.partly"),
    "absent": say("ui.command_line.models.absent"),
}
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
    print(say("ui.command_line.models.check", command=f"{COMMAND} models check NAME"))
    _print_left_out(models)
    return 0


def _print_left_out(models: ModelList) -> None:
    """What lies in other programs' folders and makes no row."""
    if models.left_out:
        print("\n" + say("ui.command_line.models.left_out", count=len(models.left_out)))
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
    lines = [
        f"{row.title}: {STATES[row.state]}",
        _line(say("ui.command_line.models.folder"), row.folder),
    ]
    if row.verdict is not None:
        lines.append(_line(say("ui.command_line.models.memory"), _memory(row.verdict)))
        lines.append(_line(say("ui.command_line.models.verdict"), row.verdict.words))
    if row.state == "here":
        return [*lines, _line(say("ui.command_line.models.on_disk"), in_gb(row.size))]
    if row.size_whole is not None and row.to_fetch is not None:
        whole, rest = in_gb(row.size_whole), in_gb(row.to_fetch)
        lines.append(
            _line(
                say("ui.command_line.models.on_disk"),
                say("ui.command_line.models.to_download", size=whole, rest=rest),
            )
        )
    lines.append(_line(say("ui.command_line.models.missing"), together(row.missing[:3], ", ")))
    if row.repos:
        lines.append(
            say("ui.command_line.models.gets_it", command=f"{COMMAND} models download {row.name}")
        )
    return lines


def _line(label: str, value: object) -> str:
    return f"{label + ':':<10}{value}"


def _memory(verdict: Verdict) -> str:
    own = in_gb(verdict.memory)
    if not verdict.gpu:
        return say("ui.command_line.models.own_memory", own=own)
    return say("ui.command_line.models.both_memories", gpu=in_gb(verdict.gpu), own=own)


def _download(arguments: argparse.Namespace, settings: Settings) -> int:
    name = arguments.name
    if row_files(settings, name).state == "here":
        print(say("ui.command_line.models.is_here", title=settings.model(name).title))
        return 0
    _carried_out(settings, name, "download")
    title, folder = settings.model(name).title, row_files(settings, name).folder
    print(say("ui.command_line.models.came", title=title, folder=folder))
    return 0


def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    name = arguments.name
    ended = _carried_out(settings, name, "verify")
    if not ended.found:
        print(say("ui.command_line.models.verified", title=settings.model(name).title))
        return 0
    for path in ended.found:
        print(say("ui.command_line.models.damaged", path=path))
    print(say("ui.command_line.models.brings", command=f"{COMMAND} models download {name}"))
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
        print("\n" + say("ui.command_line.models.kept", command=f"{COMMAND} models {kind} {name}"))
        raise
    if sys.stdout.isatty():
        print()
    assert now is not None
    if now.error is not None:
        raise now.error
    return now


def _print_progress(now: Download, terminal: bool) -> None:
    line = say("ui.command_line.models.asking")
    if now.total:
        done, total = in_gb(now.done), in_gb(now.total)
        share = f"{now.done / now.total:.0%}"
        words = [say("ui.command_line.models.progress", done=done, total=total, share=share)]
        if now.speed:
            words.append(say("ui.command_line.models.speed", speed=f"{now.speed / 1e6:.1f}"))
        if now.seconds_left is not None:
            words.append(say("ui.command_line.models.left", time=in_time(now.seconds_left)))
        line = ", ".join(words)
    print(*([f"\r{line:<{LINE_WIDTH}}"] if terminal else [line]), end="" if terminal else "\n")
    sys.stdout.flush()


def _remove(arguments: argparse.Namespace, settings: Settings) -> int:
    name = arguments.name
    title, removal = settings.model(name).title, removable(settings, name)
    print(
        say(
            "ui.command_line.models.files",
            title=title,
            count=len(removal.files),
            size=in_gb(removal.size),
        )
    )
    if removal.sharing:
        print(say("ui.command_line.models.shared", models=", ".join(removal.sharing)))
    if not arguments.yes and not _agreed():
        print(say("ui.command_line.models.not_removed"))
        return 1
    ModelDownloads(settings).remove(name)
    print(
        say(
            "ui.command_line.models.removed",
            title=title,
            command=f"{COMMAND} models download {name}",
        )
    )
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise ModelLoadError(
            say("ui.command_line.models.not_asked"),
            cause=say("ui.command_line.models.no_terminal"),
            suggestions=[say("ui.command_line.models.add_yes")],
        )
    return input(say("ui.command_line.models.really") + " ").strip().casefold() in ("y", "yes")


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Settings], int]] = {
    "list": _list,
    "check": _check,
    "download": _download,
    "verify": _verify,
    "remove": _remove,
}
