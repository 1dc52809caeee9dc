"""The process that reads a pickle: its file on the standard input, safetensors on the output.

It is started as `python -I -S -c`. What became of it is one line of JSON on the standard error.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from typing import Any

from wan_lora_studio.sandbox.jail import Limits, enter_jail
from wan_lora_studio.sandbox.refusals import DAMAGED, RefusedError
from wan_lora_studio.sandbox.torch_archive import converted

MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 300
HEADER = 100 * 1024 * 1024  # more than the source, for the names of the tensors
ENCODINGS = ("cp437", "utf-8", "latin-1", "ascii")  # that zip and pickle look for


def main() -> None:
    """Convert, and say how it went."""
    for name in ENCODINGS:
        codecs.lookup(name)
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    size = os.fstat(source.fileno()).st_size
    missing = enter_jail(Limits(MEMORY, CPU_SECONDS, written=size + HEADER))
    said: dict[str, Any]
    try:
        said = {"tensors": converted(source, target, size)}
        target.flush()
    except RefusedError as error:
        said = {"reason": error.reason, "detail": error.detail}
    except BaseException as error:  # noqa: BLE001 - whatever its reader is made to raise
        said = {"reason": DAMAGED, "detail": type(error).__name__}
    sys.stderr.write(json.dumps({**said, "missing": missing}))
    sys.stderr.flush()
    os._exit(0)  # nothing of what was read is run when it is thrown away
