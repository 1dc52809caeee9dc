"""The whole app with a worker that runs scripts: `python -m tests.support.scripted_app FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.jobs.scripted_queue import SCRIPTED
from utils import JobQueue, LoRAManager, LoRAUploadHandler, load_settings
from wan_lora_studio.ui.door import Identities
from wan_lora_studio.ui.server import address_of, build_app, open_socket, serve


def main(folder: Path) -> None:
    """Serve on a free port until ended; the address is the first line that is printed."""
    folders = {f"{name}_dir": folder / name for name in ("loras", "outputs", "data")}
    settings = load_settings(port=0, **folders)
    loras = LoRAManager(settings)
    queue = JobQueue(settings, loras=loras, runner=SCRIPTED)
    listener = open_socket(settings, asks=False)
    app = build_app(
        settings,
        loras,
        LoRAUploadHandler(settings, loras),
        queue,
        on_ready=lambda: print(address_of(listener), flush=True),
    )
    serve(app, listener, settings=settings, identities=Identities(), log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
