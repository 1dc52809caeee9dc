"""diffusers with peft, driven as its documentation says: one WanPipeline around the experts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wan_lora_studio.lora.roles import Expert

COMPONENTS: Mapping[Expert, str] = {"high": "transformer", "low": "transformer_2"}


@contextmanager
def quiet() -> Iterator[None]:
    """Without diffusers' log lines and peft's warnings: what they say is counted here."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


class DiffusersSide:
    """The pipeline's LoRA calls. LoRAs are named by opaque words without a dot."""

    def __init__(self, transformer: Any, transformer_2: Any = None) -> None:
        from diffusers import WanPipeline

        with quiet():
            self.pipeline = WanPipeline(
                tokenizer=None,
                text_encoder=None,
                vae=None,
                scheduler=None,
                transformer=transformer,
                transformer_2=transformer_2,
            )

    def load(self, name: str, path: Path, expert: Expert = "high") -> None:
        """Read a file and inject its layers into one expert."""
        with quiet():
            self.pipeline.load_lora_weights(
                str(path.parent),
                weight_name=path.name,
                adapter_name=name,
                load_into_transformer_2=expert == "low",
            )

    def set(self, strengths: Mapping[str, float | Mapping[Expert, float]]) -> None:
        """Activate these LoRAs at these strengths."""
        weights = [
            value
            if isinstance(value, int | float)
            else {COMPONENTS[expert]: strength for expert, strength in value.items()}
            for value in strengths.values()
        ]
        with quiet():
            self.pipeline.set_adapters(list(strengths), weights)

    def apply(self, files: Mapping[str, Path], strength: float = 1.0) -> None:
        """Load files into the first expert and activate all of them."""
        for name, path in files.items():
            self.load(name, path)
        self.set(dict.fromkeys(files, strength))

    def fuse(self, names: Sequence[str]) -> None:
        with quiet():
            self.pipeline.fuse_lora(components=["transformer"], adapter_names=list(names))

    def unfuse(self) -> None:
        with quiet():
            self.pipeline.unfuse_lora(components=["transformer"])

    def delete(self, *names: str) -> None:
        with quiet():
            self.pipeline.delete_adapters(list(names))

    def experts_with(self, name: str) -> frozenset[str]:
        """The components that have layers of this LoRA."""
        listed: Mapping[str, Sequence[str]] = self.pipeline.get_list_adapters()
        return frozenset(component for component, names in listed.items() if name in names)

    def unload(self) -> None:
        """Take every LoRA out, with the modules that held them."""
        with quiet():
            self.pipeline.unload_lora_weights()


def read_state_dict(path: Path) -> object:
    """Read a file and convert its keys, as the first half of `load_lora_weights` does."""
    from diffusers.loaders.lora_pipeline import WanLoraLoaderMixin

    with quiet():
        return WanLoraLoaderMixin.lora_state_dict(str(path.parent), weight_name=path.name)
