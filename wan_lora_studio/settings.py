"""Settings: one frozen object, read from config.json, the environment and overrides.

The shipped `config.json` holds every default; a user's own file needs only what it changes.
Later sources win: shipped file, given file, environment `WAN_LORA_<FIELD>`, overrides.
Relative paths in a file count from that file's folder, all others from the working directory; in
the shipped file of an installed app they count from the user's folder (see `shipped`).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from wan_lora_studio.errors import SettingsError
from wan_lora_studio.extra_model_paths import program_folders
from wan_lora_studio.folder_rules import folder_problems, path_problem
from wan_lora_studio.shipped import SHIPPED, own_folder, shipped_model
from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_json, read_object
from wan_lora_studio.weight_source import WeightSource

CONFIG_NAME = "config.json"
SHIPPED_CONFIG = SHIPPED / CONFIG_NAME
ENVIRONMENT_PREFIX = "WAN_LORA_"
LOGIN_VARIABLE = "WAN_LORA_LOGIN"  # of the page's login, which is no setting
MOST_DAYS = 100_000.0  # a calendar holds no more
MOST_MB = 1e9
LIKE = "like"  # in a row as it is written: of which other row it is a variant
PATH_LIST_FIELDS = ("extra_lora_dirs", "extra_model_paths")
PATH_FIELDS = ("loras_dir", "outputs_dir", "models_dir", "data_dir")


def _from_json_text(value: Any) -> Any:
    """A mapping given in an environment variable is JSON text."""
    return read_json(value) if isinstance(value, str) else value


def _usable_path(value: Any) -> Any:
    problem = path_problem(value) if isinstance(value, str | Path) else None
    if problem:
        raise ValueError(problem)
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError(say("settings.control_characters"))
    return value


Folder = Annotated[Path, BeforeValidator(_usable_path)]


Attention = Literal["native", "flash", "flash_3", "sage", "xformers"]


Precision = Literal["bf16", "fp8", "int8"]


def _usable_source(value: Any) -> Any:
    if isinstance(value, str):
        WeightSource.of(value)  # raises what is wrong with it
    return _usable_path(value)


WeightPath = Annotated[str, BeforeValidator(_usable_source)]
Component = Literal["transformer", "transformer_2", "text_encoder", "vae"]


class ReadyExample(BaseModel):
    """What a form holds before anybody wrote in it: a prompt, a seed, and LoRAs by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: str = Field(min_length=1)
    seed: int = Field(ge=0)
    selected_loras: Mapping[str, float] = Field(default_factory=dict)


