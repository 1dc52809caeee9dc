"""Reads the experts of a model one after the other, twice, on a computer that has little memory.

Run as a process of its own: FOLDER holds the settings. Written to FOLDER/held.json are the bytes
that the process held before the model was loaded, and after each reading.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support.machine.anonymous_memory import anonymous_bytes
from tests.support.machine.pretend_host import PretendHost
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.models.host_memory import RESERVE
from wan_lora_studio.wan.models.loading import ModelManager

EXPERTS = ("transformer", "transformer_2")


def main(folder: Path) -> None:
    settings = load_settings(folder / "config.json", models_dir=folder, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        PretendHost(patch, RESERVE)
        held = [anonymous_bytes()]
        model = ModelManager(settings).load("t2v")
        held.append(anonymous_bytes())
        for name in (*EXPERTS, *EXPERTS):
            model.on_call.call(name)
            held.append(anonymous_bytes())
        model.on_call.let_go()
        held.append(anonymous_bytes())
    (folder / "held.json").write_text(json.dumps(held), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
