"""File boundary: whatever is raised while one file is read becomes an error about that file.

A reader of files that others wrote meets what nobody thought of, and so do the libraries that it
uses. Every loop over many files reads each of them within this boundary, so that one bad file
costs one card and never the list.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wan_lora_studio.errors import StudioError
from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)

SUGGESTIONS = (
    say("file_boundary.again"),
    say("file_boundary.report"),
)


@contextmanager
def one_file(
    name: str, kind: type[StudioError], suggestions: Sequence[str] = SUGGESTIONS
) -> Iterator[None]:
    """Whatever is raised within becomes a `kind` that names the file; a StudioError goes on as
    it is. `name` is for a message."""
    try:
        yield
    except StudioError:
        raise
    except OSError as error:
        raise kind(
            say("file_boundary.unreadable", file=name, reason=error.strerror or error),
            cause=say("file_boundary.system"),
            suggestions=[say("file_boundary.check")],
            context={"file": name},
        ) from error
    except Exception as error:
        # The boundary itself: a file of others may make any reader raise anything.
        logger.exception("Reading %r failed", name)
        raise kind(
            say("file_boundary.unexpected", file=name, kind=type(error).__name__),
            suggestions=suggestions,
            context={"file": name},
        ) from error
