"""The routes of the grid's cards and of the details panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
from starlette.testclient import TestClient

from tests.support.loras.files import write_lora
from utils import Settings

SHOWN = ("verdict", "misfit", "reasons", "coverage")


def clip(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)


def test_a_verdict_is_said_once_and_found_again(client: TestClient, settings: Settings) -> None:
    for number in range(4):
        write_lora(settings.loras_dir / f"copy{number}.safetensors", metadata={"n": str(number)})
    whole = client.get("/api/loras").json()
    small = client.get("/api/loras/cards").json()
    assert len(small["fits"]) == 1
    for record, card in zip(whole["loras"], small["loras"], strict=True):
        for model, place in small["fits"][card["fit"]].items():
            expected: dict[str, Any] = record["verdicts"][model]
            shown = small["verdicts"][place]
            assert shown == {key: expected[key] for key in SHOWN}
        kept = {"name", "title", "status", "size_mb", "favourite", "metadata", "has_video"}
        assert {key: card[key] for key in kept - {"metadata"}} == {
            key: record[key] for key in kept - {"metadata"}
        }


def test_cards_that_have_not_changed_are_not_sent_again(
    client: TestClient, settings: Settings
) -> None:
    write_lora(settings.loras_dir / "one.safetensors")
    tag = client.get("/api/loras/cards").headers["etag"]
    assert client.get("/api/loras/cards", headers={"If-None-Match": tag}).status_code == 304
    client.post("/api/loras/delete", json={"name": "one"})
    answer = client.get("/api/loras/cards", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["loras"] == []


def test_a_long_description_is_cut_for_the_cards(client: TestClient, settings: Settings) -> None:
    write_lora(settings.loras_dir / "one.safetensors", metadata={"ss_training_comment": "x"})
    long = {"name": "one", "changes": {"description": "x" * 2000}}
    assert client.post("/api/loras/edit", json=long).status_code == 200
    said = client.get("/api/loras/cards").json()
    (card,) = said["loras"]
    assert len(card["metadata"]["description"]) == said["search"]["description"] < 2000


def test_the_video_beside_a_lora_is_played_from_its_route(
    client: TestClient, settings: Settings
) -> None:
    write_lora(settings.loras_dir / "moving.safetensors")
    write_lora(settings.loras_dir / "still.safetensors", metadata={"n": "2"})
    clip(settings.loras_dir / "moving.mp4")
    cards = {card["name"]: card for card in client.get("/api/loras/cards").json()["loras"]}
    assert {name: card["has_video"] for name, card in cards.items()} == {
        "moving": True,
        "still": False,
    }
    answer = client.get("/api/loras/video", params={"name": "moving"})
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == (settings.loras_dir / "moving.mp4").read_bytes()
    part = client.get("/api/loras/video?name=moving", headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert client.get("/api/loras/video", params={"name": "still"}).status_code == 404
    assert client.get("/api/loras/video", params={"name": "../moving"}).status_code == 404


def test_blocks_and_costs_are_told_for_a_model(client: TestClient, settings: Settings) -> None:
    write_lora(settings.loras_dir / "one.safetensors")
    found = client.get("/api/loras/blocks", params={"name": "one", "model": "t2v-A14B"}).json()
    assert found["estimate"]["file_mb"] > 0
    assert list(found["blocks"]) == ["high", "low"]
    assert len(found["blocks"]["high"]) == 40
    missing = client.get("/api/loras/blocks", params={"name": "none", "model": "t2v-A14B"})
    assert missing.status_code == 404


def test_cards_come_in_the_order_of_what_they_are_called(
    client: TestClient, settings: Settings
) -> None:
    for number, name in enumerate(["ink 10", "zzz", "Ink 2", "amber"]):
        write_lora(settings.loras_dir / f"{name}.safetensors", metadata={"n": str(number)})
    client.get("/api/loras/cards")
    client.post("/api/loras/edit", json={"name": "zzz", "changes": {"title": "ink 3"}})
    shown = client.get("/api/loras/cards").json()["loras"]
    assert [card["name"] for card in shown] == ["amber", "Ink 2", "zzz", "ink 10"]
