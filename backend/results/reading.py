"""Reading the settings out of a file: a video of ours or of WanGP's, or the JSON beside one."""

from __future__ import annotations

from typing import Any, BinaryIO

from backend.results.facts import VideoFacts, no_settings, own_facts
from backend.results.mp4 import MAX_COMMENT, read_comment
from backend.results.wangp_settings import facts_of_wangp, is_wangp
from backend.untrusted_json import Limits, UntrustedJSONError, read_json

BLANKS = b"\xef\xbb\xbf \t\r\n"
LIMITS = Limits(size=MAX_COMMENT)


def read_facts(file: BinaryIO) -> VideoFacts:
    """The facts of an MP4 or of the JSON beside one.

    Raises GenerationError for a file that is neither or holds no settings.
    """
    if not file.read(64).lstrip(BLANKS).startswith(b"{"):
        return facts_of(_parsed(read_comment(file)))
    file.seek(0)
    return facts_of(_parsed(file.read(MAX_COMMENT + 1)))


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


def _parsed(text: str | bytes) -> Any:
    try:
        return read_json(text, LIMITS)
    except UntrustedJSONError as error:
        raise no_settings(error.reason) from error
