"""Server: our routes, then Gradio, behind the guard, on our own uvicorn."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterable

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import psutil
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from lora_ui.static import ASSETS_URL as LORA_ASSETS_URL
from lora_ui.static import STYLES as LORA_STYLES
from wan_lora_studio.accounts import Audit
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.settings import Settings
from wan_lora_studio.ui.door import (
    Access,
    GradioRoutes,
    Guard,
    Identities,
    TimelyHeads,
    create_sign_in_router,
)
from wan_lora_studio.ui.http import build_api
from wan_lora_studio.ui.messages import address_unusable, password_needed, port_taken
from wan_lora_studio.ui.page import LABELS, build_page, preload_links, studio_theme
from wan_lora_studio.ui.static import ASSETS, ASSETS_URL, LOOPBACK, TITLE
from wan_lora_studio.units import from_mb
from wan_lora_studio.wan.lora_manager import LoRAManager

MOST_CONNECTIONS = 1000  # at once; each browser keeps six at most
EVERYWHERE = ("0.0.0.0", "::")
ENDING_SIGNALS = ("SIGTERM", "SIGBREAK")  # the latter where a console is closed on Windows
STYLES = (
    "theme.css",
    "studio.css",
    "fields.css",
    "run.css",
    "inputs.css",
    "cells.css",
    "batch.css",
    "queue.css",
    "gallery.css",
    "viewer.css",
    "models.css",
)


def build_app(
    settings: Settings,
    loras: LoRAManager,
    uploads: LoRAUploadHandler,
    queue: JobQueue,
    *,
    identities: Identities | None = None,
    audit: Audit | None = None,
    on_ready: Callable[[], None] = lambda: None,
    version: str = "0",
) -> FastAPI:
    """The whole application. The queue runs while the application does."""
    signing_in = create_sign_in_router(identities or Identities(), audit)
    app = build_api(
        settings, loras, uploads, queue, more=[signing_in], on_ready=on_ready, version=version
    )
    app.router.routes.append(GradioRoutes())
    gr.mount_gradio_app(
        app,
        build_page(settings, loras, uploads, queue),
        path="/",
        theme=studio_theme(),
        head=_head(),
        i18n=LABELS,
        favicon_path=str(ASSETS / "favicon.png"),
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=True,
        ssr_mode=False,
        mcp_server=False,
        max_file_size=from_mb(settings.max_upload_mb),
    )
    return app


def _head() -> str:
    addresses = [f"{LORA_ASSETS_URL}/{name}" for name in LORA_STYLES]
    addresses += [f"{ASSETS_URL}/{name}" for name in STYLES]
    links = [f'<link rel="stylesheet" href=".{address}">' for address in addresses]
    title = f'<meta name="application-name" content="{TITLE}">'
    # A linked stylesheet may come after the first frame, and what it moves would jump.
    first = f"<style>{(ASSETS / 'first_paint.css').read_text(encoding='utf-8')}</style>"
    return "\n".join([title, first, *links, *preload_links()])


def open_socket(settings: Settings, *, asks: bool, anyone: bool = False) -> socket.socket:
    """A listening socket on the settings' host and port.

    `asks`: people have to say who they are. Raises SettingsError if the port is taken, the
    address is not this computer's, or it lets `anyone` in from other computers without having
    been told to.
    """
    if not (asks or anyone or is_loopback(settings.host)):
        raise password_needed(settings.host)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The event loop sets TCP_NODELAY only where the protocol is named. Without, each answer
    # waits 40 ms for the browser to confirm its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno in (48, 98, 10048):
            raise port_taken(settings.host, settings.port) from error
        raise address_unusable(settings.host, error.strerror or str(error)) from error
    return listener


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(listener: socket.socket, *, secure: bool = False) -> str:
    """The address to open in a browser on this computer."""
    host, port = listener.getsockname()[:2]
    if host in EVERYWHERE:
        host = "127.0.0.1"
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def served_hosts(listener: socket.socket, allowed: Iterable[str] = ()) -> frozenset[str]:
    """The names by which the page may be asked for: those of this computer under which it
    listens, and what is `allowed` besides. Another one was made to lead here by a stranger."""
    bound = str(listener.getsockname()[0])
    found = LOOPBACK | {bound} | {name.lower() for name in allowed}
    if bound not in EVERYWHERE:
        return found
    name = socket.gethostname().lower()
    addresses = {
        address.address.partition("%")[0].lower()
        for each in psutil.net_if_addrs().values()
        for address in each
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    return found | addresses | {name, f"{name}.local"}


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    settings: Settings,
    identities: Identities,
    audit: Audit | None = None,
    log_level: str,
) -> None:
    """Serve until interrupted, or ended by a signal, which leaves through `finally` blocks."""
    for name in ENDING_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))
    config = uvicorn.Config(
        Guard(app, Access(served_hosts(listener, settings.allowed_hosts), identities, audit)),
        log_level=log_level,
        access_log=log_level == "debug",
        timeout_graceful_shutdown=5,
        http=TimelyHeads,
        limit_concurrency=MOST_CONNECTIONS,
        server_header=False,
        ssl_certfile=settings.tls_certificate or None,
        ssl_keyfile=settings.tls_key or None,
        root_path=settings.root_path,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    uvicorn.Server(config).run(sockets=[listener])


def open_in_browser(address: str) -> None:
    """Open the page without waiting for the browser."""
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
