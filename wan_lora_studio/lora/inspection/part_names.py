"""Part names: how trainers spell the parts of an adapter, `<layer>.<spelling>` → our name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Spelling = Literal["ab", "downup", "old", "lokr", "loha", "norm", "diff", "neutral"]

# The adapter's name, as peft writes it; what quantisers put there is none.
_NAME = r"(?:\.(?!comfy_quant|weight_scale|scale_weight|_data|_scale)[^.]+)?"


@dataclass(frozen=True)
class PartForm:
    """One spelling: a pattern for the end of a key, and the part it stands for."""

    pattern: str
    part: str  # "" means the pattern's own group "part"
    spelling: Spelling


FORMS = (
    PartForm(rf"\.lora_A(?:{_NAME}\.weight)?", "lora_down", "ab"),
    PartForm(rf"\.lora_B(?:{_NAME}\.weight)?", "lora_up", "ab"),
    PartForm(rf"\.lora_B{_NAME}\.bias", "lora_up_bias", "ab"),
    PartForm(rf"\.lora_down(?:{_NAME}\.weight)?", "lora_down", "downup"),
    PartForm(rf"\.lora_up(?:{_NAME}\.weight)?", "lora_up", "downup"),
    PartForm(rf"\.lora_up{_NAME}\.bias", "lora_up_bias", "downup"),
    PartForm(rf"\.lora_mid{_NAME}\.weight", "lora_mid", "downup"),
    PartForm(r"(?:\.lora|_lora|\.lora_linear_layer)\.down\.weight", "lora_down", "old"),
    PartForm(r"(?:\.lora|_lora|\.lora_linear_layer)\.up\.weight", "lora_up", "old"),
    PartForm(r"(?:\.lora|_lora)?\.alpha|\.lora_alpha", "alpha", "neutral"),
    PartForm(r"\.lora_rank", "rank", "neutral"),
    PartForm(r"\.dora_scale", "dora_scale", "neutral"),
    PartForm(rf"\.lora_magnitude_vector{_NAME}(?:\.weight)?", "dora_scale", "neutral"),
    PartForm(rf"\.(?P<lokr>lokr_(?:w[12](?:_[ab])?|t2)){_NAME}", "", "lokr"),
    PartForm(rf"\.(?P<loha>hada_(?:w[12]_[ab]|t[12])){_NAME}", "", "loha"),
    PartForm(r"\.w_norm", "diff", "norm"),
    PartForm(r"\.b_norm", "diff_b", "norm"),
    PartForm(r"\.diff", "diff", "diff"),
    PartForm(r"\.diff_b", "diff_b", "diff"),
    PartForm(r"\.diff_m", "diff_m", "diff"),
)
_ENDINGS = re.compile(
    "(?=[._])(?:" + "|".join(f"(?P<f{i}>{form.pattern})" for i, form in enumerate(FORMS)) + r")\Z"
)
_BY_GROUP = {f"f{i}": form for i, form in enumerate(FORMS)}


def split_part(key: str) -> tuple[str, str, Spelling] | None:
    """Split a key into (layer with its prefix, part, spelling); None if no form matches.

    >>> split_part("blocks.0.self_attn.q.lora_A.default.weight")
    ('blocks.0.self_attn.q', 'lora_down', 'ab')
    """
    match = _ENDINGS.search(key)
    if match is None or match.start() == 0:
        return None
    form = _BY_GROUP[str(match.lastgroup)]
    part = form.part or match["lokr"] or match["loha"]
    return key[: match.start()], part, form.spelling
