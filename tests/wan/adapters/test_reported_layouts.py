"""Files as people report them, as key tables for a tiny model: applied exactly, or refused by name.

`reported_layouts.json` has one entry for each; `{0-1}` in a key stands for both block numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.support.applying import TOLERANCE, apply, difference, item
from tests.support.loras.key_tables import spelled
from tests.support.loras.weights import ORIGINAL_NAMES, ORIGINAL_NORMS, ORIGINAL_ROOTS
from wan_lora_studio.errors import IncompatibleLoRAError, UnsupportedLoRAError
from wan_lora_studio.lora.inspection.architectures import architecture_from_config
from wan_lora_studio.lora.inspection.compatibility import judge
from wan_lora_studio.lora.inspection.inspector import inspect_lora, require_supported
from wan_lora_studio.wan.adapters.apply_mode import Mode

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("reported_layouts.json").read_text(encoding="utf-8")
)
DTYPES = {
    "F32": torch.float32,
    "F8_E4M3": torch.float8_e4m3fn,
    "U8": torch.uint8,
    "I8": torch.int8,
}
# What a refused file is called; all others are applied.
REFUSED = {
    "W14": "a layer replaced as a whole",
    "W30": "Stand-In",
    "W32": "scaled float8",
    "W34": "quanto",
    "W35": "float8 whose scales are missing",
    "W36a": "OFT is", "W36b": "OFT is", "W36c": "BOFT", "W36d": "GLoRA", "W36e": "IA3",
    "W37a": "OFT is", "W37b": "OFT is", "W37c": "BOFT", "W37d": "GLoRA", "W37e": "IA3",
}  # fmt: skip
FOR_VACE = "W31"
# (layers that are applied, layers that the file names) where those differ.
PARTLY = {"W04": (20, 21), "W12": (20, 24), "W15": (20, 24), "W16": (27, 36), "W17": (20, 21)}
CONFIG = {
    "num_attention_heads": 2, "attention_head_dim": 12, "out_channels": 16, "text_dim": 16,
    "freq_dim": 32, "ffn_dim": 32, "num_layers": 2,
}  # fmt: skip

_TO_DIFFUSERS = {
    **{
        theirs.replace(".", "_"): ours for ours, theirs in (ORIGINAL_NAMES | ORIGINAL_NORMS).items()
    },
    **{ours.replace(".", "_"): ours for ours in ORIGINAL_NAMES | ORIGINAL_NORMS},
    "diff_m": "scale_shift_table",
}
_ROOTS = {theirs.replace(".", "_"): ours for ours, theirs in ORIGINAL_ROOTS.items()}
_ROOTS["head_diff_m"] = "scale_shift_table"
_PARTS = (
    (r"\.lora_(?:A|down)(?:\.\w+)?(?:\.weight)?", "down"),
    (r"\.lora_(?:B|up)(?:\.\w+)?(?:\.weight)?", "up"),
    (r"\.alpha", "alpha"),
    (r"\.dora_scale", "dora"),
    (r"\.(lokr_w[12])", "{}"),
    (r"\.(?:w_norm|diff)", "weight"),
    (r"\.(?:b_norm|diff_b)", "bias"),
    (r"(?=\.diff_m)", "bare"),
)


def case_id(case: Mapping[str, Any]) -> str:
    return str(case["case"]).split()[0]


def tensors_of(case: Mapping[str, Any]) -> dict[str, Tensor]:
    """Random factors of the stated dtypes and shapes."""
    generator = torch.Generator().manual_seed(1)
    found = {}
    for form, (dtype, shape) in case["keys"].items():
        for key in spelled(form):
            if dtype in ("U8", "I8"):
                found[key] = torch.randint(0, 9, shape, generator=generator).to(DTYPES[dtype])
            else:
                scale = 0.3 if len(shape) else 1.0
                random = torch.randn(shape, generator=generator) * scale
                found[key] = random.to(DTYPES[dtype])
    return found


def module_of(stem: str) -> str | None:
    """The diffusers layer, told from the end of the name, whatever is before it."""
    flat = stem.replace(".", "_")
    match = re.search(r"(?<![a-z])blocks_(\d)_(.+)$", flat)
    if match and match[2] in _TO_DIFFUSERS:
        return f"blocks.{match[1]}.{_TO_DIFFUSERS[match[2]]}"
    return next((ours for theirs, ours in _ROOTS.items() if flat.endswith(theirs)), None)


def factors_of(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """module → part → values in float64."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        for pattern, part in _PARTS:
            match = re.search(rf"{pattern}$" if part != "bare" else pattern, key)
            module = module_of(key if part == "bare" else key[: match.start()]) if match else None
            if match and module:
                name = part.format(*match.groups())
                found.setdefault(module, {})[name] = value.double()
                break
    return found


def merged(
    weights: Mapping[str, Tensor], case: Mapping[str, Any], tensors: Any
) -> dict[str, Tensor]:
    """The weights with every layer's change, in float64."""
    result = {name: value.double() for name, value in weights.items()}
    for module, parts in factors_of(tensors).items():
        for part in ("weight", "bias"):
            place = f"{module}.{part}"
            if part in parts and place in result and parts[part].numel() == result[place].numel():
                result[place] = result[place] + parts[part].reshape(result[place].shape)
        if "bare" in parts:
            result[module] = result[module] + parts["bare"].reshape(result[module].shape)
        change = change_of(module, parts, case)
        if change is None or f"{module}.weight" not in result:
            continue
        base = result[f"{module}.weight"]
        new = base + change.reshape(base.shape)
        if "dora" in parts:
            new = parts["dora"] * new / new.norm(dim=1, keepdim=True)
        result[f"{module}.weight"] = new
    return result


