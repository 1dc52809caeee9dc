"""Reading the settings out of a file: a video or picture of ours, WanGP's, ComfyUI's or A1111's,
or a text with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.file_boundary import one_file
from wan_lora_studio.lora.files import decoded
from wan_lora_studio.results import matroska, mp4
from wan_lora_studio.results.comfyui import facts_of_comfyui, is_comfyui, without_nan
from wan_lora_studio.results.facts import VideoFacts, no_settings, own_facts
from wan_lora_studio.results.infotext import facts_of_infotext, is_infotext, with_hashes
from wan_lora_studio.results.mp4 import MAX_COMMENT
from wan_lora_studio.results.wangp_settings import facts_of_wangp, is_wangp
from wan_lora_studio.sandbox import RefusedError, decoder
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import Limits, UntrustedJSONError, read_json

BLANKS = b"\xef\xbb\xbf \t\r\n"
LIMITS = Limits(size=MAX_COMMENT)
NAMES = ("comment", "prompt", "workflow", "parameters")  # of the texts that hold settings
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")
STILL = (b"ftypavif", b"ftypavis", b"ftypmif1")


def read_facts(file: BinaryIO) -> VideoFacts:
    """The facts of a video, a picture, or a JSON or text with settings.

    Raises GenerationError for a file that is nothing of these or holds no settings.
    """
    with one_file(say("results.the_file"), GenerationError):
        return _read(file)


def _read(file: BinaryIO) -> VideoFacts:
    start = file.read(64)
    file.seek(0)
    if start.lstrip(BLANKS).startswith(b"{"):
        return facts_of(_parsed(file.read(MAX_COMMENT + 1)))
    if start.startswith(PICTURES) or start[4:12] in STILL:
        try:
            texts = decoder.texts(file)
        except RefusedError as error:
            raise no_settings(say("results.reading.picture_unreadable")) from error
        return _facts_of_texts(texts, say("results.reading.none_in_picture"))
    if start.startswith(matroska.SIGNATURE):
        return _facts_of_texts(
            matroska.read_texts(file, NAMES), say("results.reading.none_in_video")
        )
    if start[4:8] == b"ftyp":
        return _facts_of_texts(mp4.read_texts(file, NAMES), say("results.reading.none_in_video"))
    return _facts_of_text(file.read(MAX_COMMENT + 1))


def facts_of(metadata: Any) -> VideoFacts:
    """The facts in metadata of anybody's. Raises GenerationError for anything else."""
    if not isinstance(metadata, dict):
        raise no_settings(say("results.reading.something_else"))
    task = metadata.get("task", metadata)
    if isinstance(task, dict) and isinstance(task.get("model_type"), str) and "steps" in task:
        return own_facts(metadata, task)
    if is_wangp(metadata):
        return facts_of_wangp(metadata)
    if is_comfyui(metadata):
        return facts_of_comfyui(metadata)
    raise no_settings(say("results.reading.not_of_a_video"))


def _facts_of_texts(texts: Mapping[str, str], if_none: str) -> VideoFacts:
    """From the texts that a video or picture carries, under whatever names; `if_none` says that
    none of them is known."""
    graphs = {name: texts[name] for name in ("prompt", "workflow") if name in texts}
    if graphs and is_comfyui(graphs):
        found = facts_of_comfyui(graphs)
        said = texts.get("parameters", "")
        if not is_infotext(said):
            return found
        # Nodes that save a picture write both, the hashes in A1111's text alone.
        if not found.task:
            return facts_of_infotext(said)
        return replace(found, loras=with_hashes(found.loras, said))
    for name in ("comment", "parameters"):
        text = texts.get(name, "").strip()
        if text.startswith("{"):
            return facts_of(_parsed(text))
        if is_infotext(text):
            return facts_of_infotext(text)
    raise no_settings(if_none)


def _facts_of_text(data: bytes) -> VideoFacts:
    try:
        text, _ = decoded(data)
    except ValueError:
        text = ""
    if not is_infotext(text):
        raise no_settings(say("results.reading.unknown_kind"))
    return facts_of_infotext(text)


def _parsed(text: str | bytes) -> Any:
    """The JSON value; one that could not be written again is refused as well."""
    try:
        return read_json(text, LIMITS)
    except UntrustedJSONError as error:
        mended = _without_nan(text)
        if mended is None:
            raise no_settings(error.reason) from error
        return mended


def _without_nan(text: str | bytes) -> Any:
    """A graph of ComfyUI that holds NaN; None for anything else."""
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = read_json(without_nan(plain), LIMITS) if "NaN" in plain else None
    except ValueError:
        return None
    return value if is_comfyui(value) else None
