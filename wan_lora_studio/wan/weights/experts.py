"""Experts: the transformers of a row, each with where its weights are and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.texts import say
from wan_lora_studio.wan.weights.load_errors import reading
from wan_lora_studio.wan.weights.matching import empty_transformer
from wan_lora_studio.wan.weights.part_sizes import parameter_bytes
from wan_lora_studio.wan.weights.refusals import unusable
from wan_lora_studio.wan.weights.storage import Storage
from wan_lora_studio.wan.weights.transformer_file import TransformerFile, match_transformer

EXPERTS: dict[str, Expert] = {"transformer": "high", "transformer_2": "low"}
WEIGHT_ENDINGS = (".safetensors", ".bin")


@dataclass(frozen=True)
class ExpertReader:
    """One transformer that can be read: `file` has its weights, or the folder, where it is None.

    What its header says has been matched with the model already.
    """

    name: str
    folder: Path
    file: TransformerFile | None
    storage: Storage

    def read(self) -> Any:
        """The transformer on the host, each time anew. Raises ModelLoadError."""
        if self.file is not None:
            return self.file.load(self.folder / self.name, self.storage)
        with reading(self.folder):
            model = diffusers.WanTransformer3DModel.from_pretrained(
                self.folder,
                subfolder=self.name,
                torch_dtype=self.storage.dtype,
                local_files_only=True,
            )
        return self.storage.narrow(model)

    @property
    def nbytes(self) -> int:
        """What its weights take in memory."""
        return parameter_bytes(self.empty())

    def empty(self) -> Any:
        """The same without values, for which there is no memory. Raises ModelLoadError."""
        if self.file is not None:
            return self.file.empty(self.folder / self.name, self.storage)
        with reading(self.folder):
            config = diffusers.WanTransformer3DModel.load_config(
                self.folder / self.name, local_files_only=True
            )
        return self.storage.empty(empty_transformer(config)).eval()


def expert_readers(
    entry: ModelEntry, folder: Path, files: Mapping[str, Path], dtype: torch.dtype
) -> dict[str, ExpertReader]:
    """A row's transformers by component, in the order in which they sample.

    `files` are weights in place of the folder's. All headers are read here, so that what is
    refused costs no reading. Raises ModelLoadError.
    """
    experts = {
        name: expert
        for name, expert in EXPERTS.items()
        if (folder / name / "config.json").is_file()
    }
    storage = Storage(entry.precision, dtype)
    storage.require()
    for name, expert in experts.items():
        if name not in files and not _has_weights(folder / name):
            raise _missing(folder / name, expert if len(experts) > 1 else None)
    found = {}
    for name, expert in experts.items():
        with reading(folder):
            config = diffusers.WanTransformer3DModel.load_config(
                folder / name, local_files_only=True
            )
        file = (
            match_transformer(files[name], config, expert if len(experts) > 1 else None)
            if name in files
            else _narrow_folder(folder / name, config, storage)
        )
        if file is not None and file.quantised and entry.precision != "bf16":
            raise unusable(
                files[name],
                say("wan.weights.quantised", precision=entry.precision),
                say("wan.weights.precision"),
            )
        found[name] = ExpertReader(name, folder, file, storage)
    return found


def _narrow_folder(
    folder: Path, config: Mapping[str, Any], storage: Storage
) -> TransformerFile | None:
    """The folder's own weights, to be made narrow one by one; None where diffusers reads them."""
    if storage.precision == "bf16" or not any(folder.glob("*.safetensors")):
        return None
    return match_transformer(folder, config, None)


def _has_weights(folder: Path) -> bool:
    return any(path.suffix in WEIGHT_ENDINGS for path in folder.iterdir())


def _missing(folder: Path, expert: Expert | None) -> ModelLoadError:
    return ModelLoadError(
        say("wan.weights.no_expert", expert=expert, folder=folder)
        if expert
        else say("wan.weights.no_transformer", folder=folder),
        suggestions=[
            say("wan.weights.name_expert", expert=expert)
            if expert
            else say("wan.weights.name_transformer"),
            say("wan.weights.download_folder"),
        ],
        context={"folder": str(folder)},
    )
