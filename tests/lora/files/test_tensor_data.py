"""Shapes of products, and tensor data that must be finite and not all zero."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.loras.files import (
    Tensors,
    musubi,
    random_tensors,
    write_safetensors,
)
from wan_lora_studio.errors import LoRAFileError
from wan_lora_studio.lora.files import tensor_data
from wan_lora_studio.lora.files.header import TensorEntry, read_header
from wan_lora_studio.lora.files.tensor_data import first_non_finite, validate_tensor_data
from wan_lora_studio.lora.inspection.shapes import matrix, mismatch, missing_half

SHAPES: dict[str, tuple[dict[str, tuple[int, ...]], tuple[int, int]]] = {
    "linear": ({"lora_down": (4, 6), "lora_up": (8, 4)}, (8, 6)),
    "conv": ({"lora_down": (4, 3, 1, 2, 2), "lora_up": (8, 4, 1, 1, 1)}, (8, 12)),
    "tucker": (
        {"lora_down": (4, 3, 1, 1, 1), "lora_mid": (4, 4, 1, 2, 2), "lora_up": (8, 4, 1, 1, 1)},
        (8, 12),
    ),
    "loha": (
        {f"hada_w{n}_{h}": s for n in "12" for h, s in (("a", (8, 2)), ("b", (2, 6)))},
        (8, 6),
    ),
    "lokr": ({"lokr_w1": (2, 3), "lokr_w2": (4, 2)}, (8, 6)),
    "lokr factors": (
        {"lokr_w1_a": (2, 1), "lokr_w1_b": (1, 3), "lokr_w2_a": (4, 1), "lokr_w2_b": (1, 2)},
        (8, 6),
    ),
    "lokr tucker": (
        {"lokr_w1": (2, 1), "lokr_t2": (2, 2, 1, 2, 2), "lokr_w2_a": (2, 4), "lokr_w2_b": (2, 3)},
        (8, 12),
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_of_products(kind: str) -> None:
    shapes, wanted = SHAPES[kind]
    assert missing_half(shapes) is None
    assert matrix(shapes) == wanted
    assert mismatch(shapes, wanted, None) is None
    assert mismatch(shapes, (wanted[0] + 1, wanted[1]), None)
    for part in shapes:
        assert missing_half({k: v for k, v in shapes.items() if k != part}) or part in (
            "lora_mid",
            "lokr_t2",
        )


@pytest.mark.parametrize(
    ("shapes", "match"),
    [
        ({"lora_down": (4, 6), "lora_up": (8, 5)}, "ranks differ"),
        ({"lora_down": (4,), "lora_up": (8, 4)}, "must be matrices"),
        ({"diff": (7, 6)}, "diff has 7×6"),
        ({"diff_b": (9,)}, "diff_b has 9"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "lora_up_bias": (7,)}, "bias has 7"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "dora_scale": (7,)}, "dora_scale has 7"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "alpha": (2,)}, "alpha has 2"),
        ({"dora_scale": (8,)}, "without the weights"),
        ({"lora_down": (4, 6), "lora_up": (8, 4), "lokr_w1": (1, 1)}, "on one layer"),
        ({"lokr_w1": (2, 2), "lokr_w1_a": (2, 1), "lokr_w2": (4, 3)}, "both full"),
    ],
)
def test_shapes_that_do_not_fit(shapes: dict[str, tuple[int, ...]], match: str) -> None:
    assert match in (mismatch(shapes, (8, 6), (8,)) or "")


def test_data_must_be_finite_and_not_all_zero(tmp_path: Path) -> None:
    def check(tensors: Tensors) -> None:
        path = write_safetensors(tmp_path / "d.safetensors", tensors)
        validate_tensor_data(path, read_header(path))

    good = random_tensors(musubi())
    check(good)
    key = "lora_unet_blocks_1_ffn_2.lora_up.weight"
    for bad in (np.nan, np.inf, -np.inf):
        broken = {**good, key: good[key].copy()}
        broken[key][-1, -1] = bad
        with pytest.raises(LoRAFileError, match="not finite") as caught:
            check(broken)
        assert caught.value.context["tensor"] == key
        with pytest.raises(LoRAFileError, match="not finite"):
            check({"a": np.array([1, bad], np.float16)})
    with pytest.raises(LoRAFileError, match="not finite"):
        check({"a": np.array([0x3F80, 0xFF81], np.uint16)})  # bf16: 1.0, NaN
    check({"a": np.array([0x3F80, 0x8000], np.uint16)})
    zeros = {k: v if k.endswith("alpha") else np.zeros_like(v) for k, v in good.items()}
    with pytest.raises(LoRAFileError, match="all weights are zero"):
        check(zeros)
    with pytest.raises(LoRAFileError, match="all weights are zero"):
        check({"a": np.array([-0.0], np.float32)})


def test_a_bad_number_is_found_wherever_a_thread_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tensor that holds one, with a run of neighbours cut among several threads."""
    monkeypatch.setattr(tensor_data, "SHARE_BYTES", 16)
    monkeypatch.setattr(tensor_data, "PIECE_BYTES", 8)
    good = np.arange(24, dtype=np.float32)
    ends = {"a": 5, "b": 12, "c": 24}
    starts = dict(zip(ends, (0, 5, 12), strict=True))
    entries = [
        TensorEntry(key, "F32", (end - starts[key],), 4 * starts[key], 4 * end)
        for key, end in ends.items()
    ]
    assert first_non_finite(good.tobytes(), entries) is None
    assert first_non_finite(b"", []) is None
    for place in range(24):
        broken = good.copy()
        broken[place:] = -np.inf
        first = next(key for key, end in ends.items() if place < end)
        assert first_non_finite(broken.tobytes(), entries[::-1]) == first


@pytest.mark.parametrize(("dtype", "nan"), [("F8_E4M3", 0xFF), ("F8_E5M2", 0x7D)])
def test_float8_data(tmp_path: Path, dtype: str, nan: int) -> None:
    for value, fine in ((0x38, True), (nan, False)):
        header = {"a": {"dtype": dtype, "shape": [2], "data_offsets": [0, 2]}}
        raw = json.dumps(header).encode()
        path = tmp_path / "f8.safetensors"
        path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes([0x10, value]))
        if fine:
            validate_tensor_data(path, read_header(path))
        else:
            with pytest.raises(LoRAFileError, match="not finite"):
                validate_tensor_data(path, read_header(path))
