"""The command line's arguments and what they say."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import GenerationError, SettingsError
from wan_lora_studio.lora.selection import parse_multipliers
from wan_lora_studio.ui.command_line.grid_axes import parse_axis_argument

LOGIN_VARIABLE = "WAN_LORA_LOGIN"
EXAMPLES = f"""examples:
  {COMMAND}
  {COMMAND} --port 8000 --model demo --no-browser
  {COMMAND} restore library
  {COMMAND} loras add downloads/style.safetensors
  {COMMAND} models download ti2v-5B
  {COMMAND} generate --like outputs/circle.mp4 --seed 8
  {COMMAND} generate --prompt "a red circle moving left on a navy background" \\
      --lora style=0.8 --lora motion=high:1.0,low:0.4 --seed 7 --out circle.mp4
  {COMMAND} generate --prompt "a red circle moving left" \\
      --grid-x strength:style=0,0.5,1 --grid-y seed=1,2,3 --out circles
"""
# Arguments of `generate` that are a task's fields, with their types and their words.
TASK_ARGUMENTS: tuple[tuple[str, str, type, str], ...] = (
    ("--negative-prompt", "negative_prompt", str, "what should not be seen"),
    ("--width", "width", int, "pixels"),
    ("--height", "height", int, "pixels"),
    ("--frames", "num_frames", int, "number of frames, 4k+1"),
    ("--fps", "fps", int, "frames per second"),
    ("--steps", "steps", int, "sampling steps"),
    ("--guidance", "guidance_scale", float, "guidance; of the high-noise expert if there are two"),
    ("--guidance-2", "guidance_scale_2", float, "guidance of the low-noise expert"),
    ("--flow-shift", "flow_shift", float, "flow shift of the scheduler"),
    ("--seed", "seed", int, "random if not given"),
    ("--image", "image", str, "input picture, for models that take one"),
)


def build_parser(version: str) -> argparse.ArgumentParser:
    shared = _shared_arguments()
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Wan2.2 LoRA Studio: make videos with LoRAs, in the browser or from here.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=version)
    page = parser.add_argument_group("page")
    page.add_argument("--host", help="address to serve on (default 127.0.0.1, this computer only)")
    page.add_argument("--port", type=int, help="port to serve on; 0 takes a free one")
    page.add_argument("--login-file", type=Path, help="file holding user:password for the page")
    page.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="open the page in the browser (default: where there is a screen)",
    )
    page.add_argument("--no-browser", dest="open", action="store_false", help="same as --no-open")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_generate(commands, shared)
    _add_restore(commands, shared)
    _add_loras(commands, shared)
    _add_models(commands, shared)
    return parser


def _shared_arguments() -> argparse.ArgumentParser:
    # SUPPRESS: one given before the subcommand is not undone by the subcommand's default.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group("settings (more of them in config.json)")
    group.add_argument("--config", help="settings file; it needs only what differs")
    group.add_argument("--model", help="a key of the model table, such as demo or t2v-A14B")
    for folder in ("loras", "outputs", "models", "data"):
        group.add_argument(f"--{folder}-dir", metavar="FOLDER", help=f"folder of {folder}")
    group.add_argument("--device", help="auto, cpu, mps, cuda or cuda:N")
    group.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    return shared


def _add_generate(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "generate",
        parents=[shared],
        help="make one video, or a grid of them, and exit",
        description="Make one video, or with --grid-x a grid of them, and exit. What is not given"
        " is the model's default.",
    )
    parser.set_defaults(usage_error=parser.error)
    parser.add_argument(
        "--prompt",
        help="what should be seen; needed without --like. <lora:NAME:STRENGTH> and"
        " <lora:NAME:HIGH:LOW> in it are read as --lora",
    )
    parser.add_argument(
        "--like",
        type=Path,
        metavar="VIDEO",
        help="make a video again: what is not given is taken from this MP4, or the JSON beside it",
    )
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        type=parse_lora_argument,
        metavar="NAME=STRENGTH",
        help="a LoRA of the library; NAME=high:X,low:Y for separate experts; WanGP's NAME=X;Y"
        " (high;low) and NAME=X,Y (over the steps) are read too; repeatable",
    )
    for flag, name, kind, words in TASK_ARGUMENTS:
        parser.add_argument(flag, dest=name, type=kind, help=words)
    parser.add_argument("--out", type=Path, help="the .mp4 to write, or a folder")
    _add_grid(parser)


def _add_grid(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "grid",
        "One video for each value of an axis, or of two, and a contact sheet of all. An axis is"
        " one of: strength:LORA=0,0.5,1  lora=NAME,NAME,none  lora:LORA=NAME,NAME (in its place)"
        "  expert:LORA=both,high,low,off  loras=with,without  seed=1,2 or seed=1-8"
        "  steps=10,20  accelerator=none,NAME  prompt='a cat|a dog'.",
    )
    for flag, words in (("--grid-x", "the columns"), ("--grid-y", "the rows")):
        group.add_argument(flag, type=parse_axis_argument, metavar="AXIS", help=words)
    group.add_argument(
        "--plan",
        action="store_true",
        help="say how many videos the grid makes and how long that takes, and make none",
    )


def _add_restore(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "restore",
        parents=[shared],
        help="bring back a copy of the queue, favourites, sets, selections or catalogue",
        description="The app copies its own files once a day while it runs, and keeps seven"
        " copies of each. Without NAME the copies are listed. Close the app before you bring one"
        " back; the file that is replaced is kept under a dated name.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="NAME",
        choices=("queue", "results", "sets", "selections", "library"),
        help="queue, results, sets, selections or library",
    )
    parser.add_argument(
        "--day",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="the copy of that day (default: the newest)",
    )


def _add_loras(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "loras",
        parents=[shared],
        help="list, add, remove, rename, pair and check LoRAs",
        description="Work on the library from the shell. It may be open in the page meanwhile."
        " A LoRA is named by its name, its file or its title.",
    )
    bare = _actions_of(parser, shared)

    def action(name: str, words: str) -> argparse.ArgumentParser:
        return _with_json(bare(name, words))

    listed = action("list", "List the LoRAs, and whether each fits the model.")
    listed.add_argument(
        "text", nargs="*", help="what to find, as on the page (`--` goes before -word)"
    )
    action("show", "Show one LoRA, and which layers of the model it changes.").add_argument("name")
    add = action("add", "Add files, folders or .zip archives, with what lies beside them.")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.add_argument("--folder", help="folder of the library for files that are named one by one")
    action("remove", "Put LoRAs into the trash.").add_argument("names", nargs="+", metavar="NAME")
    action("undo", "Bring a LoRA back from the trash.").add_argument("name")
    rename = action("rename", "Rename a LoRA with all its files.")
    rename.add_argument("name")
    rename.add_argument("new_name", metavar="NEW_NAME")
    pair = action("pair", "Join two LoRAs: one for high noise, one for low noise.")
    pair.add_argument("high", metavar="HIGH")
    pair.add_argument("low", metavar="LOW")
    action("split", "Take a pair apart.").add_argument("name")
    check = action("check", "Check files that are in no library: can they be used, what are they?")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    action("verdict", "Say whether a file or a LoRA fits the model (--model).").add_argument(
        "file", metavar="FILE"
    )


def _add_models(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "models",
        parents=[shared],
        help="list, check, download, verify and remove models",
        description="See which models of the model table are here, and get the others. NAME is a"
        " key of the table. A download that ends early goes on where it stopped.",
    )
    action = _actions_of(parser, shared)
    _with_json(action("list", "List the models, and whether each is here."))
    named = [
        _with_json(
            action("check", "Say what a model takes and what is missing, by the hub's list.")
        ),
        action("download", "Download what is missing of a model."),
        action("verify", "Compare a model's files with the hub's hashes."),
        action("remove", "Remove a model's files, but for those that other models need."),
    ]
    for each in named:
        each.add_argument("name", metavar="NAME")
    named[-1].add_argument("--yes", action="store_true", help="remove them without being asked")


def _actions_of(
    parser: argparse.ArgumentParser, shared: argparse.ArgumentParser
) -> Callable[[str, str], argparse.ArgumentParser]:
    """What adds an action of a command by its name and what it does."""
    actions: Any = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, words: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, parents=[shared], help=words, description=words)
        return cast(argparse.ArgumentParser, added)

    return action


def _with_json(action: argparse.ArgumentParser) -> argparse.ArgumentParser:
    action.add_argument("--json", action="store_true", help="answer with one JSON value")
    return action


def parse_lora_argument(text: str) -> tuple[str, Any]:
    """`name`, `name=0.8`, `name=high:1.0,low:0.4`, or WanGP's `name=1;0` and `name=1,0.5`.

    A name may contain '='.
    """
    name, separator, value = text.rpartition("=")
    if not separator:
        return text, None
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} names no LoRA; write NAME=STRENGTH")
    try:
        return name, _strength(value)
    except (ValueError, GenerationError) as error:
        raise argparse.ArgumentTypeError(
            f"{value!r} is not a strength ({error}); write a number, high:X,low:Y, or as in WanGP "
            "HIGH;LOW or FIRST,SECOND,..."
        ) from None


def _strength(value: str) -> Any:
    if ":" not in value:
        # One value for one LoRA: none for it would be read as strength 1, a blank as two.
        return parse_multipliers(value, 1)[0] if value.strip() else float(value)
    experts = {}
    for part in value.split(","):
        expert, _, number = part.partition(":")
        if expert.strip() not in ("high", "low") or expert.strip() in experts:
            raise ValueError(value)
        experts[expert.strip()] = float(number)
    return experts


def settings_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the arguments change."""
    given = vars(arguments)
    names = ("host", "port", "loras_dir", "outputs_dir", "models_dir", "data_dir", "device")
    overrides = {name: given.get(name) for name in names}
    return {**overrides, "default_model": given.get("model")}


