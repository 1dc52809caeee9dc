"""Host model: which model a host has in memory, as its library is told of it."""

from __future__ import annotations

import threading
from typing import Any

from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.pipeline_facts import PipelineFacts, RunDefaults, facts_of

UNKNOWN = PipelineFacts(
    title=say("lora_ui.host_model"),
    model_type="pipeline",
    architecture=None,
    experts=("high",),
    boundary_ratio=None,
    flow_shift=1.0,
    image="none",
    defaults=RunDefaults(),
    unread=say("lora_ui.host_model_unread"),
)


class HostModel:
    """Read from the host's pipeline, and again when something else is in its place. Where the host
    says nothing of its model, it is that of the pipeline that was used last."""

    def __init__(self, model_type: str | None) -> None:
        """`model_type` is the host's name for the model; without a pipeline, one of the table."""
        self._named = model_type
        self._lock = threading.Lock()
        self._facts: PipelineFacts | None = None
        self._used = UNKNOWN

    def tell(self, loras: LoRAManager, pipeline: Any) -> None:
        """Have the library judge by the pipeline as it is now. Costs next to nothing while it
        has the same transformers."""
        with self._lock:
            loras.set_model(self._named, self._read(pipeline))

    def learn(self, loras: LoRAManager, pipeline: Any) -> None:
        """Take a pipeline that is used for the host's, if nothing was said of the model."""
        with self._lock:
            if self._named is None:
                self._used = facts_of(pipeline)
                loras.set_model(None, self._used)

    def _read(self, pipeline: Any) -> PipelineFacts | None:
        if pipeline is None:
            self._facts = self._used if self._named is None else None
        elif self._facts is None or not self._facts.same_as(pipeline):
            self._facts = facts_of(pipeline)
        return self._facts
