"""Settings: one frozen object, read from config.json, the environment and overrides.

The shipped `config.json` holds every default; a user's own file needs only what it changes.
Later sources win: shipped file, given file, environment `WAN_LORA_<FIELD>`, overrides.
Relative paths in a file count from that file's folder, all others from the working directory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from backend.errors import SettingsError
from backend.model_paths import lora_folders

SHIPPED_CONFIG = Path(__file__).resolve().parent.parent / "config.json"
ENVIRONMENT_PREFIX = "WAN_LORA_"
PATH_LIST_FIELDS = ("extra_lora_dirs", "extra_model_paths")
PATH_FIELDS = ("loras_dir", "outputs_dir", "models_dir", "data_dir")


def _from_json_text(value: Any) -> Any:
    """A mapping given in an environment variable is JSON text."""
    return json.loads(value) if isinstance(value, str) else value


class ModelEntry(BaseModel):
    """One row of the model table."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    title: str = Field(min_length=1, description="Name shown to the user.")
    path: str = Field(description="Local diffusers folder; relative paths count from models_dir.")
    repo: str | None = Field(description="Hub repository used when the folder is not there.")
    revision: str | None = Field(description="Hub revision; null means the newest.")
    pipeline: Literal["WanPipeline", "WanImageToVideoPipeline"] = Field(
        description="The diffusers pipeline class."
    )
    architecture: str = Field(description="Row of the architecture table for LoRA verdicts.")
    image: Literal["none", "optional", "required"] = Field(description="Use of an input picture.")
    boundary_ratio: float | None = Field(
        gt=0, lt=1, description="Share of the noise range below which the low expert runs."
    )
    width: int = Field(gt=0, description="Default width in pixels.")
    height: int = Field(gt=0, description="Default height in pixels.")
    size_multiple: int = Field(gt=0, description="Width and height are multiples of this.")
    num_frames: int = Field(gt=0, description="Default number of frames, 4k+1.")
    fps: int = Field(gt=0, description="Default frames per second of the video.")
    steps: int = Field(gt=0, description="Default sampling steps.")
    guidance_scale: float = Field(ge=0, description="Default guidance of the (high) expert.")
    guidance_scale_2: float | None = Field(description="Default guidance of the low expert.")
    flow_shift: float = Field(gt=0, description="Default flow shift of the scheduler.")
    negative_prompt: str = Field(description="Default negative prompt.")
    examples: tuple[str, ...] = Field(
        default=(), description="Example prompts that the page offers."
    )

    @property
    def experts(self) -> tuple[str, ...]:
        """Roles of the model's transformers, in the order in which they sample."""
        return ("high",) if self.boundary_ratio is None else ("high", "low")


class ExtraFolder(BaseModel):
    """A folder of LoRAs beside the library. A path alone is one whose files are never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="Where it is.")
    writable: bool = Field(default=False, description="Rename, edit and delete there too.")

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str | Path) else value


class ModelPaths(BaseModel):
    """Where another program keeps its LoRAs: its `path`, and the `folders` that were found by it
    when the settings were read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    folders: tuple[Path, ...]

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        if not isinstance(value, str | Path):
            return value
        return {"path": value, "folders": lora_folders(Path(value))}


