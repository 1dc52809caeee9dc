"""Faster attention and compiled blocks: used where they work, and said where they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models import attention_dispatch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry
from torch import Tensor

from tests.support.machine.pretend_gpu import GB, PretendGPU
from tests.support.studio import Studio, decoded
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.models import Placing, speed
from wan_lora_studio.wan.models.loading import ModelManager

Attend = Callable[..., Tensor]


def native(**inputs: Any) -> Tensor:
    found: Tensor = _AttentionBackendRegistry._backends[AttentionBackendName.NATIVE](**inputs)
    return found


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Attend], list[int]]:
    """Have this stand for SageAttention; gives a list that grows with each call of it."""

    def install(attend: Attend) -> list[int]:
        calls: list[int] = []

        def counted(**inputs: Any) -> Tensor:
            calls.append(1)
            return attend(**inputs)

        monkeypatch.setattr(attention_dispatch, "_CAN_USE_SAGE_ATTN", True)
        sage = AttentionBackendName.SAGE
        monkeypatch.setitem(_AttentionBackendRegistry._backends, sage, counted)
        monkeypatch.setitem(_AttentionBackendRegistry._constraints, sage, [])
        monkeypatch.setitem(
            _AttentionBackendRegistry._supported_arg_names,
            sage,
            _AttentionBackendRegistry._supported_arg_names[AttentionBackendName.NATIVE],
        )
        monkeypatch.setattr(
            _AttentionBackendRegistry,
            "_active_backend",
            _AttentionBackendRegistry._active_backend,
        )
        return calls

    return install


def studio_with(studio_settings: Settings, folder: Path, **changes: Any) -> Studio:
    own = studio_settings.model_copy(update={"outputs_dir": folder, "data_dir": folder, **changes})
    return Studio(own, ModelManager(own))


def test_what_is_asked_for_nothing_is_as_it_was(studio_settings: Settings, tmp_path: Path) -> None:
    studio = studio_with(studio_settings, tmp_path)
    model = studio.models.load("t2v")
    assert model.speed == speed.Speed("native", compiled=False, remarks=())


@pytest.mark.parametrize("attention", ["flash", "flash_3", "sage", "xformers"])
def test_attention_that_is_not_installed_is_said_and_the_video_is_made(
    attention: str, studio_settings: Settings, tmp_path: Path
) -> None:
    studio = studio_with(studio_settings, tmp_path, attention=attention)
    told: list[tuple[str, ...]] = []
    result = studio.run(steps=1, on_progress=lambda progress: told.append(progress.notes))
    assert len(told[-1]) == 1, "once"
    assert "torch's own" in told[-1][0] and "not usable" in told[-1][0]
    assert read_metadata(Path(result.video_path))["environment"]["attention"] == "native"


def test_attention_that_works_is_used_and_named(
    installed: Callable[[Attend], list[int]], studio_settings: Settings, tmp_path: Path
) -> None:
    calls = installed(native)
    studio = studio_with(studio_settings, tmp_path, attention="sage")
    result = studio.run(steps=2, selected_loras={"lokr": 0.5})
    assert len(calls) > 1, "beyond the trial"
    assert read_metadata(Path(result.video_path))["environment"]["attention"] == "sage"
    plain = studio_with(studio_settings, tmp_path / "plain")
    wanted = plain.run(steps=2, selected_loras={"lokr": 0.5})
    assert np.array_equal(decoded(result.video_path), decoded(wanted.video_path))


@pytest.mark.parametrize(
    "attend",
    [
        lambda **inputs: native(**inputs) * float("nan"),
        lambda **inputs: native(**inputs) + 1,
        lambda **inputs: native(**inputs)[0],
    ],
    ids=["NaN", "wrong", "another shape"],
)
def test_attention_that_gives_wrong_numbers_is_not_used(
    attend: Attend,
    installed: Callable[[Attend], list[int]],
    studio_settings: Settings,
    tmp_path: Path,
) -> None:
    calls = installed(attend)
    studio = studio_with(studio_settings, tmp_path, attention="sage")
    model = studio.models.load("t2v")
    tried = len(calls)
    assert model.speed.attention == "native" and "torch's own" in model.speed.remarks[0]
    studio.run(steps=1)
    assert len(calls) == tried


def test_compiled_blocks_make_the_same_video_with_each_lora(
    studio_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: eager(self, backend="eager"))
    compiled = studio_with(studio_settings, tmp_path / "compiled", compile_blocks=True)
    plain = studio_with(studio_settings, tmp_path / "plain")
    assert compiled.models.load("t2v").speed.compiled
    for selection in ({}, {"lokr": 0.5}, {"accelerator": 1.0, "lokr": [[0.0, 1.0], [0.5, 0.2]]}):
        found, wanted = (each.run(steps=2, selected_loras=selection) for each in (compiled, plain))
        distance = np.abs(
            decoded(found.video_path).astype(int) - decoded(wanted.video_path).astype(int)
        )
        assert distance.max() <= 1, selection  # merged there, and beside the weights here
        assert all(report["mode"] == "merge" for report in found.loras.values())
        assert read_metadata(Path(found.video_path))["environment"]["compiled"] is True


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"offload": "group", "device": "cuda"}, "do not stay on the GPU"),
        ({"first_block_cache": 0.1}, "first-block cache"),
    ],
)
def test_blocks_that_cannot_be_compiled_are_said(
    changes: dict[str, Any],
    reason: str,
    studio_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "device" in changes:
        PretendGPU(monkeypatch, 8 * GB)
    studio = studio_with(studio_settings, tmp_path, compile_blocks=True, **changes)
    found = studio.models.load("t2v").speed
    assert not found.compiled and reason in found.remarks[0]


def test_quantised_blocks_are_not_compiled(studio_settings: Settings, tmp_path: Path) -> None:
    rows = dict(studio_settings.models)
    rows["t2v"] = rows["t2v"].model_copy(update={"precision": "fp8"})
    studio = studio_with(studio_settings, tmp_path, compile_blocks=True, models=rows)
    found = studio.models.load("t2v").speed
    assert not found.compiled and "quantised" in found.remarks[0]


def test_a_machine_without_a_compiler_is_said(
    studio_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("Compiler: cl is not found.\nmore")

    monkeypatch.setattr(torch.nn.Module, "compile", fail)
    studio = studio_with(studio_settings, tmp_path, compile_blocks=True)
    found = studio.models.load("t2v").speed
    assert found.remarks == ("The model's blocks are not compiled: Compiler: cl is not found.",)


def test_a_model_whose_parts_go_to_the_host_is_not_compiled_any_more(
    studio_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PretendGPU(monkeypatch, 100 * GB)
    eager = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: eager(self, backend="eager"))
    studio = studio_with(studio_settings, tmp_path, compile_blocks=True, device="cuda")
    model = studio.models.load("t2v")
    assert model.speed.compiled
    assert studio.models.offload(model, "group")
    assert not model.speed.compiled
    with studio.loras.applied(model.pipeline, {"lokr": 0.5}) as stack:
        assert stack.mode == "runtime"
    assert studio.models.place(model, Placing("none"))
    assert model.speed.compiled
