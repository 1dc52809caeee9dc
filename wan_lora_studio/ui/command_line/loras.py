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

ALL_OF_THEM = 1_000_000  # more than a library holds
VERDICTS = {"fits": "fits", "partly": "fits in part", "no": "does not fit", "unknown": "unknown"}
SHOWN_FIELDS = (
    ("title", "Title"),
    ("expert", "Expert"),
    ("dialect", "Layout"),
    ("algebra", "Algebra"),
    ("rank", "Rank"),
    ("size_mb", "Size in MB"),
    ("status_detail", "Problem"),
    ("description", "Description"),
    ("trigger_words", "Trigger words"),
    ("tags", "Tags"),
    ("author", "Author"),
    ("use_count", "Used"),
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
    count = f"{len(data)} LoRA{'' if len(data) == 1 else 's'} in {settings.loras_dir}"
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
    lines += [f"{'File:':<15}{path}" for path in library.files(record["name"]).values()]
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
        "stored": f"added as {outcome.get('name')}",
        "taken_along": "added beside its LoRA",
        "duplicate": f"already there as {outcome.get('name')}",
    }
    error = outcome["error"] or {}
    why = words.get(outcome["status"]) or f"refused: {error.get('message')}"
    return f"{outcome['filename']}: {why}"


def _remove(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    names = [_name(library, name) for name in arguments.names]
    for name in dict.fromkeys(names):
        library.delete_lora_file(name)
    lines = [
        f"{name} is in the trash. '{COMMAND} loras undo {name}' brings it back." for name in names
    ]
    return Answer({"removed": names}, lines)


def _undo(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    if not library.undo_delete(arguments.name):
        raise LoRANotFoundError(
            f"The trash holds no LoRA called {arguments.name!r}.",
            suggestions=["Look at the trash on the page's LoRAs tab."],
        )
    return Answer({"name": arguments.name}, [f"{arguments.name} is back."])


def _rename(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    old = _name(library, arguments.name)
    library.rename_lora_file(old, arguments.new_name)
    record = library.record(arguments.new_name)
    return Answer(record, [f"{old} is now {record['name']}."])


def _pair(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    high, low = _name(library, arguments.high), _name(library, arguments.low)
    record = library.pair_loras(high, low)
    return Answer(record, [f"{record['name']}: {high} for high noise, {low} for low noise."])


def _split(arguments: argparse.Namespace, settings: Settings) -> Answer:
    library = _library(settings)
    name = _name(library, arguments.name)
    halves = library.split_pair(name)
    return Answer({"names": halves}, [f"{name} is now {' and '.join(halves)}."])


def _check(arguments: argparse.Namespace, settings: Settings) -> Answer:
    handler = LoRAUploadHandler(settings, _library(settings))
    found = []
    for path in arguments.files:
        sound, words = handler.validate_file(path)
        found.append({"file": str(path), "ok": sound, "detail": words})
        if sound:
            found[-1] |= handler.extract_metadata(path)
    lines = [
        f"{one['file']}: {'' if one['ok'] else 'not usable: '}{one['detail']}" for one in found
    ]
    return Answer(found, lines, well=all(one["ok"] for one in found))


def _sound(sound: bool) -> str:
    return "" if sound else "not usable: "


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
        f"  {expert}: {cover['matched']} of {cover['total']} layers"
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