class Settings(BaseModel):
    """All settings. Construct through `load_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    host: str = Field(description="Address the page is served on.")
    port: int = Field(ge=0, le=65535, description="Port the page is served on; 0 picks a free one.")
    loras_dir: Path = Field(description="The LoRA library.")
    extra_lora_dirs: Annotated[tuple[ExtraFolder, ...], BeforeValidator(_from_json_text)] = Field(
        description="More folders with LoRAs: a path, whose files are never changed, or"
        ' {"path": ..., "writable": true}.'
    )
    extra_model_paths: Annotated[tuple[ModelPaths, ...], BeforeValidator(_from_json_text)] = Field(
        description="Where other programs keep LoRAs, which are listed and never changed: their"
        " extra_model_paths.yaml, or their folder."
    )
    outputs_dir: Path = Field(description="Where videos are written.")
    models_dir: Path = Field(description="Where local model folders are looked for.")
    data_dir: Path = Field(
        description="The app's own state: queue, index of results, uploaded pictures."
    )
    default_model: str = Field(description="Model selected when the page opens.")
    device: str = Field(
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps, cuda or cuda:N."
    )
    workers: int = Field(
        ge=0, le=64, description="Worker processes; 0 means one per GPU, or one without a GPU."
    )
    offload: Literal["auto", "none", "model"] = Field(
        description="Keep the model in GPU memory (none), move parts on use (model), or decide."
    )
    local_files_only: bool = Field(description="Never contact the model hub.")
    max_upload_mb: float = Field(
        gt=0, description="Largest accepted LoRA file, in MB of 1,000,000 bytes."
    )
    disk_reserve_mb: float = Field(ge=0, description="Free space that an upload leaves, megabytes.")
    trash_days: float = Field(
        ge=0, description="Days until a deleted LoRA or video is gone for good; 0 means never."
    )
    trash_mb: float = Field(
        ge=0,
        description="Kept of deleted LoRAs, and as much of deleted videos, megabytes; the newest"
        " always; 0 is no limit.",
    )
    picture_days: float = Field(
        ge=0,
        description="Days from its last use that an input picture is kept which no run and no video"
        " needs; 0 means for good.",
    )
    thumbnail_size: int = Field(ge=32, le=2048, description="Longest thumbnail side in pixels.")
    recent_loras: int = Field(ge=0, description="Entries of the recent-LoRA dropdown.")
    default_strength: float = Field(description="Strength of a LoRA that was never used.")
    strength_min: float = Field(description="Lower end of the strength slider.")
    strength_max: float = Field(description="Upper end of the strength slider.")
    lora_mode: Literal["auto", "merge", "runtime"] = Field(
        description="Merge LoRAs into the weights, add them at runtime, or decide by the model."
    )
    lora_cache_mb: float = Field(
        ge=0, description="LoRA files kept in memory between runs, in megabytes."
    )
    on_lora_failure: Literal["fail", "skip", "fallback"] = Field(
        description="A LoRA that cannot be applied: end the run (fail), leave it out (skip), or"
        " leave it out and put its trigger words and description into the prompt (fallback)."
    )
    reduce_loras: bool = Field(
        description="Let a run that memory has run out for leave LoRAs out, the largest first."
    )
    log_format: Literal["text", "json"] = Field(
        description="Lines of the log in words (text), or one JSON object each (json)."
    )
    log_file_mb: float = Field(
        ge=0, description="Size at which a log file is begun anew, megabytes; 0 writes no file."
    )
    preview: bool = Field(description="Show preview pictures while sampling.")
    cancel_grace_seconds: float = Field(
        gt=0, description="Seconds a cancelled job may take to stop before its worker is replaced."
    )
    models: Annotated[dict[str, ModelEntry], BeforeValidator(_from_json_text)] = Field(
        description="The model table, by model_type."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        problems = []
        if self.default_model not in self.models:
            known = ", ".join(self.models) or "none"
            problems.append(f"default_model: {self.default_model!r} is not in models ({known})")
        if self.strength_min >= self.strength_max:
            problems.append("strength_min: must be below strength_max")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def lora_folders(self) -> tuple[ExtraFolder, ...]:
        """All folders with LoRAs beside the library: `extra_lora_dirs` and those of programs."""
        theirs = [folder for paths in self.extra_model_paths for folder in paths.folders]
        return self.extra_lora_dirs + tuple(ExtraFolder(path=folder) for folder in theirs)

    def model(self, model_type: str) -> ModelEntry:
        """The table row of `model_type`. Raises SettingsError if there is none."""
        try:
            return self.models[model_type]
        except KeyError:
            raise SettingsError(
                f"There is no model {model_type!r} in the model table.",
                suggestions=[f"Use one of: {', '.join(self.models)}."],
                context={"model_type": model_type},
            ) from None

    def model_folder(self, model_type: str) -> Path:
        """Where the model's local folder is, or would be."""
        return self.models_dir / Path(self.model(model_type).path).expanduser()


def load_settings(config: str | Path = SHIPPED_CONFIG, **overrides: Any) -> Settings:
    """Read the settings.

    `overrides` are fields by name; None means "not given". Raises SettingsError that names
    every bad key and value at once.
    """
    values = _read(SHIPPED_CONFIG)
    path = Path(config)
    if path.resolve() != SHIPPED_CONFIG:
        values = _merged(values, _read(path))
    values = _merged(values, _absolute(_environment()))
    given = {key: value for key, value in overrides.items() if value is not None}
    values = _merged(values, _absolute(given))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(
            "The settings cannot be used: " + "; ".join(_problems(error)) + ".",
            context={"config": str(path), "problems": _problems(error)},
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"There is no settings file at {path}.",
            suggestions=["Give the path of a config.json, or leave --config out."],
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold one JSON object.")
    return _absolute(values, path.resolve().parent)


def _absolute(values: Mapping[str, Any], base: Path | None = None) -> dict[str, Any]:
    root = base or Path.cwd()
    found = dict(values)
    for key, value in values.items():
        if key in PATH_FIELDS and isinstance(value, str | Path) and str(value):
            found[key] = root / Path(value).expanduser()
        elif key in PATH_LIST_FIELDS:
            found[key] = _absolute_list(key, value, root)
    return found


def _absolute_list(key: str, value: Any, root: Path) -> Any:
    """A list of paths, from JSON text or as it is; anything else is left to validation."""
    try:
        values = _from_json_text(value)
    except ValueError:
        values = value
    if key == "extra_model_paths" and isinstance(values, str | Path):
        values = [values]  # one path alone
    if not isinstance(values, list | tuple):
        return values
    return [_absolute_item(item, root) for item in values]


def _absolute_item(item: Any, root: Path) -> Any:
    if isinstance(item, str | Path) and str(item):
        return root / Path(item).expanduser()
    if isinstance(item, dict) and isinstance(item.get("path"), str | Path):
        return {**item, "path": _absolute_item(item["path"], root)}
    return item


def _environment() -> dict[str, str]:
    return {
        field: os.environ[ENVIRONMENT_PREFIX + field.upper()]
        for field in Settings.model_fields
        if ENVIRONMENT_PREFIX + field.upper() in os.environ
    }


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`change` over `base`; the model table is merged row by row, key by key."""
    merged = {**base, **change}
    if isinstance(base.get("models"), dict) and isinstance(change.get("models"), dict):
        rows = dict(base["models"])
        for name, row in change["models"].items():
            known = rows.get(name)
            rows[name] = {**known, **row} if known and isinstance(row, dict) else row
        merged["models"] = rows
    return merged


def _problems(error: ValidationError) -> list[str]:
    found = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            text = "there is no such setting"
        found.append(f"{place}: {text}" if place else text)
    return found