class ModelEntry(BaseModel):
    """One row of the model table."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )

    title: str = Field(min_length=1, description="Name shown to the user.")
    path: Annotated[str, BeforeValidator(_usable_path)] = Field(
        description="Local diffusers folder; relative paths count from models_dir."
    )
    repo: str | None = Field(description="Hub repository used when the folder is not there.")
    revision: str | None = Field(description="Hub revision; null means the newest.")
    weights: Mapping[Component, WeightPath] = Field(
        default_factory=dict,
        description="Files with weights in place of the folder's, as other tools keep them, for"
        " transformer, transformer_2, text_encoder and vae: a path, which counts from models_dir if"
        " it is relative, or OWNER/NAME:FILE of the hub.",
    )
    pipeline: Literal["WanPipeline", "WanImageToVideoPipeline"] = Field(
        description="The diffusers pipeline class."
    )
    architecture: str = Field(description="Row of the architecture table for LoRA verdicts.")
    image: Literal["none", "optional", "required"] = Field(description="Use of an input picture.")
    precision: Precision = Field(
        default="bf16",
        description="Of the transformers' weights: bf16 (fp32 on a CPU that has room for it), or"
        " fp8 or int8, which take half the memory and change the picture a little; int8 needs the"
        " package torchao. A GGUF file stays in its own bits.",
    )
    boundary_ratio: float | None = Field(
        gt=0, lt=1, description="Share of the noise range below which the low expert runs."
    )
    width: int = Field(gt=0, description="Default width in pixels.")
    height: int = Field(gt=0, description="Default height in pixels.")
    size_multiple: int = Field(gt=0, description="Width and height are multiples of this.")
    sizes: tuple[tuple[int, int], ...] = Field(
        default=(),
        description="Sizes that the page offers, each [width, height]; the default size always.",
    )
    num_frames: int = Field(gt=0, description="Default number of frames, 4k+1.")
    fps: int = Field(gt=0, description="Default frames per second of the video.")
    steps: int = Field(gt=0, description="Default sampling steps.")
    guidance_scale: float = Field(ge=0, description="Default guidance of the (high) expert.")
    guidance_scale_2: float | None = Field(description="Default guidance of the low expert.")
    flow_shift: float = Field(gt=0, description="Default flow shift of the scheduler.")
    negative_prompt: str = Field(description="Default negative prompt.")
    negative_prompt_translation: str = Field(
        default="",
        description="The default negative prompt in the reader's language, shown under it.",
    )
    examples: tuple[str, ...] = Field(
        default=(), description="Example prompts that the page offers."
    )
    opens_with: ReadyExample | None = Field(
        default=None,
        description="A ready example, for somebody who has written nothing yet: its prompt, seed"
        " and selected_loras ({name: strength}).",
    )

    @property
    def experts(self) -> tuple[str, ...]:
        """Roles of the model's transformers, in the order in which they sample."""
        return ("high",) if self.boundary_ratio is None else ("high", "low")

    @property
    def weight_sources(self) -> dict[str, WeightSource]:
        """Where the weights come from that are not the folder's, by component."""
        return {part: WeightSource.of(written) for part, written in self.weights.items()}

    def shown(self) -> dict[str, Any]:
        """What a page knows of the model."""
        return {
            "title": self.title,
            "architecture": self.architecture,
            "experts": list(self.experts),
            "steps": self.steps,
            "flow_shift": self.flow_shift,
            "guidance_scale": self.guidance_scale,
            "guidance_scale_2": self.guidance_scale_2,
        }


def _model_table(value: Any) -> Any:
    """The rows in full: one with `like` has what it does not name itself from that other row."""
    rows = _from_json_text(value)
    if not isinstance(rows, dict):
        return rows
    plain = {
        name: row.model_dump() if isinstance(row, ModelEntry) else row for name, row in rows.items()
    }
    return {name: _in_full(name, plain) for name in plain}


def _in_full(name: str, rows: Mapping[str, Any]) -> Any:
    chain = [name]
    row = rows[name]
    while isinstance(row, dict) and LIKE in row:
        other = row[LIKE]
        if not isinstance(other, str) or not isinstance(rows.get(other), dict):
            raise ValueError(  # noqa: TRY004 - as other wrong values
                say("settings.like_no_row", name=name, other=repr(other))
            )
        if other in chain:
            raise ValueError(say("settings.like_circle", name=name, other=other))
        chain.append(other)
        own = {key: given for key, given in row.items() if key != LIKE}
        row = {**rows[other], **own}
    return row


