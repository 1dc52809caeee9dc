"""LoRAs command: the library from the shell, in words or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import LoRANotFoundError, StudioError
from wan_lora_studio.lora.inspection import architecture_for, inspect_lora, judge
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

ALL_OF_THEM = 1_000_000  # more than a library holds
VERDICTS = {
    "fits": say("ui.command_line.loras.fits"),
    "partly": say("ui.command_line.loras.partly"),
    "no": say("ui.command_line.loras.no"),
    "unknown": say("ui.command_line.loras.unknown"),
}
SHOWN_FIELDS = (
    ("title", say("ui.command_line.loras.title")),
    ("expert", say("ui.command_line.loras.expert")),
    ("dialect", say("ui.command_line.loras.layout")),
    ("algebra", say("ui.command_line.loras.algebra")),
    ("rank", say("ui.command_line.loras.rank")),
    ("size_mb", say("ui.command_line.loras.size")),
    ("status_detail", say("ui.command_line.loras.problem")),
    ("description", say("ui.command_line.loras.description")),
    ("trigger_words", say("ui.command_line.loras.triggers")),
    ("tags", say("ui.command_line.loras.tags")),
    ("author", say("ui.command_line.loras.author")),
    ("use_count", say("ui.command_line.loras.used")),
    ("sha256", "SHA256"),
)


def run_loras(arguments: argparse.Namespace, settings: Settings) -> int:
    """0 if all was done or is well, 1 if something was refused, is broken or does not fit.

    With --json the answer is one JSON value on stdout, `{"error": ...}` where nothing was done.
    """
    try:
        answer = ACTIONS[arguments.action](arguments, settings)
    except StudioError as error:
        if not arguments.json:
            raise
        answer = Answer({"error": error.to_dict()}, [], well=False)
    if arguments.json:
        print(json.dumps(answer.data, ensure_ascii=False, indent=2))
    else:
        print("\n".join(answer.lines))
    return 0 if answer.well else 1


class Answer:
    """The same answer for a program, for a person, and as an exit code."""

    def __init__(self, data: Any, lines: Sequence[str], *, well: bool = True) -> None:
        self.data, self.lines, self.well = data, lines, well


def _list(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library, model = _library(settings), settings.default_model
    library.refresh()
    found = library.find_loras(" ".join(arguments.text), limit=ALL_OF_THEM)
    data = [*found["loras"].values()]
    lines = [_row(record, library, model) for record in data]
    count = say("ui.command_line.loras.count", count=len(data), folder=settings.loras_dir)
    return Answer(data, [*lines, count])


def _row(record: Mapping[str, Any], library: LoRALibrary, model: str) -> str:
    state = str(record["status"])
    if state == "ok":
        state = f"{VERDICTS[library.explain_compatibility(record['name'], model).verdict]} {model}"
    return f"{record['name']:<32} {record['expert']:<7} {record['size_mb']:>9.1f} MB  {state}"


def _show(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    record = library.get_lora_metadata(_name(library, arguments.name))
    told = {**record, "title": record.get("title") or record["name"]}
    lines = [
        f"{label + ':':<15}{_plain(told[key])}" for key, label in SHOWN_FIELDS if told.get(key)
    ]
    lines += [
        f"{say('ui.command_line.loras.file'):<15}{path}"
        for path in library.files(record["name"]).values()
    ]
    if record["status"] == "ok":
        fit = library.explain_compatibility(record["name"], settings.default_model)
        record["fit"] = fit.to_dict()
        lines += _fit_lines(record["fit"])
    return Answer(record, lines, well=record["status"] == "ok")


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _add(arguments: argparse.Namespace, settings: Settings) -> Answer:
    handler = LoRAUploadHandler(settings, _library(settings))
    outcomes = [
        {**outcome, "path": str(path)}
        for path in arguments.paths
        for outcome in handler.process_path(path, arguments.folder)
    ]
    lines = [_outcome_line(outcome) for outcome in outcomes]
    return Answer(outcomes, lines, well=all(o["status"] != "refused" for o in outcomes))


def _outcome_line(outcome: Mapping[str, Any]) -> str:
    words = {
        "stored": say("ui.command_line.loras.added", name=outcome.get("name")),
        "taken_along": say("ui.command_line.loras.beside"),
        "duplicate": say("ui.command_line.loras.duplicate", name=outcome.get("name")),
    }
    error = outcome["error"] or {}
    why = words.get(outcome["status"]) or say(
        "ui.command_line.loras.refused", why=error.get("message")
    )
    return f"{outcome['filename']}: {why}"


def _remove(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    names = [_name(library, name) for name in arguments.names]
    for name in dict.fromkeys(names):
        library.delete_lora_file(name)
    lines = [
        say("ui.command_line.loras.removed", name=name, command=f"{COMMAND} loras undo {name}")
        for name in names
    ]
    return Answer({"removed": names}, lines)


def _undo(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    if not library.undo_delete(arguments.name):
        raise LoRANotFoundError(
            say("ui.command_line.loras.not_in_trash", name=repr(arguments.name)),
            suggestions=[say("ui.command_line.loras.look_at_trash")],
        )
    return Answer(
        {"name": arguments.name}, [say("ui.command_line.loras.back", name=arguments.name)]
    )


def _rename(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    old = _name(library, arguments.name)
    library.rename_lora_file(old, arguments.new_name)
    record = library.record(arguments.new_name)
    return Answer(record, [say("ui.command_line.loras.renamed", old=old, new=record["name"])])


def _pair(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    high, low = _name(library, arguments.high), _name(library, arguments.low)
    record = library.pair_loras(high, low)
    return Answer(
        record, [say("ui.command_line.loras.paired", name=record["name"], high=high, low=low)]
    )


def _split(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    name = _name(library, arguments.name)
    halves = library.split_pair(name)
    return Answer(
        {"names": halves}, [say("ui.command_line.loras.split", name=name, halves=", ".join(halves))]
    )


def _check(arguments: argparse.Namespace, settings: Settings) -> Answer:
    handler = LoRAUploadHandler(settings, _library(settings))
    found = []
    for path in arguments.files:
        sound, words = handler.validate_file(path)
        found.append({"file": str(path), "ok": sound, "detail": words})
        if sound:
            found[-1] |= handler.extract_metadata(path)
    lines = [
        f"{one['file']}: {one['detail']}"
        if one["ok"]
        else say("ui.command_line.loras.not_usable", file=one["file"], why=one["detail"])
        for one in found
    ]
    return Answer(found, lines, well=all(one["ok"] for one in found))


def _verdict(arguments: argparse.Namespace, settings: Settings) -> Answer:
    model = settings.default_model
    if Path(arguments.file).is_file():
        info = inspect_lora(Path(arguments.file))
        fit = judge({info.evidence.role: info}, model, architecture_for(settings, model)).to_dict()
    else:
        library = _library(settings)
        fit = library.explain_compatibility(_name(library, arguments.file), model).to_dict()
    return Answer(fit, _fit_lines(fit), well=fit["compatible"])


def _fit_lines(fit: Mapping[str, Any]) -> list[str]:
    lines = [f"{fit['model_type'] + ':':<15}{VERDICTS[fit['verdict']]}"]
    lines += [
        "  "
        + say(
            "ui.command_line.loras.layers",
            expert=expert,
            matched=cover["matched"],
            total=cover["total"],
        )
        for expert, cover in fit["coverage"].items()
    ]
    return [*lines, *(f"  {text}" for text in (fit["misfit"], *fit["reasons"]) if text)]


def _library(settings: Settings) -> LoRALibrary:
    return LoRALibrary(settings)


def _name(library: LoRALibrary, text: str) -> str:
    """The LoRA that is meant: its name, a file name, a hash. Raises LoRANotFoundError."""
    meant = library.meant(text)
    return meant.name if meant is not None else str(library.record(text)["name"])


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Settings], Answer]] = {
    "list": _list,
    "show": _show,
    "add": _add,
    "remove": _remove,
    "undo": _undo,
    "rename": _rename,
    "pair": _pair,
    "split": _split,
    "check": _check,
    "verdict": _verdict,
}
