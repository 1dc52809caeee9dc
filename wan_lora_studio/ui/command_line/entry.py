"""Entry of the command: the page, one video, the LoRAs, the models, or a copy of our files."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from wan_lora_studio.accounts import Audit, SignIns, UserFile
from wan_lora_studio.errors import StorageError, StudioError
from wan_lora_studio.filesystem import keep_private
from wan_lora_studio.installed_versions import versions
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.logs import start_logging
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.settings import Settings
from wan_lora_studio.shipped import put_demo_loras
from wan_lora_studio.texts import say
from wan_lora_studio.ui.command_line.arguments import build_parser, read_login, settings_overrides
from wan_lora_studio.ui.command_line.generate import run_generate
from wan_lora_studio.ui.command_line.loras import run_loras
from wan_lora_studio.ui.command_line.models import run_models
from wan_lora_studio.ui.command_line.restore import run_restore
from wan_lora_studio.ui.command_line.users import SIGN_INS, USERS, run_users
from wan_lora_studio.ui.messages import in_words
from wan_lora_studio.wan.found_models import found_models, load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager

INTERRUPTED = 130
Command = Callable[[argparse.Namespace, Settings], int]
WITHOUT_LIBRARY: Mapping[str, Command] = {
    "restore": run_restore,
    "models": run_models,
    "users": run_users,
}
WITH_LIBRARY: Mapping[str, Command] = {"generate": run_generate, "loras": run_loras}

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 an error in words on stderr, 2 wrong usage, 130 interrupted."""
    keep_printing()
    arguments = build_parser(f"Wan2.2 LoRA Studio {versions()['app']}").parse_args(argv)
    log_level = getattr(arguments, "log_level", "warning")
    try:
        config = {"config": arguments.config} if "config" in arguments else {}
        settings = load_settings(**config, **settings_overrides(arguments))
        keep_private(settings.data_dir)  # what was asked for, by whom, and every prompt
        start_logging(settings, "app", log_level)
        log_left_out(settings)
        if arguments.command in WITHOUT_LIBRARY:
            return WITHOUT_LIBRARY[arguments.command](arguments, settings)
        begin_library(settings)
        if arguments.command in WITH_LIBRARY:
            return WITH_LIBRARY[arguments.command](arguments, settings)
        return run_page(arguments, settings, log_level)
    except StudioError as error:
        print(in_words(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n" + say("ui.command_line.interrupted"), file=sys.stderr)
        return INTERRUPTED


def log_left_out(settings: Settings) -> None:
    """What lies in other programs' folders and is no row of the model table."""
    for each in found_models(settings).left_out if settings.model_folders else ():
        logger.info("%s is not offered: %s. %s", each.path, each.why, each.advice)


def keep_printing() -> None:
    """A console that lacks a character gets its number, rather than ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # there may be none, as under pythonw
            stream.reconfigure(errors="backslashreplace")


def begin_library(settings: Settings) -> None:
    """Put the demo LoRAs where an installed app begins its library. Raises StorageError."""
    try:
        put_demo_loras(settings.loras_dir)
    except OSError as error:
        raise StorageError(
            say("ui.command_line.no_library", folder=settings.loras_dir),
            cause=f"{error.strerror or error}.",
            suggestions=[say("ui.command_line.make_room")],
        ) from error


def run_page(arguments: argparse.Namespace, settings: Settings, log_level: str) -> int:
    """Build the objects and serve until interrupted."""
    # Here, so that `--help` and `generate` need not wait for Gradio.
    from wan_lora_studio.ui.door import Identities
    from wan_lora_studio.ui.server import address_of, build_app, open_in_browser, open_socket, serve

    sign_ins = SignIns(settings.data_dir / SIGN_INS)
    login = read_login(arguments.login_file)
    identities = Identities(login, UserFile(settings.data_dir / USERS), sign_ins)
    if identities.users is not None and identities.users.exists:
        identities.users.users()  # a file that lets nobody in is told now
    audit = Audit(settings.data_dir / "logs" / "audit.jsonl")
    listener = open_socket(settings, asks=identities.asked, anyone=arguments.anyone)
    address = address_of(listener, secure=bool(settings.tls_certificate))

    def announce() -> None:
        print(say("ui.command_line.ready", address=address), flush=True)
        if _wants_browser(arguments.open):
            open_in_browser(address)

    loras = LoRAManager(settings)
    uploads = LoRAUploadHandler(settings, loras)
    queue = JobQueue(settings, loras=loras)
    app = build_app(
        settings,
        loras,
        uploads,
        queue,
        identities=identities,
        audit=audit,
        on_ready=announce,
        version=versions()["app"],
    )
    serve(app, listener, settings=settings, identities=identities, audit=audit, log_level=log_level)
    return 0


def _wants_browser(wish: bool | None) -> bool:
    if wish is not None:
        return wish
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or bool(screen)