class ExtraFolder(BaseModel):
    """A folder of LoRAs beside the library. A path alone is one whose files are never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: Folder = Field(description="Where it is.")
    writable: bool = Field(default=False, description="Rename, edit and delete there too.")

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str | Path) else value


class ModelPaths(BaseModel):
    """Where another program keeps its files: its `path`, and the `folders` with LoRAs and the
    `models` with models that were found by it when the settings were read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    folders: tuple[Path, ...]
    models: tuple[Path, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        if not isinstance(value, str | Path):
            return value
        found = program_folders(Path(_usable_path(value)))
        return {"path": value, "folders": found.loras, "models": found.models}


class Settings(BaseModel):
    """All settings. Construct through `load_settings`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )

    host: Annotated[str, AfterValidator(_printable)] = Field(
        description="Address the page is served on."
    )
    port: int = Field(ge=0, le=65535, description="Port the page is served on; 0 picks a free one.")
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_from_json_text)] = Field(
        description="More names under which the page is reached, such as studio.example.com of a"
        " proxy. This computer's own name and addresses need not be named."
    )
    root_path: str = Field(
        pattern=r"^(/[^/?#\s]+)*$",
        description="The path under which a proxy serves the page, such as /studio; empty for"
        " none.",
    )
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(_from_json_text)] = Field(
        description="Addresses of proxies whose word is taken for who asks, and over what"
        " (X-Forwarded-For and X-Forwarded-Proto)."
    )
    tls_certificate: str = Field(
        description="A certificate file (PEM): the page is then served over https only."
    )
    tls_key: str = Field(
        description="The key of that certificate, where it is in a file of its own."
    )
    loras_dir: Folder = Field(description="The LoRA library.")
    extra_lora_dirs: Annotated[tuple[ExtraFolder, ...], BeforeValidator(_from_json_text)] = Field(
        description="More folders with LoRAs: a path, whose files are never changed, or"
        ' {"path": ..., "writable": true}.'
    )
    extra_model_paths: Annotated[tuple[ModelPaths, ...], BeforeValidator(_from_json_text)] = Field(
        description="Where other programs keep LoRAs and models, which are used and never changed:"
        " their extra_model_paths.yaml, or their folder."
    )
    outputs_dir: Folder = Field(description="Where videos are written.")
    models_dir: Folder = Field(description="Where local model folders are looked for.")
    data_dir: Folder = Field(
        description="The app's own state: queue, index of results, uploaded pictures."
    )
    default_model: str = Field(description="Model selected when the page opens.")
    device: str = Field(
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps, cuda or cuda:N."
    )
    workers: int = Field(
        ge=0, le=64, description="Worker processes; 0 means one per GPU, or one without a GPU."
    )
    max_waiting: int = Field(
        ge=1, le=1_000_000, description="Videos that may wait in the queue at once."
    )
    offload: Literal["auto", "none", "encoder", "model", "group"] = Field(
        description="Keep the model in GPU memory (none), all but the text encoder (encoder), move"
        " parts there on use (model) or single blocks (group, which needs least of it), or decide"
        " by what is free (auto)."
    )
    attention: Attention = Field(
        description="Who computes the transformers' attention: torch (native), or a package that"
        " you install, which is faster and changes the picture a little; where it does not work on"
        " this machine, torch does."
    )
    compile_blocks: bool = Field(
        description="Compile the transformers' blocks when a model stays on the GPU: its first run"
        " takes minutes longer, later ones are faster."
    )
    first_block_cache: float = Field(
        ge=0,
        le=1,
        description="Leave out the rest of a step whose first block changes by less than this"
        " share: 0.05 to 0.1 is faster and changes the picture; 0 computes every step.",
    )
    local_files_only: bool = Field(description="Never contact the model hub.")
    max_upload_mb: float = Field(
        gt=0, le=MOST_MB, description="Largest accepted LoRA file, in MB of 1,000,000 bytes."
    )
    accept_pickles: bool = Field(
        description="Take .pt, .pth, .ckpt and .bin files, too: their tensors are read in a process"
        " that can reach nothing, and kept as safetensors."
    )
    malware_scan: Literal["off", "warn", "require"] = Field(
        description="Whether LoRAs that are uploaded are scanned for malware: not at all (off),"
        " with a note in the log where that was not possible (warn), or refused then (require)."
    )
    clamd: str = Field(
        pattern=r"^(unix:/.+|tcp://[^\s/]+:\d+)$",
        description="Where ClamAV's daemon listens: unix:/path or tcp://host:port.",
    )
    clamd_max_mb: float = Field(
        gt=0,
        le=MOST_MB,
        description="Up to which size it scans a file, its MaxFileSize; a larger one counts as not"
        " scanned.",
    )
    disk_reserve_mb: float = Field(
        ge=0, le=MOST_MB, description="Free space that an upload leaves, megabytes."
    )
    trash_days: float = Field(
        ge=0,
        le=MOST_DAYS,
        description="Days until a deleted LoRA or video is gone for good; 0 means never.",
    )
    trash_mb: float = Field(
        ge=0,
        le=MOST_MB,
        description="Kept of deleted LoRAs, and as much of deleted videos, megabytes; the newest"
        " always; 0 is no limit.",
    )
    picture_days: float = Field(
        ge=0,
        le=MOST_DAYS,
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
        ge=0, le=MOST_MB, description="LoRA files kept in memory between runs, in megabytes."
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
        ge=0,
        le=MOST_MB,
        description="Size at which a log file is begun anew, megabytes; 0 writes no file.",
    )
    preview: bool = Field(description="Show preview pictures while sampling.")
    cancel_grace_seconds: float = Field(
        gt=0,
        le=86_400.0,
        description="Seconds a cancelled job may take to stop before its worker is replaced.",
    )
    models: Annotated[dict[str, ModelEntry], BeforeValidator(_model_table)] = Field(
        description="The model table, by model_type."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        problems = _disagreements({name: getattr(self, name) for name in type(self).model_fields})
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def lora_folders(self) -> tuple[ExtraFolder, ...]:
        """All folders with LoRAs beside the library: `extra_lora_dirs` and those of programs."""
        theirs = [folder for paths in self.extra_model_paths for folder in paths.folders]
        return self.extra_lora_dirs + tuple(ExtraFolder(path=folder) for folder in theirs)

    @property
    def model_folders(self) -> tuple[Path, ...]:
        """All folders in which other programs keep models."""
        found = (folder for paths in self.extra_model_paths for folder in paths.models)
        return tuple(dict.fromkeys(found))

    def model(self, model_type: str) -> ModelEntry:
        """The table row of `model_type`. Raises SettingsError if there is none."""
        try:
            return self.models[model_type]
        except KeyError:
            raise SettingsError(
                say("settings.no_model", model=repr(model_type)),
                suggestions=[say("settings.use_one_of", models=", ".join(self.models))],
                context={"model_type": model_type},
            ) from None

    def model_folder(self, model_type: str) -> Path:
        """Where the model's local folder is, or would be."""
        return self.models_dir / Path(self.model(model_type).path).expanduser()

    def weight_files(self, model_type: str) -> dict[str, Path]:
        """The files whose weights replace those of the folder, by component: where they are, or
        would be. A folder stands for the shards in it."""
        sources = self.model(model_type).weight_sources
        return {
            part: source.on_this_machine(self.models_dir, self.model_folders)
            or source.places(self.models_dir)[0]
            for part, source in sources.items()
        }


FindRows = Callable[[Settings], Mapping[str, Any]]


def load_settings(
    config: str | Path | None = None, *, found: FindRows | None = None, **overrides: Any
) -> Settings:
    """Read the settings.

    Without a `config`, an installed app reads the config.json of the user's folder if there is one.
    `overrides` are fields by name; None means "not given". `found` says which rows the model table
    gets for what other programs keep. Raises SettingsError that names every bad key and value at
    once.
    """
    values = _shipped_values()
    if config is not None and (problem := path_problem(config)):
        raise SettingsError(say("settings.config_path", problem=problem))
    path = _own_config() if config is None else Path(config)
    if path.resolve() != SHIPPED_CONFIG:
        values = _merged(values, _read(path))
    values = _merged(values, _absolute(_environment()))
    given = {key: value for key, value in overrides.items() if value is not None}
    values = _merged(values, _absolute(given))
    problems = _misspelt_variables()
    if found is not None:
        values = _with_rows(values, found)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [each for each in _problems(error) if each not in problems]
        problems += [each for each in _disagreements(values) if each not in "; ".join(problems)]
        raise _unusable(path, problems) from error
    if problems:
        raise _unusable(path, problems)
    return settings


def _with_rows(values: dict[str, Any], found: FindRows) -> dict[str, Any]:
    """The values with the rows that are found for them, as far as they are usable at all."""
    if not values.get("extra_model_paths"):
        return values
    try:
        rows = _from_json_text(values.get("models"))
        alone = Settings.model_validate({**values, "default_model": next(iter(rows))})
    except (ValueError, TypeError, StopIteration):
        return values  # what is wrong is said when all of it is read
    return {**values, "models": {**rows, **found(alone)}}


def _unusable(config: Path, problems: list[str]) -> SettingsError:
    return SettingsError(
        say("settings.unusable", problems="; ".join(problems)),
        context={"config": str(config), "problems": problems},
    )


def _disagreements(values: Mapping[str, Any]) -> list[str]:
    """What does not go together, as far as each value is of the right kind."""
    problems = []
    default, models = values.get("default_model"), values.get("models")
    if isinstance(models, dict) and isinstance(default, str) and default not in models:
        known = ", ".join(models) or say("settings.none")
        problems.append(say("settings.default_model", model=repr(default), known=known))
    low, high = values.get("strength_min"), values.get("strength_max")
    if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
        problems.append(say("settings.strengths"))
    folders = {name: values.get(name) for name in PATH_FIELDS}
    return problems + folder_problems(
        {name: place for name, place in folders.items() if isinstance(place, Path)}
    )


def _shipped_values() -> dict[str, Any]:
    """The defaults, with the user's folders and the models that came with the package."""
    try:
        own = own_folder()
    except RuntimeError as error:
        raise SettingsError(
            say("settings.no_home"),
            cause=say("settings.no_home_cause"),
            suggestions=[say("settings.set_home")],
        ) from error
    values = _read(SHIPPED_CONFIG, own)
    for row in values["models"].values():
        if "path" in row and (folder := shipped_model(row["path"])):
            row["path"] = str(folder)
    return values


def _own_config() -> Path:
    own = own_folder() / CONFIG_NAME
    return own if own.is_file() else SHIPPED_CONFIG


def _read(path: Path, base: Path | None = None) -> dict[str, Any]:
    """The values of a file; relative paths count from `base`, or from the file's folder."""
    try:
        values = read_object(path.read_bytes())
    except FileNotFoundError as error:
        raise SettingsError(
            say("settings.no_file", path=path),
            suggestions=[say("settings.give_path")],
        ) from error
    except UntrustedJSONError as error:
        raise SettingsError(
            say("settings.unreadable", path=path, reason=error.reason),
            suggestions=[say("settings.correct_file")],
        ) from error
    except (OSError, ValueError) as error:  # the latter for a path that can be none
        raise SettingsError(say("settings.unreadable", path=path, reason=error)) from error
    return _absolute(values, base or path.resolve().parent)


def _absolute(values: Mapping[str, Any], base: Path | None = None) -> dict[str, Any]:
    root = base or Path.cwd()
    found = dict(values)
    for key, value in values.items():
        if key in PATH_FIELDS:
            found[key] = _absolute_item(value, root)
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
    if isinstance(item, str | Path):
        # One that can be no path is left for validation to report.
        return item if path_problem(item) else root / Path(item).expanduser()
    if isinstance(item, dict) and isinstance(item.get("path"), str | Path):
        return {**item, "path": _absolute_item(item["path"], root)}
    return item


def _environment() -> dict[str, str]:
    return {
        field: os.environ[_variable(field)]
        for field in Settings.model_fields
        if _variable(field) in os.environ
    }


def _variable(field: str) -> str:
    return ENVIRONMENT_PREFIX + field.upper()


def _misspelt_variables() -> list[str]:
    """Variables that look like a setting's and are none."""
    known = [*(_variable(field) for field in Settings.model_fields), LOGIN_VARIABLE]
    return [
        _with_nearest(say("settings.no_variable", name=name), name.upper(), known)
        for name in sorted(os.environ)
        if name.upper().startswith(("WAN_LORA", "WANLORA")) and name not in known
    ]


def _with_nearest(problem: str, name: str, known: Iterable[str]) -> str:
    """The problem with the nearest known name, if one is near."""
    close = difflib.get_close_matches(name, list(known), 1)
    return say("settings.did_you_mean", problem=problem, name=close[0]) if close else problem


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
            in_row = len(item["loc"]) > 1
            known = (*ModelEntry.model_fields, LIKE) if in_row else Settings.model_fields
            text = _with_nearest(say("settings.no_setting"), str(item["loc"][-1]), known)
        found.append(f"{place}: {text}" if place else text)
    return found