def read_login(path: Path | None) -> tuple[str, str] | None:
    """User and password from a file that holds `user:password`, or from the environment.

    None if neither is given. One that is given and holds no login is a SettingsError, so that
    nothing is ever served without the login that was meant to be there.
    """
    if path is None:
        text = os.environ.get(LOGIN_VARIABLE)
        return None if text is None else _login([text], LOGIN_VARIABLE)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _no_login(str(path), "it is not UTF-8 text") from error
    return _login(lines, str(path))


def _login(lines: list[str], where: str) -> tuple[str, str]:
    """The login in the one line that holds anything."""
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise _no_login(where, "it is empty")
    number, text = filled[0]
    user, separator, password = text.partition(":")
    if not separator:
        raise _no_login(where, f"line {number} has no colon")
    if not (user and password):
        raise _no_login(where, f"line {number} has no {'password' if user else 'user'}")
    if not text.isprintable():
        raise _no_login(where, f"line {number} holds a character that cannot be typed")
    if len(filled) > 1:
        raise _no_login(where, f"line {filled[1][0]} is one too many; it takes one login")
    return user, password


def _no_login(where: str, why: str) -> SettingsError:
    return SettingsError(
        f"{where} holds no login: {why}.",
        suggestions=[
            "Write one line, user:password.",
            f"To start without a login, leave out --login-file and unset {LOGIN_VARIABLE}.",
        ],
    )
