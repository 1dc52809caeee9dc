"""Extra model paths: where another program keeps LoRAs and models, by its yaml file or its folder.

ComfyUI's file has sections, each with a `base_path` and, by kind of model, paths below it:
https://docs.comfy.org/development/core-concepts/models. As there, `~` and `$NAME` are replaced,
and relative paths count from the base, a relative base from the file's folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from wan_lora_studio.filesystem import READ
from wan_lora_studio.texts import say

YAML_NAME = "extra_model_paths.yaml"
KEYS = ("loras", "lora")
MODEL_KEYS = ("diffusion_models", "unet", "text_encoders", "clip", "vae")
MAX_BYTES = 256 * 1024
MAX_ALIASES = 20  # nested ones can stand for billions of values
MAX_FOLDERS = 100
# Where programs keep LoRAs in the folder in which they are installed, or which they share.
KNOWN_FOLDERS = (
    "models/loras",  # ComfyUI, Fooocus
    "models/Lora",  # A1111, Forge, SD.Next
    "models/LyCORIS",
    "Models/Lora",  # SwarmUI, the shared folder of Stability Matrix
    "Models/LyCORIS",
    "Data/Models/Lora",  # Stability Matrix
    "Data/Models/LyCORIS",
    "loras",  # WanGP
)
# The same of models, their text encoders and their VAEs. Which is which, the files say.
KNOWN_MODEL_FOLDERS = (
    "models/diffusion_models",  # ComfyUI
    "models/unet",
    "models/text_encoders",
    "models/clip",
    "models/vae",
    "models/VAE",  # Forge
    "models/text_encoder",
    "Models/diffusion_models",  # SwarmUI
    "Models/unet",
    "Models/clip",
    "Models/VAE",
    "Models/DiffusionModels",  # the shared folder of Stability Matrix
    "Models/Unet",
    "Models/TextEncoders",
    "Data/Models/DiffusionModels",  # Stability Matrix
    "Data/Models/Unet",
    "Data/Models/TextEncoders",
    "Data/Models/VAE",
    "diffusion_models",  # the folder of ComfyUI's models itself
    "unet",
    "text_encoders",
    "clip",
    "vae",
    "ckpts",  # WanGP
)
# Where Wan's own layout keeps the experts, in shards with an index each.
EXPERT_FOLDERS = ("high_noise_model", "low_noise_model")
SHARDS = "diffusion_pytorch_model.safetensors.index.json"
_UNSET = re.compile(r"\$(?:\{\w+\}|\w+)|%\w+%")


@dataclass(frozen=True)
class ProgramFolders:
    """Folders of a program, with LoRAs and with models; the default ones first."""

    loras: tuple[Path, ...]
    models: tuple[Path, ...]


def program_folders(path: Path) -> ProgramFolders:
    """The folders that a YAML file names, or that are in a program's folder. One that is named is
    left out if only it is missing, not its base.

    Raises ValueError, which says what is wrong with the file.
    """
    loras, models = (
        tuple(
            dict.fromkeys(_in_program(path, known, keys) if path.is_dir() else _in_file(path, keys))
        )
        for known, keys in ((KNOWN_FOLDERS, KEYS), (KNOWN_MODEL_FOLDERS, MODEL_KEYS))
    )
    if path.is_dir() and is_wan_layout(path):
        models = (path, *models)
    if not loras and not models:
        if path.is_dir():
            known = ", ".join((*KNOWN_FOLDERS, *KNOWN_MODEL_FOLDERS))
            raise ValueError(say("extra_model_paths.no_program", path=path, known=known))
        raise ValueError(say("extra_model_paths.no_folders", path=path))
    for folders in (loras, models):
        if len(folders) > MAX_FOLDERS:
            raise ValueError(say("extra_model_paths.too_many", path=path, most=MAX_FOLDERS))
    return ProgramFolders(loras, models)


def is_wan_layout(folder: Path) -> bool:
    """Whether it is a model as Wan's own repositories have it, of one transformer or two."""
    return (folder / SHARDS).is_file() or all((folder / name).is_dir() for name in EXPERT_FOLDERS)


