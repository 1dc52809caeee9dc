"""How trainers spell the parts of an adapter: `<layer>.<spelling>` → canonical part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Spelling = Literal["ab", "downup", "old", "lokr", "loha", "norm", "diff", "neutral"]

_NAME = r"(?:\.[^.]+)?"  # the adapter's name, as peft writes it


@dataclass(frozen=True)
class PartForm:
    """One spelling: a pattern for the end of a key, and the part it stands for."""

    pattern: str
    part: str  # "" means the pattern's own group "part"
    spelling: Spelling


FORMS = (
    PartForm(rf"\.lora_A{_NAME}\.weight", "lora_down", "ab"),
    PartForm(rf"\.lora_B{_NAME}\.weight", "lora_up", "ab"),
    PartForm(rf"\.lora_B{_NAME}\.bias", "lora_up_bias", "ab"),
    PartForm(rf"\.lora_down{_NAME}\.weight", "lora_down", "downup"),
    PartForm(rf"\.lora_up{_NAME}\.weight", "lora_up", "downup"),
    PartForm(rf"\.lora_up{_NAME}\.bias", "lora_up_bias", "downup"),
    PartForm(rf"\.lora_mid{_NAME}\.weight", "lora_mid", "downup"),
    PartForm(r"(?:\.lora|_lora|\.lora_linear_layer)\.down\.weight", "lora_down", "old"),
    PartForm(r"(?:\.lora|_lora|\.lora_linear_layer)\.up\.weight", "lora_up", "old"),
    PartForm(r"(?:\.lora|_lora)?\.alpha|\.lora_alpha", "alpha", "neutral"),
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

# Endings of algebras that exist but are not applied here. A file with one of them on a layer is
# refused by this name: leaving such a part out would apply half of what was trained.
UNSUPPORTED_ENDINGS = (
    (re.compile(r"\.oft_(?:blocks|diag|r|s)\b"), "OFT"),
    (re.compile(r"\.(?:a1|a2|b1|b2|bm1|bm2)\.weight$"), "GLoRA"),
    (re.compile(r"\.ia3_l\b|\.on_input$"), "IA3"),
    (re.compile(r"\.boft_"), "BOFT"),
    (re.compile(r"\.(?:set_weight|reshape_weight)$"), "replaced weights"),
    (re.compile(r"\.(?:scale_weight|weight_scale|scale_input)$"), "scaled float8 weights"),
    (re.compile(r"\.lora_embedding_[AB]\b"), "embedding LoRA"),
    (re.compile(r"\.(?:vera_|lora_ga_|lora_E\b|hra_)"), "another peft method"),
)


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


def unsupported_algebra(key: str) -> str | None:
    """The name of the algebra that `key` belongs to when it is one we do not apply."""
    return next((name for pattern, name in UNSUPPORTED_ENDINGS if pattern.search(key)), None)
