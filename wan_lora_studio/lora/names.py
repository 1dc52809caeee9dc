"""Names of LoRAs: what is allowed on every system that may share the folder.

NFC; at most 200 bytes of UTF-8; nothing of Unicode category C (control, bidi, zero-width) and no
space but the plain one; no leading dot or hyphen; no trailing dot or space; none of the
characters that Windows forbids; no Windows device name, also not in disguise (`CON .x`, `COM¹`,
`CONIN$`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container
from pathlib import PurePosixPath

from pathvalidate import ValidationError, validate_filename

from wan_lora_studio.texts import say

MAX_NAME_BYTES = 200
SUFFIX = ".safetensors"
SUFFIXES = (SUFFIX, ".sft")  # by which a safetensors file goes, the usual one first
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
FORBIDDEN = frozenset('<>:"/\\|?*')
# Most names: beyond reproach unless they are a device's. The library checks thousands at a time.
_PLAIN = re.compile(r"[A-Za-z0-9_(](?:[A-Za-z0-9_ ().,+-]{0,198}[A-Za-z0-9_)])?")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)


def composed(text: str) -> str:
    """In NFC, the form of Unicode that names are kept in; a Mac writes files in another."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def name_key(name: str) -> str:
    """Equal for names that are one: without regard to case, and to the form of Unicode."""
    return composed(name).casefold()


def name_problem(name: str) -> str | None:
    """What is wrong with `name` as a LoRA's name, as the end of a sentence; None if nothing."""
    if _PLAIN.fullmatch(name) and not _is_device(name):
        return None
    return next((problem for wrong, problem in _CHECKS if wrong(name)), None)


def _has_invisible(name: str) -> bool:
    return not name.isprintable()


def _not_composed(name: str) -> bool:
    return composed(name) != name


def _has_forbidden(name: str) -> bool:
    return not FORBIDDEN.isdisjoint(name)


def _starts_badly(name: str) -> bool:
    return name[0] in ".-" or name[0].isspace()


def _ends_badly(name: str) -> bool:
    return name[-1] == "." or name[-1].isspace()


def _too_long(name: str) -> bool:
    return len(name.encode()) > MAX_NAME_BYTES


def _is_device(name: str) -> bool:
    return name.split(".", maxsplit=1)[0].strip().casefold() in _DEVICES


def _refused_elsewhere(name: str) -> bool:
    try:
        validate_filename(name, platform="universal", max_len=255)
    except ValidationError:
        return True
    return False


_CHECKS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda text: not text, say("lora.names.empty")),
    (_has_invisible, say("lora.names.invisible")),
    (_not_composed, say("lora.names.not_composed")),
    (_has_forbidden, say("lora.names.forbidden", characters=" ".join(sorted(FORBIDDEN)))),
    (_starts_badly, say("lora.names.start")),
    (_ends_badly, say("lora.names.end")),
    (_too_long, say("lora.names.too_long", most=MAX_NAME_BYTES)),
    (_is_device, say("lora.names.device")),
    (_refused_elsewhere, say("lora.names.not_everywhere")),
)


def safe_name(name: str) -> str:
    """The closest allowed name to `name`; "lora" if nothing is left."""
    text = composed(name)
    text = "".join(
        "_" if char in FORBIDDEN else char
        for char in text
        if not unicodedata.category(char).startswith("C")
    )
    text = re.sub(r"\s+", " ", text).strip(" ").lstrip(".- ").rstrip(". ")
    text = text.encode()[:MAX_NAME_BYTES].decode(errors="ignore").rstrip(". ")
    if _is_device(text):
        text = f"_{text}"
    return text if name_problem(text) is None else "lora"


def free_name(name: str, taken: Container[str]) -> str:
    """`name`, or `name 2`, `name 3` … whose `name_key` is not in `taken`."""
    candidate, number = name, 2
    while name_key(candidate) in taken:
        ending = f" {number}"
        kept = name.encode()[: MAX_NAME_BYTES - len(ending)].decode(errors="ignore")
        candidate, number = f"{kept}{ending}", number + 1
    return candidate


def is_utf8(name: str) -> bool:
    """Whether a file's name is text at all; some systems take any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def stem_of(filename: str) -> str:
    """The name part of an uploaded file's name in NFC, without its `.safetensors` or `.sft`.

    A browser may send a path, so only the last component counts.
    """
    return without_suffix(composed(PurePosixPath(filename.replace("\\", "/")).name))


def is_lora_file(name: str) -> bool:
    """Whether a file's name, or a path, is that of a safetensors file."""
    return name.casefold().endswith(SUFFIXES)


def is_pickle(name: str) -> bool:
    """Whether a file's name, or a path, is that of weights as PyTorch pickles them."""
    return name.casefold().endswith(PICKLES)


def as_converted(name: str) -> str:
    """The name, or path, that a pickle has once its tensors are kept as safetensors."""
    length = next((len(end) for end in PICKLES if name.casefold().endswith(end)), 0)
    return name[: len(name) - length] + SUFFIX


def suffix_of(name: str) -> str:
    """The end of the name that makes it a safetensors file's, as it is written; "" if none does."""
    length = next((len(end) for end in SUFFIXES if name.casefold().endswith(end)), 0)
    return name[len(name) - length :]


def without_suffix(name: str) -> str:
    """The name without that end."""
    return name[: len(name) - len(suffix_of(name))]
