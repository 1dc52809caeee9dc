"""Conversion of a pickle into safetensors, in a process that can reach nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import BinaryIO

from wan_lora_studio.sandbox.refusals import NO_DECODER, RefusedError
from wan_lora_studio.sandbox.roots import ROOT

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from wan_lora_studio.sandbox.pickle_program import main; main()"
)
SECONDS = 600.0


def convert_pickle(source: BinaryIO, target: BinaryIO | int) -> int:
    """Write the tensors of the open file `source` to the open file or descriptor `target`; gives
    how many.

    Both are at their beginning. Nothing that the pickle says is run. Raises RefusedError; what
    was written to the target until then is worth nothing.
    """
    # -I and -S: no module but Python's own and ours.
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT)]
    try:
        done = subprocess.run(
            command, stdin=source, stdout=target, stderr=subprocess.PIPE, timeout=SECONDS,
            check=False,
        )  # fmt: skip
        said = json.loads(done.stderr[-65536:])
        reason, tensors = said.get("reason"), said.get("tensors")
    except (OSError, ValueError, AttributeError, subprocess.TimeoutExpired) as error:
        raise RefusedError(NO_DECODER, type(error).__name__) from error
    if reason or not isinstance(tensors, int):
        raise RefusedError(str(reason)[:40], str(said.get("detail", ""))[:80])
    return tensors
