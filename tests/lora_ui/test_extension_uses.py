"""LoRAs on a host's pipeline: applied, told on the cards, counted, one owner at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from starlette.testclient import TestClient

from lora_ui.extension import LoRAExtension
from tests.support.applying import shapes_of, two_experts
from tests.support.loras.weights import diffusion_model, lora_file
from tests.support.result_files import metadata, write_video
from wan_lora_studio.errors import GenerationError, InUseError, LoRAError, LoRANotFoundError

BOTH = {"high": 0.5, "low": -1.0}
FADING = {"high": [[0.0, 1.0], [0.5, 0.0]], "low": 0.0}


@pytest.fixture
def pipe() -> Any:
    return two_experts()


@pytest.fixture
def lora(pipe: Any, tmp_path: Path) -> LoRAExtension:
    folder = tmp_path / "loras"
    folder.mkdir()
    lora_file(shapes_of(pipe), diffusion_model).save(folder / "style.safetensors")
    return LoRAExtension(folder, pipeline=pipe)


@pytest.fixture
def http(lora: LoRAExtension) -> TestClient:
    app = FastAPI()
    lora.attach(app)
    return TestClient(app, base_url=f"http://host/lora-studio/{lora.key}")


def weights(pipe: Any) -> list[torch.Tensor]:
    experts = (pipe.transformer, pipe.transformer_2)
    return [value.clone() for model in experts for value in model.state_dict().values()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def card(http: TestClient, name: str = "style") -> dict[str, Any]:
    cards = http.get("/api/loras/cards").json()["loras"]
    return next(dict(card) for card in cards if card["name"] == name)


@pytest.mark.parametrize("mode", ["merge", "runtime"])
def test_what_is_picked_is_in_force_inside_and_gone_outside(
    mode: Any, lora: LoRAExtension, pipe: Any
) -> None:
    before = weights(pipe)
    with lora.applied(pipe, {"style": BOTH}, mode) as report:
        assert report.mode == mode
        assert report.loras["style"]["strengths"] == BOTH
        assert report.loras["style"]["coverage"]["high"]["matched"] > 0
        assert mode == "runtime" or not same(weights(pipe), before)
    assert same(weights(pipe), before)


def test_schedules_go_by_fractions(lora: LoRAExtension, pipe: Any) -> None:
    with lora.applied(pipe, {"style": FADING}) as report:
        assert report.held()["style"]["strength"] == {"high": 1.0, "low": 0.0}
        report.at_fraction(0.75)
        assert report.held()["style"]["strength"] == {"high": 0.0, "low": 0.0}


@pytest.mark.parametrize("picked", [None, {}])
def test_nothing_picked_changes_nothing_but_owns_the_pipeline(
    picked: Any, lora: LoRAExtension, pipe: Any
) -> None:
    before = weights(pipe)
    with lora.applied(pipe, picked) as report:
        assert report.loras == {} and same(weights(pipe), before)
        with pytest.raises(InUseError), lora.applied(pipe, {"style": 1.0}):
            pass


def test_the_cards_say_what_is_applied_now(
    lora: LoRAExtension, pipe: Any, http: TestClient
) -> None:
    with lora.applied(pipe, {"style": BOTH}):
        told = http.get("/api/status").json()["loras"]
        assert told == {"style": {"state": "applied", "strength": BOTH}}
        assert lora.loras.record("style")["is_applied"]
    after = http.get("/api/status").json()["loras"]
    assert after == {} and not lora.loras.record("style")["is_applied"]


def test_a_use_is_counted_with_its_strength_and_is_recent(
    lora: LoRAExtension, pipe: Any, http: TestClient
) -> None:
    assert card(http)["use_count"] == 0
    with lora.applied(pipe, {"style": BOTH}):
        pass
    used = card(http)
    assert used["use_count"] == 1 and used["last_strength"] == BOTH
    assert http.get("/api/loras/cards").json()["recent"] == ["style"]


def test_what_failed_inside_is_not_counted(
    lora: LoRAExtension, pipe: Any, http: TestClient
) -> None:
    with pytest.raises(ZeroDivisionError), lora.applied(pipe, {"style": 1.0}):
        raise ZeroDivisionError
    assert card(http)["use_count"] == 0
    assert http.get("/api/status").json()["loras"] == {}


def test_a_lora_that_cannot_be_applied_says_so_until_it_is_used(
    lora: LoRAExtension, pipe: Any, http: TestClient
) -> None:
    wide = {name: tuple(2 * size for size in shape) for name, shape in shapes_of(pipe).items()}
    lora_file(wide, diffusion_model).save(lora.loras.root / "other.safetensors")
    before = weights(pipe)
    with pytest.raises(LoRAError, match="other"), lora.applied(pipe, {"other": 1.0}):
        pass
    assert same(weights(pipe), before)
    told = http.get("/api/status").json()["loras"]
    assert told["other"]["state"] == "failed" and "other" in told["other"]["reason"]
    with pytest.raises(LoRANotFoundError), lora.applied(pipe, {"gone": 1.0}):
        pass
    with pytest.raises(GenerationError), lora.applied(pipe, {"style": "much"}):
        pass


def test_the_pipeline_has_one_owner_at_a_time(lora: LoRAExtension, pipe: Any) -> None:
    entered, leave, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with lora.applied(pipe, {"style": 1.0}):
            entered.set()
            leave.wait()
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with pytest.raises(InUseError), lora.applied(pipe, {"style": 0.5}, wait=False):
        pass
    assert lora.sub_app  # the page is served all the time
    leave.set()
    with lora.applied(pipe, {"style": 0.5}):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_a_generator_keeps_its_turn_from_thread_to_thread(lora: LoRAExtension, pipe: Any) -> None:
    """As Gradio runs one: each part in a thread of its pool, which may serve others between."""

    def event() -> Iterator[str]:
        with lora.applied(pipe, {"style": BOTH}) as report:
            yield "started"
            assert report.held()["style"]["strength"] == BOTH
            yield "made"

    before, parts = weights(pipe), event()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, next, parts).result() == "started"
        # The same thread, for somebody else; and one that waits when that thread is gone.
        with pytest.raises(InUseError, match="is in use:"):
            pool.submit(copy_context().run, at_once, lora, pipe).result()
    with ThreadPoolExecutor(1) as others:
        waiting = others.submit(order_of, lora, pipe)
        assert next(parts) == "made"
        assert list(parts) == [] and waiting.result() == ["style"]
    assert same(weights(pipe), before)


def test_async_functions_never_wait_for_each_other(lora: LoRAExtension, pipe: Any) -> None:
    async def event() -> str:
        with lora.applied(pipe, {"style": 1.0}):
            await asyncio.sleep(0)  # as for the pipeline, in a thread of its own
            return "made"

    async def two() -> list[str | BaseException]:
        return await asyncio.gather(event(), event(), return_exceptions=True)

    first, second = asyncio.run(two())
    assert first == "made"
    assert isinstance(second, InUseError)
    assert "asyncio.to_thread" in second.suggestions[0]


def at_once(lora: LoRAExtension, pipe: Any) -> None:
    with lora.applied(pipe, {}, wait=False):
        pytest.fail("somebody else has the pipeline")


def order_of(lora: LoRAExtension, pipe: Any) -> list[str]:
    with lora.applied(pipe, {"style": 1.0}) as report:
        return list(report.loras)


def test_a_pipeline_that_is_used_tells_of_the_model(lora: LoRAExtension, pipe: Any) -> None:
    late = LoRAExtension(lora.loras_dir, name="late")
    verdict = late.loras.explain_compatibility("style", late.loras.settings.default_model)
    assert verdict.verdict == "unknown"
    with late.applied(pipe, {"style": 1.0}):
        pass
    verdict = late.loras.explain_compatibility("style", late.loras.settings.default_model)
    assert verdict.verdict == "fits"


def test_the_hosts_videos_are_shown(lora: LoRAExtension, tmp_path: Path) -> None:
    made = write_video(tmp_path, "made", metadata())
    asked: list[str] = []

    def results(name: str) -> list[Path]:
        asked.append(name)
        return [made, tmp_path / "gone.mp4"] if name in ("", "style") else []

    host, app = LoRAExtension(lora.loras_dir, name="videos", results=results), FastAPI()
    host.attach(app)
    http = TestClient(app, base_url=f"http://host/lora-studio/{host.key}")
    found = http.get("/api/results", params={"lora": "style"}).json()
    (video,) = found["results"]
    assert (video["prompt"], video["poster_url"]) == ("made.mp4", None) and asked == ["style"]
    answer = http.get(f"/{video['video_url']}")
    assert answer.headers["content-type"] == "video/mp4" and answer.content == made.read_bytes()
    taken = http.put("/api/loras/thumbnail", params={"name": "style", "result": video["id"]})
    assert taken.json()["ok"]
    assert http.get("/api/results", params={"lora": "other"}).json()["results"] == []
    assert http.get("/api/results/unknown/video").status_code == 404


def test_without_videos_nothing_asks_for_them(http: TestClient) -> None:
    assert http.get("/api/results").status_code == 404
