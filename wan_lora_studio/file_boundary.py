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

logger = logging.getLogger(__name__)

SUGGESTIONS = (
    "Download or export the file again.",
    "If it is sound, report it with the program's log.",
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
            f"{name} cannot be read: {error.strerror or error}.",
            cause="The system could not read the file.",
            suggestions=["Check that the file is there and may be read, then look again."],
            context={"file": name},
        ) from error
    except Exception as error:
        # The boundary itself: a file of others may make any reader raise anything.
        logger.exception("Reading %r failed", name)
        raise kind(
            f"{name} cannot be read: it holds something unexpected ({type(error).__name__}).",
            suggestions=suggestions,
            context={"file": name},
        ) from error
