"""Web UI JSON: a user's edits in `stem.json`, where A1111 and Forge keep theirs.

Keys: `description`, `sd version`, `activation text`, `preferred weight`, `notes`. All other
keys are kept. A file that cannot be read, a link to one that lies elsewhere, and a Civitai dump
(as SD.Next writes it) are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wan_lora_studio.lora.description import join_words
from wan_lora_studio.lora.files.sidecar_forms import is_civitai_dump
from wan_lora_studio.lora.files.sidecars import load_json
from wan_lora_studio.untrusted_json import UntrustedJSONError

WEBUI_KEYS = {
    "description": "description",
    "base_model": "sd version",
    "trigger_words": "activation text",
    "preferred_strengths": "preferred weight",
    "notes": "notes",
}


def rewritten_webui_json(
    path: Path, old: Mapping[str, Any], new: Mapping[str, Any]
) -> bytes | None:
    """What the file at `path` should hold when the edits go from `old` to `new`.

    Empty for no file at all; None to leave it as it is. A key whose edit is taken back goes if
    its value is still the edit's.
    """
    if path.is_symlink():
        return None
    if path.exists():
        try:
            before = dict(load_json(path))
        except (OSError, UntrustedJSONError):
            return None
        if is_civitai_dump(before):
            return None
    else:
        before = {}
    after = dict(before)
    for field, key in WEBUI_KEYS.items():
        if field in new:
            after[key] = _plain(field, new[field])
        elif field in old and after.get(key) == _plain(field, old[field]):
            del after[key]
    if after == before:
        return None
    return json.dumps(after, indent=4, ensure_ascii=False).encode() if after else b""


def _plain(field: str, value: Any) -> Any:
    if field == "trigger_words":
        return join_words(value)
    if field == "preferred_strengths":
        return value["high"]  # the format has one number; of two, the one that comes first
    return value
