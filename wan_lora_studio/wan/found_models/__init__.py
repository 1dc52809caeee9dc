"""Found models: what other programs' folders hold, as rows of the model table. No torch here.

Files are recognised by their headers, which are read once for each state of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_lora_studio import settings as own
from wan_lora_studio.lazy_exports import on_first_use

if TYPE_CHECKING:
    from wan_lora_studio.wan.found_models.rows import found_models

__all__ = ["found_models", "load_settings"]


def load_settings(config: str | Path | None = None, **overrides: Any) -> own.Settings:
    """The settings with the models of other programs in the model table.

    See `wan_lora_studio.settings.load_settings`, which this is otherwise.
    """
    return own.load_settings(config, found=_rows, **overrides)


def _rows(settings: own.Settings) -> Mapping[str, Any]:
    from wan_lora_studio.wan.found_models.rows import found_models

    return found_models(settings).rows


__getattr__ = on_first_use(__name__, {"found_models": "rows"})
