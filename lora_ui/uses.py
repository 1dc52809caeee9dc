"""Uses: LoRAs on the pipelines of a host, one owner at a time, and what the cards say meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lora_ui.turns import Turns
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.selection import LoRASelection
from wan_lora_studio.wan.lora_manager import LoRAManager

if TYPE_CHECKING:
    from wan_lora_studio.wan.adapters import AppliedStack, WantedMode

logger = logging.getLogger(__name__)

States = dict[str, Any]  # by name, as `LoRALibrary.follow_worker` takes them


class Uses:
    """What this process does with LoRAs. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns = Turns()
        self._now: dict[int, Callable[[], States]] = {}
        self._failed: States = {}  # those that could not be applied, until they are used again

    def states(self) -> States:
        """What the cards show: waiting, applied with its strength, or failed with its reason."""
        with self._lock:
            found, running = dict(self._failed), list(self._now.values())
        for states in running:
            found |= states()
        return found

    @contextmanager
    def applied(
        self,
        loras: LoRAManager,
        pipeline: Any,
        selected: Mapping[str, Any] | None,
        mode: WantedMode | None,
        *,
        wait: bool | float,
        model_type: str | None,
    ) -> Iterator[AppliedStack]:
        """As `LoRAManager.applied`; also counts the use of each LoRA when all went well."""
        plain = LoRASelection.parse({} if selected is None else selected).to_plain()
        key = object()
        self._say(id(key), lambda: {name: {"state": "waiting"} for name in plain}, plain)
        entered = False
        try:
            with (
                self._turns.taken(_transformers(pipeline), wait),
                loras.applied(pipeline, plain, mode, model_type=model_type, wait=wait) as stack,
            ):
                entered = True
                self._say(id(key), stack.held)
                yield stack
            _note_use(loras, plain)
        except LoRAError as error:
            if not entered:
                self._fail(error, plain)
            raise
        finally:
            with self._lock:
                self._now.pop(id(key), None)

    def _say(self, key: int, states: Callable[[], States], used: Mapping[str, Any] = {}) -> None:
        with self._lock:
            self._now[key] = states
            self._failed = {n: why for n, why in self._failed.items() if n not in used}

    def _fail(self, error: LoRAError, used: Mapping[str, Any]) -> None:
        named = error.context.get("lora")
        blamed: list[str] = [named] if isinstance(named, str) and named in used else list(used)
        with self._lock:
            self._failed |= {n: {"state": "failed", "reason": error.message} for n in blamed}


def _transformers(pipeline: Any) -> list[Any]:
    """What one use at a time may have."""
    from wan_lora_studio.wan.adapters import transformers_of

    return list(transformers_of(pipeline).values())


def _note_use(loras: LoRAManager, selected: Mapping[str, Any]) -> None:
    """What the LoRAs were for is done, so a library that cannot note it fails nothing."""
    try:
        loras.record_use(selected)
    except (LoRAError, OSError):
        logger.warning("the use of the LoRAs could not be noted", exc_info=True)
