"""Scaling: the factor that a LoRA's product is multiplied with, beyond the user's strength.

A key `<layer>.alpha` gives alpha / rank. Without it: peft's `adapter_config.json` beside the
file, or the same values in the header's `lora_adapter_metadata` (diffusers writes it); these
also say whether the scale is alpha / sqrt(rank) (rs-LoRA, arXiv 2312.03732). With neither,
alpha = rank, so the factor is 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import UnsupportedLoRAError
from wan_lora_studio.lora.inspection.layer_names import resolve_dotted
from wan_lora_studio.lora.names import is_lora_file
from wan_lora_studio.texts import say
from wan_lora_studio.units import MB
from wan_lora_studio.untrusted_json import read_object

CONFIG_NAME = "adapter_config.json"
MAX_CONFIG_BYTES = 4 * MB
# peft's `init_lora_weights` that subtract the first factors from the weights they are added to.
# Exported as a difference from the model itself, such a file says true instead.
CHANGED_BASES = ("pissa", "olora", "corda", "loftq", "lora_ga")


@dataclass(frozen=True)
class Scaling:
    """What a file says about its scale outside its tensors."""

    alpha: float | None = None
    rank_stabilised: bool = False
    patterns: dict[str, float] = field(default_factory=dict)
    full_rank: int | None = None  # the rank by which peft divides the alpha of a full LoKr

    def factor(self, module: str, rank: int | None, alpha: float | None) -> float:
        """The factor for a layer of this rank; `alpha` is the value of its own alpha key.

        `rank` None is a full LoKr, whose factor is 1 in LyCORIS.
        """
        if rank is None and self.full_rank is None:
            return 1.0
        rank = rank or self.full_rank or 1
        if alpha is not None:
            return alpha / rank
        alpha = self._configured(module)
        if alpha is None:
            return 1.0
        return alpha / math.sqrt(rank) if self.rank_stabilised else alpha / rank

    def _configured(self, module: str) -> float | None:
        # peft reads these names as regular expressions; those that are not plain layer names
        # are refused on reading.
        for pattern, value in self.patterns.items():
            if module == pattern or module.endswith(f".{pattern}"):
                return value
        return self.alpha

    def to_plain(self) -> dict[str, Any]:
        return {
            "alpha": self.alpha,
            "rank_stabilised": self.rank_stabilised,
            "patterns": self.patterns,
            "full_rank": self.full_rank,
        }

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> Scaling:
        alpha, stabilised = value["alpha"], value["rank_stabilised"]
        return cls(alpha, stabilised, dict(value["patterns"]), value["full_rank"])


def read_scaling(
    path: str | Path, metadata: Mapping[str, str], *, configured: bool = True
) -> Scaling:
    """The scaling of the file at `path` with this header metadata.

    `configured` False says that no configuration lies beside it, which spares looking for it.
    Raises UnsupportedLoRAError if an `adapter_config.json` beside it cannot be understood: guessing
    would apply the LoRA at a wrong strength.
    """
    config_file = config_of(Path(path)) if configured else None
    try:
        if config_file is not None:
            with config_file.open("rb") as file:
                return _from_config(read_object(file.read(MAX_CONFIG_BYTES + 1)))
        text = metadata.get("lora_adapter_metadata")
        return _from_saved(read_object(text)) if text else Scaling()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UnsupportedLoRAError(
            say("lora.inspection.scaling.not_understood", file=Path(path).name, problem=error),
            cause=say("lora.inspection.scaling.cause"),
            suggestions=[_how_to_correct(config_file)],
        ) from error


def _how_to_correct(config: Path | None) -> str:
    if config is not None:
        return say("lora.inspection.scaling.correct", config=CONFIG_NAME)
    return say("lora.inspection.scaling.export_again")


def check_config(data: bytes) -> None:
    """Raises ValueError, or another error, for a configuration that cannot be understood."""
    _from_config(read_object(data))


def config_of(path: Path) -> Path | None:
    """The configuration beside the file that speaks of it, if there is one."""
    config = path.parent / CONFIG_NAME
    return config if config.is_file() and _alone(path) else None


def _alone(path: Path) -> bool:
    """Whether a configuration in the file's folder can only be this file's."""
    if path.stem == "adapter_model":
        return True
    here = (other.name for other in path.parent.iterdir())
    return [name for name in here if is_lora_file(name)] == [path.name]


def _from_saved(values: Mapping[str, Any]) -> Scaling:
    """diffusers prefixes every entry with the component, `transformer_2.lora_alpha`."""
    components: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        found = re.match(r"(transformer(?:_2)?)\.", key)
        component = found[1] if found else ""
        components.setdefault(component, {})[key.removeprefix(f"{component}.")] = value
    scalings = [_from_config(own) for own in components.values()] or [Scaling()]
    if any(scaling != scalings[0] for scaling in scalings):
        raise ValueError(say("lora.inspection.scaling.two_ways"))
    return scalings[0]


def _from_config(values: Mapping[str, Any]) -> Scaling:
    start = str(values.get("init_lora_weights", "")).lower()
    if start.startswith(CHANGED_BASES):
        raise UnsupportedLoRAError(
            say("lora.inspection.scaling.changed_base", method=start),
            suggestions=[say("lora.inspection.scaling.convert")],
        )
    alpha = values.get("lora_alpha", values.get("alpha"))
    patterns = {
        _diffusers_name(str(name)): _finite(value)
        for name, value in (values.get("alpha_pattern") or {}).items()
    }
    full_rank = None
    if values.get("peft_type") == "LOKR":
        if values.get("rank_pattern") and alpha is not None:
            raise ValueError(say("lora.inspection.scaling.rank_pattern"))
        full_rank = int(values["r"]) if values.get("r") else None
    return Scaling(
        None if alpha is None else _finite(alpha),
        bool(values.get("use_rslora", False)),
        patterns,
        full_rank,
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(say("lora.inspection.scaling.alpha", value=value))
    return number


def _diffusers_name(name: str) -> str:
    name = re.sub(r"^\^|\$$", "", name).replace("\\.", ".")
    if not re.fullmatch(r"[\w.]+", name):
        raise ValueError(say("lora.inspection.scaling.expression", expression=name))
    found = resolve_dotted(name)
    return found[0] if found else name
