"""Untrusted JSON: reading text from a file or a sender that may be hostile, within limits.

`json.loads` alone raises RecursionError for deep nesting and ValueError for long integers, lets
NaN, infinities and lone surrogates through, and builds whatever is asked for. Here everything
that is wrong is one error, and what would take much memory is refused before it is built.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NoReturn

from wan_lora_studio.texts import say
from wan_lora_studio.units import MB

DEPTH = 64
VALUES = 200_000
DIGITS = 100  # also keeps an integer within what a float can hold

# Also one that the text's end cuts off, so that a search never goes over the rest twice.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^][{}]+")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_EXPONENT = re.compile(r"[0-9][eE]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class UntrustedJSONError(ValueError):
    """`reason` is a clause about the text, such as "it is not JSON (line 1, column 4)"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may take: its `size` (bytes, or characters of what is text already), levels
    of nesting, values at all levels together, digits in a row of a number."""

    size: int = 4 * MB
    depth: int = DEPTH
    values: int = VALUES
    digits: int = DIGITS


USUAL = Limits()


def read_json(
    text: str | bytes, limits: Limits = USUAL, *, unique: bool = False, whole: bool = False
) -> Any:
    """The value of a JSON text, with or without a mark at its start; bytes are UTF-8.

    With `unique` no object may hold a key twice; without, the last one counts. A lone surrogate
    becomes U+FFFD, so that all text can be written as UTF-8; with `whole` it is refused. Raises
    UntrustedJSONError.
    """
    if len(text) > limits.size:
        raise UntrustedJSONError(say("untrusted_json.too_large", size=_amount(limits.size)))
    text = _decoded(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    bare = _bare(text, limits)
    finite: Callable[[str], float] | None = _finite if _EXPONENT.search(bare) else None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique if unique else None,
            parse_constant=_refuse_constant,
            parse_float=finite,
        )
    except UntrustedJSONError:
        raise
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        raise UntrustedJSONError(say("untrusted_json.no_json_at", **place)) from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise UntrustedJSONError(say("untrusted_json.no_json")) from error
    if not _SURROGATE.search(text):
        return value
    mended = _mended(value)
    if whole and mended != value:
        raise UntrustedJSONError(say("untrusted_json.half_character"))
    return mended


def read_object(
    text: str | bytes, limits: Limits = USUAL, *, unique: bool = False
) -> dict[str, Any]:
    """As `read_json`; anything but an object is refused as well."""
    value = read_json(text, limits, unique=unique)
    if not isinstance(value, dict):
        raise UntrustedJSONError(say("untrusted_json.no_object"))
    return value


def strings_at_most(text: str | bytes, count: int) -> bool:
    """False if a JSON text surely holds more than `count` strings; costs next to nothing.

    An opening quotation mark has no backslash before it, so what is counted is at least the
    number of strings, and at most twice that.
    """
    marks = (
        text.count('"') - text.count('\\"')
        if isinstance(text, str)
        else text.count(b'"') - text.count(b'\\"')
    )
    return marks <= 2 * count


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UntrustedJSONError(say("untrusted_json.encoding")) from error


def _bare(text: str, limits: Limits) -> str:
    """The text without its strings, when it is within the limits."""
    if not strings_at_most(text, 2 * limits.values):
        raise _too_many(limits)
    bare = _STRING.sub("", text)
    if bare.count(",") + bare.count("[") + bare.count("{") >= limits.values:
        raise _too_many(limits)
    brackets = _NO_BRACKETS.sub("", bare)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > limits.depth:
        raise UntrustedJSONError(say("untrusted_json.nested", depth=limits.depth))
    if re.search(rf"[0-9]{{{limits.digits + 1}}}", bare):
        raise UntrustedJSONError(say("untrusted_json.digits", digits=limits.digits))
    return bare


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise UntrustedJSONError(say("untrusted_json.twice", key=shortened(key)))
            seen.add(key)
    return values


def _refuse_constant(text: str) -> NoReturn:
    raise UntrustedJSONError(say("untrusted_json.constant", text=text))


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UntrustedJSONError(say("untrusted_json.number", number=shortened(text)))
    return value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value


def shortened(value: Any, length: int = 60) -> str:
    """A value as a message shows it, whatever its size."""
    if isinstance(value, int) and value.bit_length() > 4 * length:
        return say("untrusted_json.long_number", digits=int(value.bit_length() * math.log10(2)) + 1)
    if isinstance(value, str | list | tuple | dict) and len(value) > 10 * length:
        value = (
            value[: 10 * length]
            if not isinstance(value, dict)
            else say("untrusted_json.large_object")
        )
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."


def _too_many(limits: Limits) -> UntrustedJSONError:
    return UntrustedJSONError(say("untrusted_json.values", most=f"{limits.values:,}"))


def _amount(size: int) -> str:
    return f"{size // MB} MB" if size >= MB else f"{size:,} bytes"
