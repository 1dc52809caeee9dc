"""The public face of `wan_lora_studio` under the name that the project's client gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wan_lora_studio

if TYPE_CHECKING:
    from wan_lora_studio import *  # noqa: F403

__all__ = wan_lora_studio.__all__


def __getattr__(name: str) -> Any:
    return getattr(wan_lora_studio, name)
