"""Reading the settings out of a file: a video of ours or of WanGP's, or the JSON beside one."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from backend.results.facts import VideoFacts, no_settings, own_facts
from backend.results.mp4 import MAX_COMMENT, read_comment
from backend.results.wangp_settings import facts_of_wangp, is_wangp

BLANKS = b"\xef\xbb\xbf \t\r\n"


def read_facts(file: BinaryIO) -> VideoFacts:
    """The facts of an MP4 or of the JSON beside one.

    Raises GenerationError for a file that is neither or holds no settings.
    """
    if not file.read(64).lstrip(BLANKS).startswith(b"{"):
        return facts_of(_parsed(read_comment(file)))
    file.seek(0)
    data = file.read(MAX_COMMENT + 1)
    if len(data) > MAX_COMMENT:
        raise no_settings("the file is too large to be settings")
    try:
        return facts_of(_parsed(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise no_settings("the file is not text") from error


def facts_of(metadata: Any) -> VideoFacts:
    """The facts in metadata of ours or of WanGP. Raises GenerationError for anything else."""
    if not isinstance(metadata, dict):
        raise no_settings("what it holds is something else")
    task = metadata.get("task", metadata)
    if isinstance(task, dict) and isinstance(task.get("model_type"), str) and "steps" in task:
        return own_facts(metadata, task)
    if is_wangp(metadata):
        return facts_of_wangp(metadata)
    raise no_settings("what it holds are no settings of a video")


def _parsed(text: str) -> Any:
    """The JSON value; one that could not be written again is refused as well."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise no_settings("what it holds is not JSON") from error
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
