"""Every reader of what others wrote, as a function of bytes that raises only errors in words.

A target returns for whatever bytes it is given, or raises a StudioError (or one of the few errors
that its reader names in its docstring). Anything else is a finding.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wan_lora_studio.errors import LoRAFileError, StudioError
from wan_lora_studio.lora.files.companion_names import FolderNames, companion_kind, ending_of
from wan_lora_studio.lora.files.encodings import decoded
from wan_lora_studio.lora.files.header import RawHeader, parse_header
from wan_lora_studio.lora.files.header_fast import read_usual, split_usual
from wan_lora_studio.lora.files.header_strict import read_json as read_strictly
from wan_lora_studio.lora.files.preview_sources import (
    NOT_A_PICTURE,
    decode_picture,
    header_pictures,
)
from wan_lora_studio.lora.files.sidecar_forms import READ
from wan_lora_studio.lora.files.sidecars import read_sidecar
from wan_lora_studio.lora.files.webui_json import rewritten_webui_json
from wan_lora_studio.lora.inspection.dialects import read_keys
from wan_lora_studio.lora.inspection.header_texts import describe
from wan_lora_studio.lora.inspection.info import LoRAInfo
from wan_lora_studio.lora.inspection.inspector import inspect_lora, require_supported
from wan_lora_studio.lora.inspection.model_hints import task_hints
from wan_lora_studio.lora.inspection.role_evidence import find_role, has_identity, name_role
from wan_lora_studio.lora.inspection.scaling import CONFIG_NAME, check_config, read_scaling
from wan_lora_studio.lora.names import free_name, name_problem, safe_name, stem_of
from wan_lora_studio.lora.selection.set_files import read_set_file
from wan_lora_studio.lora.selection.strengths import LoRASelection
from wan_lora_studio.lora.selection.wangp_multipliers import Phases, parse_multipliers
from wan_lora_studio.lora.storage.staged_file import checked_stem
from wan_lora_studio.lora.uploads.zip_files import ZipArchive
from wan_lora_studio.results.folder import FoundVideo
from wan_lora_studio.results.mp4 import read_comment
from wan_lora_studio.results.reading import read_facts
from wan_lora_studio.results.restoring import restore
from wan_lora_studio.results.rows import row_values
from wan_lora_studio.results.wangp_settings import facts_of_wangp, is_wangp
from wan_lora_studio.sandbox.png_strips import png_size, reduced
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.untrusted_json import Limits, UntrustedJSONError, read_json, read_object
from wan_lora_studio.wan.task import GenerationTask
from wan_lora_studio.wan.weights.gguf_header import read_gguf_header

Reader = Callable[[bytes], None]
METADATA_KEYS = (
    "modelspec.tags", "tags", "trigger_words", "modelspec.trigger_phrase", "trained_words",
    "trainedWords", "instance_prompt", "ss_tag_frequency", "ss_datasets", "software", "version",
    "modelspec.timestep_range", "ss_sd_model_name", "modelspec.architecture", "sshs_model_hash",
    "modelspec.thumbnail", "ssmd_cover_images", "lora_adapter_metadata", "modelspec.description",
    "ss_base_model_version", "training_info", "format",
)  # fmt: skip
RECORDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "neon": {
            "name": "neon", "status": "ok", "files": {"both": "neon.safetensors"},
            "sha256s": {"both": "a" * 64},
        },
        "pair": {
            "name": "pair", "status": "ok", "files": {"high": "p_high.safetensors",
            "low": "p_low.safetensors"}, "sha256s": {"high": "b" * 64, "low": ""},
        },
    }
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A reader with sound and hostile beginnings, from which a fuzzer goes on, up to `longest`
    bytes."""

    read: Reader
    seeds: tuple[bytes, ...]
    longest: int = 700


def written(value: Any) -> None:
    """What was read has to go out again as strict JSON in UTF-8."""
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def json_text(data: bytes) -> None:
    try:
        written(read_json(data, unique=data[:1] == b"{"))
    except UntrustedJSONError:
        return


def header(data: bytes) -> None:
    """The two readers of headers, held equal, and everything that is made of what they read."""
    ends = [int(text) for text in re.findall(rb"[0-9]{1,12}", data)]
    raw = RawHeader("x", data, 8 + len(data) + max(ends, default=0))
    sizes = raw.data_start, raw.file_size
    split, usual = split_usual(data), read_usual(data, *sizes)
    try:
        columns, metadata = read_strictly(data, "x", *sizes)
    except LoRAFileError:
        assert usual is None
        return
    if usual is not None:
        assert [list(column) for column in usual[0]] == [list(column) for column in columns]
        assert usual[1] == metadata
        assert split is None or split[0] == metadata
    written([columns.keys, metadata])
    read_keys(parse_header(raw).columns.keys)


def lora_file(data: bytes) -> None:
    """A whole file: the bytes up to the first NUL are its header, the rest its data."""
    text, _, rest = data.partition(b"\0")
    path = _scratch("a.safetensors")
    path.write_bytes(len(text).to_bytes(8, "little") + text + rest)
    info = inspect_lora(path)
    require_supported(info, path.name)
    plain = info.own_plain()
    written(plain)
    LoRAInfo.from_own_json(info.form, json.dumps(plain))


