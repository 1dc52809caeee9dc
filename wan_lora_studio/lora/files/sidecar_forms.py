"""Sidecar forms: which tool writes which field of ours where.

Sources, each in the repository of the tool: A1111 and Forge `ui_extra_networks_user_metadata.py`;
ComfyUI-Lora-Manager `py/utils/models.py`; sd-civitai-helper and Civitai's API `/model-versions`;
StabilityMatrix `ConnectedModelInfo.cs`; SwarmUI `T2IModelHandler.cs`, which also says what it
reads of the others; rgthree-comfy `py/server/utils_info.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Place = tuple[str, ...]
Kind = Literal["text", "html", "list", "line", "number", "flag"]

# What our fields are. Words are a list for most tools, and a line with commas for some.
KINDS: Mapping[str, Kind] = {
    "title": "text",
    "text": "html",
    "author": "text",
    "version": "text",
    "date": "text",
    "base_model": "text",
    "usage_hint": "text",
    "negative_prompt": "text",
    "example_prompt": "text",
    "tags": "list",
    "trigger_words": "list",
    "strength": "number",
    "lowest": "number",
    "highest": "number",
    "favourite": "flag",
}


@dataclass(frozen=True)
class Form:
    """One tool's file. `fields` maps a field of ours to the places of its value, the best first;
    `lines` are the fields that this tool writes as a line with commas, `texts` the numbers that it
    writes as text. `unset` are values that stand for none."""

    fields: Mapping[str, tuple[Place, ...]]
    lines: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    unset: frozenset[Any] = frozenset()

    def kind(self, field: str) -> Kind:
        return "line" if field in self.lines else KINDS[field]


def _at(*paths: str) -> tuple[Place, ...]:
    """Places from paths such as `civitai/trainedWords`; `*` is the first item of a list in which
    the rest is found."""
    return tuple(tuple(path.split("/")) for path in paths)


WEBUI = Form(
    {
        "text": _at("description"),
        "base_model": _at("sd version"),
        "usage_hint": _at("notes"),
        "negative_prompt": _at("negative text"),
        "trigger_words": _at("activation text", "trainedWords", "trained_words", "trigger_words"),
        "strength": _at("preferred weight"),
    },
    lines=frozenset({"trigger_words"}),
    unset=frozenset({0, "0", "Unknown"}),  # what A1111 writes where nothing was entered
)
LORA_MANAGER = Form(
    {
        "title": _at("model_name"),
        "text": _at("modelDescription", "civitai/description"),
        "version": _at("civitai/name"),
        "base_model": _at("base_model"),
        "usage_hint": _at("notes"),
        "tags": _at("tags"),
        "trigger_words": _at("civitai/trainedWords", "trigger_words"),
        "author": _at("civitai/creator/username"),
        "example_prompt": _at("civitai/images/*/meta/prompt"),
        "strength": _at("usage_tips/strength"),
        "lowest": _at("usage_tips/strength_min"),
        "highest": _at("usage_tips/strength_max"),
        "favourite": _at("favorite"),
    },
)
CIVITAI = Form(
    {
        "title": _at("model/name"),
        "text": _at("description", "model/description"),
        "version": _at("name"),
        "base_model": _at("baseModel"),
        "tags": _at("model/tags", "tags"),
        "trigger_words": _at("trainedWords"),
        "author": _at("creator/username"),
        "example_prompt": _at("images/*/meta/prompt"),
    }
)
STABILITY_MATRIX = Form(
    {
        "title": _at("UserTitle", "ModelName"),
        "text": _at("ModelDescription", "VersionDescription"),
        "version": _at("VersionName"),
        "base_model": _at("BaseModel"),
        "tags": _at("Tags"),
        "trigger_words": _at("TrainedWords"),
        "author": _at("Author"),
    }
)
SWARM = Form(
    {
        field: _at(f"modelspec.{name}", name)
        for field, name in (
            ("title", "title"),
            ("text", "description"),
            ("author", "author"),
            ("version", "version"),
            ("date", "date"),
            ("base_model", "architecture"),
            ("usage_hint", "usage_hint"),
            ("tags", "tags"),
            ("trigger_words", "trigger_phrase"),
            ("strength", "lora_default_weight"),
        )
    },
    lines=frozenset({"trigger_words"}),
    texts=frozenset({"strength"}),
)
RGTHREE = Form(
    {
        "title": _at("name"),
        "base_model": _at("baseModel"),
        "usage_hint": _at("userNote"),
        "tags": _at("userTags", "tags"),
        "trigger_words": _at("trainedWords"),
        "example_prompt": _at("images/*/positive"),
        "lowest": _at("strengthMin"),
        "highest": _at("strengthMax"),
    }
)

# By the ending, in lower case; what an earlier one says goes before what a later one says.
FORMS: Mapping[str, Form] = {
    ".json": WEBUI,
    ".metadata.json": LORA_MANAGER,
    ".civitai.info": CIVITAI,
    ".swarm.json": SWARM,
    ".cm-info.json": STABILITY_MATRIX,
    ".rgthree-info.json": RGTHREE,
}
PLAIN = (".description.txt", ".txt")  # no form, but text
READ = (*FORMS, *PLAIN)
CIVITAI_KEYS = frozenset({"modelVersions", "modelId", "nsfwLevel"})


def form_of(kind: str, values: Mapping[str, Any]) -> tuple[Form, Mapping[str, Any]]:
    """The form of a file of this ending, and its values as that form has them."""
    if kind == ".json" and is_civitai_dump(values):
        return CIVITAI, _newest(values)
    if kind == ".json" and any(key.startswith("modelspec.") for key in values):
        return SWARM, values
    return FORMS[kind], values


def is_civitai_dump(values: Mapping[str, Any]) -> bool:
    """Whether a `stem.json` is Civitai's own description of the model, as SD.Next keeps it."""
    return not CIVITAI_KEYS.isdisjoint(values) or (
        "trainedWords" in values and "activation text" not in values
    )


def _newest(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A version: of a model with its versions the first, which is the newest."""
    versions = values.get("modelVersions")
    first = versions[0] if isinstance(versions, list) and versions else None
    if not isinstance(first, dict):
        return values
    return {**first, "creator": values.get("creator"), "model": values}
