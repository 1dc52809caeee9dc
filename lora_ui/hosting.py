"""Hosting: how an extension comes to be served by a host's app, started by us or by the host."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from lora_ui.http import HostRoute, Served
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.texts import say

OWNER = "lora_extension"  # of a panel, as one of its attributes


def attach_to(app: Any, served: Served, *, again: bool = False) -> None:
    """Serve the extension on an app, before all that it serves already; `again` replaces
    another one of the same place. Raises SettingsError."""
    routes = getattr(getattr(app, "router", None), "routes", None)
    if not isinstance(routes, list):
        raise SettingsError(
            say("lora_ui.extension.not_an_app", kind=type(app).__name__),
            cause=say("lora_ui.extension.not_an_app_cause"),
            suggestions=[
                say("lora_ui.extension.give_app"),
                say("lora_ui.extension.call_launch"),
            ],
        )
    for place, route in enumerate(routes):
        # By its attribute: a host that is reloaded may have loaded our modules again.
        if getattr(route, "lora_key", None) == served.key:
            if route.served is not served and not again:
                raise _taken(served.key)
            routes[place] = HostRoute(served)
            return
    routes.insert(0, HostRoute(served))


def belongs_to(panel: gr.HTML, served: Served) -> None:
    """Have a page know whose panels it has."""
    panel.__dict__[OWNER] = served


def extensions_of(demo: gr.Blocks) -> list[Served]:
    """All that have a panel in the page, in the order of the first of each."""
    found = [block.__dict__.get(OWNER) for block in demo.blocks.values()]
    return list(dict.fromkeys(served for served in found if served is not None))


def launched(demo: gr.Blocks, options: Mapping[str, Any], served: Sequence[Served]) -> bool:
    """Launch the page with the extensions' routes in its app from the beginning.

    False if `gradio app.py` only reads the program again, for the server that runs already.
    """
    kwargs = dict(options.get("app_kwargs") or {})
    routes = [*map(HostRoute, served), *kwargs.get("routes", ())]
    _require_different(served)
    app, _, _ = demo.launch(**{**options, "app_kwargs": {**kwargs, "routes": routes}})
    return app is not None


def serve_after_reload(demo: gr.Blocks, served: Sequence[Served]) -> None:
    """Attach to the server that runs, which asks the page for its config once it has it."""
    ask = demo.get_config_file

    @functools.wraps(ask)
    def asked(*arguments: Any, **more: Any) -> Any:
        running = getattr(demo, "server", None)
        app = None if running is None else running.config.app
        for each in served if app is not None else ():
            attach_to(app, each, again=True)
        return ask(*arguments, **more)

    demo.__dict__["get_config_file"] = asked  # of this page alone


def _require_different(served: Sequence[Served]) -> None:
    """Raise SettingsError for two that have one address."""
    keys = [each.key for each in served]
    for key in keys:
        if keys.count(key) > 1:
            raise _taken(key)


def _taken(key: str) -> SettingsError:
    return SettingsError(
        say("lora_ui.extension.taken", key=repr(key)),
        cause=say("lora_ui.extension.taken_cause"),
        suggestions=[say("lora_ui.extension.name_one")],
        context={"key": key},
    )