def metadata(data: bytes) -> None:
    """Texts under the names that are read; each begins with a number that chooses its name."""
    parts = [part for part in data.split(b"\xff") if part]
    texts = {
        METADATA_KEYS[part[0] % len(METADATA_KEYS)]: part[1:].decode(errors="replace")
        for part in parts
    }
    written(describe(texts).text)
    header_pictures(texts)
    find_role(set(), texts, "x")
    task_hints((), texts, "x")
    read_scaling("x.safetensors", texts, configured=False)


def sidecar(data: bytes) -> None:
    """The first byte chooses the form."""
    if not data:
        return
    ending = READ[data[0] % len(READ)]
    path = _scratch(f"a{ending}")
    path.write_bytes(data[1:])
    written(json.loads(read_sidecar(path, ending).to_json()))
    rewritten_webui_json(path, {}, {"description": "x", "trigger_words": ["a"]})


def configuration(data: bytes) -> None:
    path = _scratch("adapter_model.safetensors")
    path.with_name(CONFIG_NAME).write_bytes(data)
    try:
        check_config(data)
    except (ValueError, TypeError, AttributeError):
        return
    finally:
        path.with_name(CONFIG_NAME).unlink()


def encoding(data: bytes) -> None:
    try:
        decoded(data)
    except ValueError:
        return


def sets(data: bytes) -> None:
    text = data.decode(errors="replace")
    found = read_set_file(text, "a.lset", RECORDS)
    written([found.name, found.prompt, [item.to_dict() for item in found.items]])


def comment(data: bytes) -> None:
    """An MP4, by its boxes."""
    read_comment(io.BytesIO(data))


def video(data: bytes) -> None:
    """A video or the JSON beside one, up to the form and the gallery's row."""
    facts = read_facts(io.BytesIO(data))
    row = row_values(FoundVideo("a.mp4", 1, 1), facts)
    assert all(type(value) in (str, int, float, type(None)) for value in row.values())
    assert all(abs(value) < 2**63 for value in row.values() if isinstance(value, int))
    written(row)
    found = restore(facts, RECORDS, _settings())
    written([found.fields, found.selected_loras, found.missing, found.notes])
    written(dict(facts.metadata))


def archive(data: bytes) -> None:
    """A .zip, and all that may be read of it."""
    opened = ZipArchive.open(io.BytesIO(data), "a.zip", 1_000_000)
    for entry in opened.entries.values():
        assert ".." not in entry.name.split("/")
        assert not entry.name.startswith("/")
        with contextlib.suppress(StudioError), entry.open() as (source, _):
            while source.read(65_536):
                pass


def strips(data: bytes) -> None:
    """A large PNG, read in strips."""
    file = io.BytesIO(data)
    size = png_size(file)
    if size is None or size.width * size.height > 100_000:
        return
    try:
        reduced(file, size, 16)
    except NOT_A_PICTURE:
        return


def task(data: bytes) -> None:
    try:
        values = read_object(data)
    except UntrustedJSONError:
        return
    found = GenerationTask.from_dict(values)
    found.resolved(_settings())
    written(found.to_dict())


def wangp(data: bytes) -> None:
    """WanGP's settings."""
    try:
        values = read_object(data)
    except UntrustedJSONError:
        return
    if is_wangp(values):
        written([lora.strength for lora in facts_of_wangp(values).loras])


def multipliers(data: bytes) -> None:
    count, text = data[:1], data[1:].decode(errors="replace")
    for handover, phases in ((None, Phases()), (0.5, Phases(1)), (None, Phases(2, (0.3, 0.6)))):
        most = count[0] if count else 0
        written(parse_multipliers(text, most, handover=handover, phases=phases))


def selection(data: bytes) -> None:
    try:
        values = read_object(data, Limits(size=100_000))
    except UntrustedJSONError:
        return
    found = LoRASelection.parse(values).to_plain()
    written(found)
    assert LoRASelection.parse(found).to_plain() == found


def gguf_header(data: bytes) -> None:
    path = _scratch("a.gguf")
    path.write_bytes(data)
    found = read_gguf_header(path)
    written([found.kind, list(found.tensors)])
    assert all(t.start + t.size <= len(data) for t in found.tensors.values())


def names(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    name_role(text)
    has_identity(text)
    stem_of(text)
    companion_kind(ending_of(text) or "")
    FolderNames([text, f"{text}.safetensors", f"{text}.png"]).endings(text)
    find_role(set(), {}, text)
    safe = safe_name(text)
    assert name_problem(safe) is None, safe
    assert free_name(safe, {safe.casefold()}) != safe
    checked_stem(text)


def picture(data: bytes) -> None:
    try:
        decode_picture(io.BytesIO(data))
    except NOT_A_PICTURE:
        return


def within_words(read: Reader, data: bytes) -> None:
    """Read; a StudioError is what is hoped for."""
    try:
        read(data)
    except StudioError as error:
        assert error.message
        assert len(error.message) < 20_000
        written(error.to_dict())


@cache
def _settings() -> Settings:
    return load_settings(data_dir=_scratch("data"), models_dir=_scratch("models"))


def _scratch(name: str) -> Path:
    return _folder() / name


@cache
def _folder() -> Path:
    """In memory where the system has a place for that."""
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if usable else None))
