"""Model list: each row of the model table with its state, its sizes and what is done for it.

It is what the page, the routes and the command show. It needs no torch.
"""

from __future__ import annotations

from wan_lora_studio.model_list.rows import ModelList, ModelRow
from wan_lora_studio.model_list.verdict import Verdict

__all__ = [
    "ModelList",
    "ModelRow",
    "Verdict",
]