def _in_program(
    folder: Path, known_folders: tuple[str, ...], keys: tuple[str, ...]
) -> Iterator[Path]:
    there: list[Path] = []
    for known in known_folders:
        place = folder / known
        # Names that differ in case only are one folder on some systems.
        if place.is_dir() and not any(place.samefile(other) for other in there):
            there.append(place)
    yield from there
    if (folder / YAML_NAME).is_file():
        yield from _in_file(folder / YAML_NAME, keys)


def _in_file(path: Path, keys: tuple[str, ...]) -> Iterator[Path]:
    sections = _sections(_read(path), path)
    for default in (True, False):
        for section in sections:
            if (section.get("is_default") is True) is default:
                yield from _in_section(section, path, keys)


def _sections(content: Any, path: Path) -> list[Mapping[str, Any]]:
    if not isinstance(content, dict):
        raise ValueError(  # noqa: TRY004 - as other broken content
            say("extra_model_paths.no_sections", path=path)
        )
    if any(key in content for key in (*KEYS, *MODEL_KEYS)):
        return [content]  # the section's name was left out
    return [section for section in content.values() if isinstance(section, dict)]


def _in_section(section: Mapping[str, Any], path: Path, keys: tuple[str, ...]) -> Iterator[Path]:
    base = section.get("base_path")
    if base is not None and not isinstance(base, str):
        raise ValueError(say("extra_model_paths.base", path=path))
    top = path.parent / (_written_here(base, path) if base else "")
    for key in keys:
        for text in _texts(section.get(key), key, path):
            place = top / _written_here(text, path)
            # A disk that is away may come back; a folder that nobody made says nothing.
            if place.is_dir() or not top.is_dir():
                yield Path(os.path.normpath(place))


def _texts(value: Any, key: str, path: Path) -> Iterator[str]:
    """One path a line, or a list of them."""
    if value is None:
        return
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, str):
            raise ValueError(  # noqa: TRY004 - as other broken content
                say("extra_model_paths.paths", path=path, key=key)
            )
        lines = (line.strip() for line in item.splitlines())
        yield from (line for line in lines if line and not line.startswith("#"))


def _written_here(text: str, path: Path) -> Path:
    """A path of the file as this system writes it."""
    full = os.path.expandvars(text.strip())
    unset = _UNSET.search(full)
    if unset:
        raise ValueError(say("extra_model_paths.variable", path=path, variable=unset[0]))
    if "\0" in full:
        raise ValueError(say("extra_model_paths.impossible", path=path, folder=repr(full)))
    if os.name != "nt" and "\\" in full:
        windows = PureWindowsPath(full)
        if windows.drive:
            raise ValueError(say("extra_model_paths.windows", path=path, folder=full))
        full = windows.as_posix()
    elif os.name != "nt" and re.match(r"[A-Za-z]:/", full):
        raise ValueError(say("extra_model_paths.windows", path=path, folder=full))
    try:
        return Path(full).expanduser()
    except RuntimeError as error:
        raise ValueError(say("extra_model_paths.user", path=path, folder=full)) from error


def _read(path: Path) -> Any:
    try:
        return _loaded(_text(path))
    except OSError as error:
        raise ValueError(
            say("extra_model_paths.unreadable", path=path, reason=error.strerror or error)
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(say("extra_model_paths.encoding", path=path)) from error
    except RecursionError as error:
        raise ValueError(say("extra_model_paths.nested", path=path)) from error
    except (yaml.YAMLError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ValueError(
            say("extra_model_paths.yaml", path=path, reason=reason)
            if line is None
            else say("extra_model_paths.yaml_line", path=path, line=line + 1, reason=reason)
        ) from error


def _loaded(text: str) -> Any:
    if sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)) > MAX_ALIASES:
        raise yaml.YAMLError(say("extra_model_paths.aliases", most=MAX_ALIASES))
    return yaml.safe_load(text)


def _text(path: Path) -> str:
    """Of a regular file only, so that nothing is waited for."""
    descriptor = os.open(path, READ)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(say("extra_model_paths.not_regular"))
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(say("extra_model_paths.too_large", size=MAX_BYTES // 1000))
    return data.decode("utf-8-sig")
