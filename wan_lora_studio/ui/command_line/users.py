"""`users`: who may sign in, with which role, and their API tokens."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time

from wan_lora_studio.accounts import SignIns, UserFile
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

USERS, SIGN_INS = "users.json", "sign_ins.sqlite"  # in the data folder


def run_users(arguments: argparse.Namespace, settings: Settings) -> int:
    """One action on the user file. Raises SettingsError, in words, for what cannot be done."""
    users = UserFile(settings.data_dir / USERS)
    match arguments.action:
        case "list":
            _list(users, as_json=arguments.json)
        case "add":
            users.add(arguments.name, _password(), arguments.role)
            print(say("ui.command_line.users.added", name=arguments.name, role=arguments.role))
        case "remove":
            users.remove(arguments.name)
            SignIns(settings.data_dir / SIGN_INS).end_of(arguments.name)
            print(say("ui.command_line.users.removed", name=arguments.name))
            if not users.exists:
                print(say("ui.command_line.users.last"))
        case "password":
            users.set_password(arguments.name, _password())
            print(say("ui.command_line.users.changed", name=arguments.name))
        case "role":
            users.set_role(arguments.name, arguments.role)
            print(say("ui.command_line.users.role", name=arguments.name, role=arguments.role))
        case "token":
            key, token = users.add_token(arguments.name, arguments.called, arguments.role)
            print(token)
            print(say("ui.command_line.users.token", key=key), file=sys.stderr)
        case "revoke":
            if not users.remove_token(arguments.key):
                raise SettingsError(say("ui.command_line.users.no_token", key=arguments.key))
            print(say("ui.command_line.users.revoked", key=arguments.key))
    return 0


def _list(users: UserFile, *, as_json: bool) -> None:
    found = users.users() if users.exists else {}
    tokens = users.tokens() if users.exists else {}
    if as_json:
        rows = [
            {
                "name": name,
                "role": user.role,
                "since": user.since,
                "tokens": {
                    key: {"called": token.called, "role": token.role, "since": token.since}
                    for key, token in tokens.items()
                    if token.user == name
                },
            }
            for name, user in found.items()
        ]
        print(json.dumps(rows, indent=1))
        return
    if not found:
        print(say("ui.command_line.users.none"))
    for name, user in found.items():
        day = time.strftime("%Y-%m-%d", time.localtime(user.since))
        print(f"{name}\t{user.role}\t{day}")
        for key, token in tokens.items():
            if token.user == name:
                print(f"  {key}\t{token.role}\t{token.called}")


def _password() -> str:
    """Asked for twice at a terminal, else the first line of the standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(say("ui.command_line.users.ask") + ": ")
    if getpass.getpass(say("ui.command_line.users.ask_again") + ": ") != first:
        raise SettingsError(say("ui.command_line.users.differ"))
    return first
