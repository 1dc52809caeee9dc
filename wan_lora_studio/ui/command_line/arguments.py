"""The command line's arguments and what they say."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

from wan_lora_studio.accounts import ROLES
from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import GenerationError, SettingsError
from wan_lora_studio.lora.selection import parse_multipliers
from wan_lora_studio.texts import say
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
AXES = (
    "strength:LORA=0,0.5,1  lora=NAME,NAME,none  lora:LORA=NAME,NAME  expert:LORA=both,high,low,off"
    "  loras=with,without  seed=1,2  seed=1-8  steps=10,20  accelerator=none,NAME"
    "  prompt='a cat|a dog'"
)
# Arguments of `generate` that are a task's fields, with their types and their words.
TASK_ARGUMENTS: tuple[tuple[str, str, type, str], ...] = (
    ("--negative-prompt", "negative_prompt", str, say("ui.command_line.help.negative")),
    ("--width", "width", int, say("ui.command_line.help.pixels")),
    ("--height", "height", int, say("ui.command_line.help.pixels")),
    ("--frames", "num_frames", int, say("ui.command_line.help.frames")),
    ("--fps", "fps", int, say("ui.command_line.help.fps")),
    ("--steps", "steps", int, say("ui.command_line.help.steps")),
    ("--guidance", "guidance_scale", float, say("ui.command_line.help.guidance")),
    ("--guidance-2", "guidance_scale_2", float, say("ui.command_line.help.guidance_low")),
    ("--flow-shift", "flow_shift", float, say("ui.command_line.help.flow_shift")),
    ("--seed", "seed", int, say("ui.command_line.help.seed")),
    ("--image", "image", str, say("ui.command_line.help.image")),
)


def build_parser(version: str) -> argparse.ArgumentParser:
    shared = _shared_arguments()
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=say("ui.command_line.help.app"),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=version)
    page = parser.add_argument_group(say("ui.command_line.help.page"))
    page.add_argument("--host", help=say("ui.command_line.help.host"))
    page.add_argument("--port", type=int, help=say("ui.command_line.help.port"))
    page.add_argument("--login-file", type=Path, help=say("ui.command_line.help.login_file"))
    page.add_argument(
        "--anyone-may-use-it",
        dest="anyone",
        action="store_true",
        help=say("ui.command_line.help.anyone"),
    )
    page.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=say("ui.command_line.help.open"),
    )
    page.add_argument(
        "--no-browser",
        dest="open",
        action="store_false",
        help=say("ui.command_line.help.no_browser"),
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_generate(commands, shared)
    _add_restore(commands, shared)
    _add_loras(commands, shared)
    _add_models(commands, shared)
    _add_users(commands, shared)
    return parser


def _shared_arguments() -> argparse.ArgumentParser:
    # SUPPRESS: one given before the subcommand is not undone by the subcommand's default.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group(say("ui.command_line.help.settings"))
    group.add_argument("--config", help=say("ui.command_line.help.config"))
    group.add_argument("--model", help=say("ui.command_line.help.model"))
    for folder in ("loras", "outputs", "models", "data"):
        group.add_argument(
            f"--{folder}-dir",
            metavar="FOLDER",
            help=say("ui.command_line.help.folder", what=folder),
        )
    group.add_argument("--device", help=say("ui.command_line.help.device"))
    group.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    return shared


def _add_generate(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "generate",
        parents=[shared],
        help=say("ui.command_line.help.generate"),
        description=say("ui.command_line.help.generate_more"),
    )
    parser.set_defaults(usage_error=parser.error)
    parser.add_argument(
        "--prompt",
        help=say("ui.command_line.help.prompt"),
    )
    parser.add_argument(
        "--like",
        type=Path,
        metavar="VIDEO",
        help=say("ui.command_line.help.like"),
    )
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        type=parse_lora_argument,
        metavar="NAME=STRENGTH",
        help=say("ui.command_line.help.lora"),
    )
    for flag, name, kind, words in TASK_ARGUMENTS:
        parser.add_argument(flag, dest=name, type=kind, help=words)
    parser.add_argument("--out", type=Path, help=say("ui.command_line.help.out"))
    _add_grid(parser)


def _add_grid(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        say("ui.command_line.help.grid"),
        say("ui.command_line.help.grid_more", axes=AXES),
    )
    for flag, words in (
        ("--grid-x", say("ui.command_line.help.grid_x")),
        ("--grid-y", say("ui.command_line.help.grid_y")),
    ):
        group.add_argument(flag, type=parse_axis_argument, metavar="AXIS", help=words)
    group.add_argument(
        "--plan",
        action="store_true",
        help=say("ui.command_line.help.plan"),
    )


def _add_restore(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "restore",
        parents=[shared],
        help=say("ui.command_line.help.restore"),
        description=say("ui.command_line.help.restore_more"),
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="NAME",
        choices=("queue", "results", "sets", "selections", "library"),
        help=say("ui.command_line.help.restore_name"),
    )
    parser.add_argument(
        "--day",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help=say("ui.command_line.help.day"),
    )


def _add_loras(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "loras",
        parents=[shared],
        help=say("ui.command_line.help.loras"),
        description=say("ui.command_line.help.loras_more"),
    )
    bare = _actions_of(parser, shared)

    def action(name: str, words: str) -> argparse.ArgumentParser:
        return _with_json(bare(name, words))

    listed = action("list", say("ui.command_line.help.loras_list"))
    listed.add_argument("text", nargs="*", help=say("ui.command_line.help.loras_text"))
    action("show", say("ui.command_line.help.loras_show")).add_argument("name")
    add = action("add", say("ui.command_line.help.loras_add"))
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.add_argument("--folder", help=say("ui.command_line.help.loras_folder"))
    action("remove", say("ui.command_line.help.loras_remove")).add_argument(
        "names", nargs="+", metavar="NAME"
    )
    action("undo", say("ui.command_line.help.loras_undo")).add_argument("name")
    rename = action("rename", say("ui.command_line.help.loras_rename"))
    rename.add_argument("name")
    rename.add_argument("new_name", metavar="NEW_NAME")
    pair = action("pair", say("ui.command_line.help.loras_pair"))
    pair.add_argument("high", metavar="HIGH")
    pair.add_argument("low", metavar="LOW")
    action("split", say("ui.command_line.help.loras_split")).add_argument("name")
    check = action("check", say("ui.command_line.help.loras_check"))
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    action("verdict", say("ui.command_line.help.loras_verdict")).add_argument(
        "file", metavar="FILE"
    )


def _add_models(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "models",
        parents=[shared],
        help=say("ui.command_line.help.models"),
        description=say("ui.command_line.help.models_more"),
    )
    action = _actions_of(parser, shared)
    _with_json(action("list", say("ui.command_line.help.models_list")))
    named = [
        _with_json(action("check", say("ui.command_line.help.models_check"))),
        action("download", say("ui.command_line.help.models_download")),
        action("verify", say("ui.command_line.help.models_verify")),
        action("remove", say("ui.command_line.help.models_remove")),
    ]
    for each in named:
        each.add_argument("name", metavar="NAME")
    named[-1].add_argument("--yes", action="store_true", help=say("ui.command_line.help.yes"))


def _add_users(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "users",
        parents=[shared],
        help=say("ui.command_line.help.users"),
        description=say("ui.command_line.help.users_more"),
    )
    action = _actions_of(parser, shared)
    _with_json(action("list", say("ui.command_line.help.users_list")))
    named = {
        name: action(name, words)
        for name, words in (
            ("add", say("ui.command_line.help.users_add")),
            ("remove", say("ui.command_line.help.users_remove")),
            ("password", say("ui.command_line.help.users_password")),
            ("role", say("ui.command_line.help.users_role")),
            ("token", say("ui.command_line.help.users_token")),
        )
    }
    for each in named.values():
        each.add_argument("name", metavar="NAME")
    words = say("ui.command_line.help.role")
    named["add"].add_argument("--role", choices=ROLES, default="creator", help=words)
    named["role"].add_argument("role", choices=ROLES, help=words)
    named["token"].add_argument("--role", choices=ROLES, default="viewer", help=words)
    named["token"].add_argument(
        "--called", default="script", help=say("ui.command_line.help.called")
    )
    action("revoke", say("ui.command_line.help.users_revoke")).add_argument("key", metavar="KEY")


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
    action.add_argument("--json", action="store_true", help=say("ui.command_line.help.json"))
    return action


def parse_lora_argument(text: str) -> tuple[str, Any]:
    """`name`, `name=0.8`, `name=high:1.0,low:0.4`, or WanGP's `name=1;0` and `name=1,0.5`.

    A name may contain '='.
    """
    name, separator, value = text.rpartition("=")
    if not separator:
        return text, None
    if not name:
        raise argparse.ArgumentTypeError(say("ui.command_line.no_lora_named", text=repr(text)))
    try:
        return name, _strength(value)
    except (ValueError, GenerationError) as error:
        raise argparse.ArgumentTypeError(
            say("ui.command_line.no_strength", text=repr(value), reason=error)
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
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingsError(
                say("ui.command_line.login.open_to_others", path=path),
                suggestions=[say("ui.command_line.login.close", path=path)],
            )
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingsError(
            say("ui.command_line.login.unreadable", path=path, reason=error.strerror)
        ) from error
    except UnicodeDecodeError as error:
        raise _no_login(str(path), say("untrusted_json.encoding")) from error
    return _login(lines, str(path))


def _login(lines: list[str], where: str) -> tuple[str, str]:
    """The login in the one line that holds anything."""
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise _no_login(where, say("ui.command_line.login.empty"))
    number, text = filled[0]
    user, separator, password = text.partition(":")
    if not separator:
        raise _no_login(where, say("ui.command_line.login.no_colon", line=number))
    if not (user and password):
        lacking = (
            say("ui.command_line.login.no_password", line=number)
            if user
            else say("ui.command_line.login.no_user", line=number)
        )
        raise _no_login(where, lacking)
    if not text.isprintable():
        raise _no_login(where, say("ui.command_line.login.character", line=number))
    if len(filled) > 1:
        raise _no_login(where, say("ui.command_line.login.too_many", line=filled[1][0]))
    return user, password


def _no_login(where: str, why: str) -> SettingsError:
    return SettingsError(
        say("ui.command_line.login.none", place=where, why=why),
        suggestions=[
            say("ui.command_line.login.write_line"),
            say("ui.command_line.login.leave_out", variable=LOGIN_VARIABLE),
        ],
    )
