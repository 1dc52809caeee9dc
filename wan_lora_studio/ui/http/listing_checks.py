"""Listing checks, for health: whether the library and the gallery can be listed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from wan_lora_studio.errors import StudioError
from wan_lora_studio.results import ResultLibrary, ResultQuery
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager

logger = logging.getLogger(__name__)


class Listing:
    """Asks as the page asks, for a single LoRA and video: each file has a boundary of its own, so
    that what fails for one page fails for all. It is asked with every poll of the status."""

    def __init__(self, loras: LoRAManager, results: ResultLibrary) -> None:
        self._loras = loras
        self._results = results
        self._listed = ""  # the version that was listed last

    def problems(self) -> list[str]:
        """In words, what cannot be listed; empty if all is well. Any thread may ask."""
        asked = {
            say("ui.http.library"): self._list_loras,
            say("ui.http.gallery"): self._list_results,
        }
        return [found for what, ask in asked.items() for found in _failure(what, ask)]

    def _list_loras(self) -> None:
        version = self._loras.shown_version
        if version != self._listed:
            self._loras.find_loras(limit=1)
            self._listed = version

    def _list_results(self) -> None:
        self._results.find(ResultQuery(), limit=1)


def _failure(what: str, ask: Callable[[], object]) -> Iterator[str]:
    try:
        ask()
    except StudioError as error:
        yield say("ui.http.not_listed", what=what, reason=error.message)
    except Exception:
        # The boundary of a watchdog's question: whatever is wrong is its answer.
        logger.exception("%s cannot be listed", what)
        yield say("ui.http.not_listed_see_log", what=what)