def change_of(module: str, parts: Mapping[str, Tensor], case: Mapping[str, Any]) -> Tensor | None:
    if "lokr_w1" in parts:
        return torch.kron(parts["lokr_w1"], parts["lokr_w2"])
    if "down" not in parts:
        return None
    rank = len(parts["down"])
    scale = float(parts["alpha"]) / rank if "alpha" in parts else configured(module, rank, case)
    return scale * parts["up"].flatten(1) @ parts["down"].flatten(1)


def configured(module: str, rank: int, case: Mapping[str, Any]) -> float:
    """The scale that diffusers wrote into the header."""
    text = (case.get("header") or {}).get("lora_adapter_metadata")
    if text is None:
        return 1.0
    config = {key.removeprefix("transformer."): value for key, value in json.loads(text).items()}
    alpha = config["lora_alpha"]
    for pattern, value in config["alpha_pattern"].items():
        alpha = value if module.endswith(f".{pattern}") or module == pattern else alpha
    return float(alpha / (math.sqrt(rank) if config["use_rslora"] else rank))


def models(case: Mapping[str, Any]) -> Any:
    from diffusers import WanTransformer3DModel

    made = []
    for number, sizes in enumerate(case["model"]):
        torch.manual_seed(number)
        config: dict[str, Any] = {**CONFIG, **sizes, "patch_size": (1, 2, 2)}
        model = WanTransformer3DModel(**config, rope_max_seq_len=64).eval()
        made.append(model)
    return SimpleNamespace(transformer=made[0], transformer_2=made[1] if len(made) > 1 else None)


def output(model: Any) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        found: Tensor = model(
            hidden_states=torch.randn(1, 16, 2, 4, 4, generator=generator),
            timestep=torch.tensor([900.0]),
            encoder_hidden_states=torch.randn(1, 6, 16, generator=generator),
            return_dict=False,
        )[0]
    return found


@pytest.mark.parametrize(
    "case", [case for case in CASES if case_id(case) not in {FOR_VACE, *REFUSED}], ids=case_id
)
def test_what_is_applied_is_exact(case: dict[str, Any], mode: Mode, tmp_path: Path) -> None:
    tensors = tensors_of(case)
    path = tmp_path / case["file"]
    save_file(tensors, str(path), metadata=case.get("header"))
    info = inspect_lora(path, name_hint=case["file"])
    require_supported(info, path.name)
    pipeline = models(case)
    bare = {
        name: {key: value.clone() for key, value in model.state_dict().items()}
        for name in ("transformer", "transformer_2")
        if (model := getattr(pipeline, name)) is not None
    }
    wanted = models(case)
    for name, weights in bare.items():
        expert = "low" if name == "transformer_2" else "high"
        if len(bare) == 1 or info.expert in ("both", expert):
            getattr(wanted, name).load_state_dict(
                {key: value.float() for key, value in merged(weights, case, tensors).items()}
            )
    with apply(pipeline, [item("a", 1.0, **{info.expert: path})], mode) as stack:
        report = stack.loras["a"]
        for name in bare:
            found, goal = output(getattr(pipeline, name)), output(getattr(wanted, name))
            assert difference(found, goal) <= TOLERANCE
    touched = [c for c in report["coverage"].values() if c["total"]]
    matched, total = PARTLY.get(case_id(case), (touched[0]["total"],) * 2)
    assert touched == [{"matched": matched, "total": total}] * len(touched)
    config = {**CONFIG, **case["model"][0]}
    experts = ("high", "low")[: len(case["model"])]
    verdict = judge(
        {info.expert: info}, "tiny", architecture_from_config("t", "T", experts, config)
    )
    assert verdict.compatible
    assert verdict.to_dict()["coverage"] == report["coverage"]
    assert verdict.ignored.keys() == report["ignored"].keys()
    assert list(verdict.unknown) == report["unknown"]


@pytest.mark.parametrize("case", [case for case in CASES if case_id(case) == FOR_VACE], ids=case_id)
def test_what_is_for_vace_alone_says_so(case: dict[str, Any], mode: Mode, tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    save_file(tensors_of(case), str(path))
    info = inspect_lora(path)
    require_supported(info, path.name)
    architecture = architecture_from_config("t", "T", ("high",), {**CONFIG, **case["model"][0]})
    found = judge({"both": info}, "tiny", architecture)
    assert found.verdict == "no"
    assert "VACE" in " ".join(found.reasons)
    with (
        pytest.raises(IncompatibleLoRAError, match="VACE"),
        apply(models(case), [item("a", 1.0, both=path)], mode),
    ):
        pytest.fail("it was applied")


@pytest.mark.parametrize("case", [case for case in CASES if case_id(case) in REFUSED], ids=case_id)
def test_what_is_refused_is_named(case: dict[str, Any], mode: Mode, tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    save_file(tensors_of(case), str(path), metadata=case.get("header"))
    name = REFUSED[case_id(case)]
    with pytest.raises(UnsupportedLoRAError, match=name) as caught:
        require_supported(inspect_lora(path), path.name)
    assert "no key names a layer" not in caught.value.message
    with (
        pytest.raises(UnsupportedLoRAError, match=name),
        apply(models(case), [item("a", 1.0, both=path)], mode),
    ):
        pytest.fail("it was applied")
