"""The routes of the gallery and of settings read from files, over real videos."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from tests.support.foreign_files import INFOTEXT, two_samplers
from tests.support.foreign_files import png as png_with
from tests.support.loras.files import write_lora
from tests.support.result_files import WANGP, metadata, task, write_video
from utils import GenerationTask, JobQueue, LoRAManager, ResultLibrary, Settings, load_settings
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.ui.forms.input_pictures import PictureStore
from wan_lora_studio.ui.http.restore import create_restore_router
from wan_lora_studio.ui.http.results import create_result_router
from wan_lora_studio.ui.http.trash import create_trash_router
from wan_lora_studio.wan.models.identity import ModelIdentity


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    return load_settings(**folders)


@pytest.fixture
def loras(settings: Settings) -> LoRAManager:
    return LoRAManager(settings)


@pytest.fixture
def queue(settings: Settings) -> Iterator[JobQueue]:
    queue = JobQueue(settings)
    yield queue
    queue.close()


@pytest.fixture
def client(settings: Settings, loras: LoRAManager, queue: JobQueue) -> Iterator[TestClient]:
    results = ResultLibrary(settings)
    pictures = PictureStore(settings.data_dir / "pictures")
    app = FastAPI()
    app.include_router(create_restore_router(settings, loras, results, pictures))
    app.include_router(create_trash_router(results))
    app.include_router(create_result_router(results, queue, loras, pictures))
    with TestClient(app) as client:
        yield client
    results.close()


def png(size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, "PNG")
    return data.getvalue()


def test_a_result_with_its_pictures_and_its_task(client: TestClient, settings: Settings) -> None:
    loras = {"neon": {"sha256": "a" * 64}}
    write_video(settings.outputs_dir, "a", metadata(loras, selected_loras={"neon": 0.5}))
    page = client.get("/api/results").json()
    assert (page["total"], page["next"]) == (1, None)
    item = page["results"][0]
    assert (item["id"], item["loras"], item["favourite"]) == ("task-1", ["neon"], False)
    assert client.get(item["poster_url"]).headers["content-type"] == "image/jpeg"
    answer = client.get(item["video_url"], headers={"Range": "bytes=0-9"})
    assert (answer.status_code, len(answer.content)) == (206, 10)
    details = client.get("/api/results/task-1").json()
    assert details["task"]["seed"] == 7
    assert details["result"]["loras"] == loras
    saved = client.get("/api/results/task-1/video", params={"download": True})
    assert saved.headers["content-disposition"] == 'attachment; filename="a.mp4"'


def test_filters_pages_and_marks(client: TestClient, settings: Settings) -> None:
    for number in range(5):
        write_video(settings.outputs_dir, f"v{number}", metadata(id=f"v{number}", seed=number))
    first = client.get("/api/results", params={"limit": 2}).json()
    rest = client.get("/api/results", params={"cursor": first["next"]}).json()
    assert len(first["results"]) + len(rest["results"]) == 5
    marked = client.patch("/api/results/v3", json={"favourite": True}).json()
    assert marked["favourite"]
    found = client.get("/api/results", params={"favourite": True}).json()
    assert [item["id"] for item in found["results"]] == ["v3"]
    filters = client.get("/api/results/filters").json()
    assert filters["models"] == ["demo"]
    before = filters["revision"]
    client.delete("/api/results/v3")
    assert client.get("/api/results/filters").json()["revision"] > before


def test_results_are_found_by_their_ids_and_say_whose_grid_they_are_of(
    client: TestClient, settings: Settings, queue: JobQueue
) -> None:
    parts = [Part(f"seed {seed}", {"seed": seed}) for seed in (1, 2)]
    job = queue.submit(GenerationTask(model_type="demo", prompt="a red circle"), parts=parts)
    ids = [part.id for part in job.parts]
    for number, task_id in enumerate([*ids, "alone"]):
        write_video(settings.outputs_dir, f"v{number}", metadata(id=task_id, seed=number))
    every = client.get("/api/results").json()["results"]
    assert {item["id"]: item["grid"] for item in every} == {
        ids[0]: job.id,
        ids[1]: job.id,
        "alone": None,
    }
    some = client.get("/api/results", params={"id": [ids[1], "gone"]}).json()
    assert [item["id"] for item in some["results"]] == [ids[1]]
    assert some["total"] == 1
    assert client.get(f"/api/results/{ids[0]}").json()["grid"] == job.id


def test_delete_and_undo(client: TestClient, settings: Settings) -> None:
    write_video(settings.outputs_dir, "a", metadata())
    assert client.delete("/api/results/task-1").json() == {"id": "task-1"}
    for path in ("task-1", "task-1/video", "task-1/poster", "task-1/settings"):
        answer = client.get(f"/api/results/{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]["suggestions"]
    assert client.post("/api/results/task-1/undo").json()["id"] == "task-1"
    assert client.get("/api/results/task-1/video").status_code == 200
    assert client.post("/api/results/task-1/undo").status_code == 404


def test_a_path_is_no_id(client: TestClient, settings: Settings) -> None:
    write_video(settings.outputs_dir, "a", metadata())
    for wrong in ("a.mp4", "..%2Fdata", "%00", "a" * 5000):
        assert client.get(f"/api/results/{wrong}").status_code == 404


def test_the_folder_is_told_to_who_is_not_at_this_machine(
    client: TestClient, settings: Settings
) -> None:
    video = write_video(settings.outputs_dir, "a", metadata())
    answer = client.post("/api/results/task-1/open").json()
    assert answer == {"opened": False, "path": str(video.resolve())}


def test_the_last_frame_becomes_an_input(client: TestClient, settings: Settings) -> None:
    write_video(settings.outputs_dir, "a", metadata())
    picture = client.post("/api/results/task-1/last-frame").json()
    assert (picture["width"], picture["height"]) == (32, 32)
    answer = client.get(f"/api/pictures/{picture['id']}")
    with Image.open(io.BytesIO(answer.content)) as frame:
        red, _, blue = frame.getpixel((28, 16))  # the bar has come this far in the last frame only
    assert red > 150 > blue


def test_settings_of_a_result_and_of_a_file_are_the_same(
    client: TestClient, settings: Settings, loras: LoRAManager
) -> None:
    file = write_lora(settings.loras_dir / "neon.safetensors")
    loras.refresh()
    reports = {"old_name": {"sha256": loras.sha256("neon")["both"]}, "gone": {"sha256": "b" * 64}}
    chosen = {"old_name": {"high": 0.8, "low": 0.2}, "gone": 1.0}
    video = write_video(settings.outputs_dir, "a", metadata(reports, selected_loras=chosen))
    found = client.get("/api/results/task-1/settings").json()
    assert file.is_file()
    assert found["fields"] == {k: v for k, v in task().items() if k not in ("id", "selected_loras")}
    assert found["selected_loras"] == {"neon": {"high": 0.8, "low": 0.2}}
    assert found["missing"] == [
        {"name": "gone", "sha256": {"both": "b" * 64}, "hashes": [], "strength": 1.0}
    ]
    for path in (video, video.with_suffix(".json")):
        answer = client.put("/api/results/read", content=path.read_bytes())
        assert answer.json() == found


def test_another_file_of_the_same_name_is_told_although_it_was_not_hashed_yet(
    client: TestClient, settings: Settings, loras: LoRAManager
) -> None:
    write_lora(settings.loras_dir / "neon.safetensors")
    loras.refresh()
    data = metadata({"neon": {"sha256": "b" * 64}}, selected_loras={"neon": 1.0})
    found = client.put("/api/results/read", content=json.dumps(data)).json()
    assert found["found"][0]["differs"]
    assert "neon is a different file" in found["notes"][0]


def test_what_was_different_in_the_run_is_told(client: TestClient, settings: Settings) -> None:
    report = {"outcome": "skipped", "reason": "memory ran out", "sha256": "b" * 64}
    data = metadata({"neon": report}, selected_loras={"neon": 1.0})
    model = {"fingerprint": ModelIdentity.of(settings.model_folder("demo")).fingerprint}
    found = client.put("/api/results/read", content=json.dumps({**data, "model": model})).json()
    assert (found["selected_loras"], found["missing"]) == ({}, [])
    assert len(found["notes"]) == 1 and "neon was left out" in found["notes"][0]
    model = {"fingerprint": "c" * 64}
    found = client.put("/api/results/read", content=json.dumps({**data, "model": model})).json()
    assert any("other files of" in note for note in found["notes"])


def test_a_lora_is_found_under_the_name_it_had_then(
    client: TestClient, settings: Settings, loras: LoRAManager
) -> None:
    write_lora(settings.loras_dir / "neon.safetensors")
    loras.refresh()
    reports = {"neon": {"sha256": loras.sha256("neon")["both"]}}
    write_video(settings.outputs_dir, "a", metadata(reports, selected_loras={"neon": 1.0}))
    write_video(settings.outputs_dir, "b", metadata(id="task-2"))
    loras.rename_lora_file("neon", "glow")
    for name, count in (("neon", 1), ("glow", 1), ("other", 0)):
        assert client.get("/api/results", params={"lora": name}).json()["total"] == count


def test_wangp_settings_are_read(client: TestClient) -> None:
    answer = client.put("/api/results/read", content=json.dumps(WANGP)).json()
    assert (answer["source"], answer["fields"]["steps"]) == ("wangp", 30)
    assert [item["name"] for item in answer["missing"]] == ["style_HIGH", "style_LOW"]


def test_a_comfyui_picture_says_what_it_is_and_finds_its_loras(
    client: TestClient, settings: Settings, loras: LoRAManager
) -> None:
    write_lora(settings.loras_dir / "style_HIGH.safetensors", seed=1)
    write_lora(settings.loras_dir / "style_LOW.safetensors", seed=2)
    loras.refresh()
    answer = client.put("/api/results/read", content=png_with(prompt=two_samplers())).json()
    assert (answer["source"], answer["what"]) == ("comfyui", "A ComfyUI workflow")
    assert answer["fields"]["prompt"] == "a lighthouse in a storm"
    assert answer["selected_loras"] == {"style": {"high": 0.9, "low": 0.7}}
    assert answer["missing"] == [{"name": "both", "sha256": {}, "hashes": [], "strength": 0.5}]


def test_an_input_picture_says_what_settings_it_carries(client: TestClient) -> None:
    for content, carries in ((png_with(parameters=INFOTEXT), "A1111 settings"), (png((4, 4)), "")):
        assert client.put("/api/pictures", content=content).json()["carries"] == carries


def test_a1111s_loras_are_found_by_the_beginning_of_their_hash(
    client: TestClient, settings: Settings, loras: LoRAManager
) -> None:
    write_lora(settings.loras_dir / "renamed.safetensors", metadata={"sshs_model_hash": "c" * 64})
    write_lora(settings.loras_dir / "other.safetensors", seed=2)
    loras.refresh()
    by_file = INFOTEXT.replace("a" * 12, loras.sha256("other")["both"][:10])
    by_tensors = by_file.replace("b" * 12, "c" * 12)
    answer = client.put("/api/results/read", content=png_with(parameters=by_tensors)).json()
    assert answer["what"] == "A1111 settings"
    assert answer["selected_loras"] == {"other": 0.8, "renamed": 0.5}
    assert [item["by"] for item in answer["found"]] == ["hash", "hash"]


@pytest.mark.parametrize("content", [b"", b"junk", b"{}", png((4, 4))])
def test_a_file_without_settings_is_explained(client: TestClient, content: bytes) -> None:
    answer = client.put("/api/results/read", content=content)
    assert answer.status_code == 422
    assert "settings" in answer.json()["error"]["message"]


def test_a_file_that_is_too_large_is_refused_before_it_comes(client: TestClient) -> None:
    headers = {"Content-Length": str(2 * 10**9)}
    answer = client.put("/api/results/read", content=b"", headers=headers)
    assert answer.status_code == 413


def test_the_input_picture_comes_back_if_the_app_kept_it(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    kept = settings.data_dir / "inputs" / "x.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(png((40, 20)))
    elsewhere = tmp_path / "private.png"
    elsewhere.write_bytes(png((40, 20)))
    found = client.put("/api/results/read", content=json.dumps(task(image=str(kept)))).json()
    assert found["picture"]["width"] == 40
    for wrong in (str(elsewhere), str(kept) + "/../../../private.png", "gone", "\0"):
        body = json.dumps(task(image=wrong))
        found = client.put("/api/results/read", content=body).json()
        assert found["picture"] is None
        assert "picture" in found["notes"][0]


def test_the_input_picture_is_found_by_its_contents(client: TestClient, settings: Settings) -> None:
    stored = client.put("/api/pictures", content=png((40, 20))).json()
    assert stored.pop("carries") == ""
    kept = (settings.data_dir / "pictures" / f"{stored['id']}.png").read_bytes()
    sha256 = hashlib.sha256(kept).hexdigest()
    for data, found in (
        ({"picture": {"name": "x.png", "sha256": sha256}}, stored),
        ({"picture": {"sha256": "../" + sha256}}, None),
        ({"picture": {"sha256": "0" * 64}}, None),
        ({"picture": "x"}, None),
    ):
        body = {"task": task(image="gone/elsewhere.png"), **data}
        answer = client.put("/api/results/read", content=json.dumps(body)).json()
        assert answer["picture"] == found


def test_pictures_are_checked(client: TestClient) -> None:
    stored = client.put("/api/pictures", content=png((64, 32))).json()
    assert (stored["width"], stored["height"]) == (64, 32)
    for wrong in (b"", b"junk", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        answer = client.put("/api/pictures", content=wrong)
        assert answer.status_code == 422
        assert answer.json()["error"]["suggestions"]
    assert client.get("/api/pictures/..%2F..%2Fx").status_code in (404, 422)


def test_the_trash_is_looked_into_and_emptied(client: TestClient, settings: Settings) -> None:
    for name in ("one", "two"):
        write_video(settings.outputs_dir, name, metadata(id=name, prompt=f"about {name}"))
        client.delete(f"/api/results/{name}")
    found = client.get("/api/results/trash").json()["results"]
    assert [(item["id"], item["prompt"]) for item in found] == [
        ("two", "about two"),
        ("one", "about one"),
    ]
    assert found[0]["size"] > 0 and found[0]["deleted"] > 1e9
    assert client.get(found[0]["poster_url"]).headers["content-type"] == "image/jpeg"
    assert client.post("/api/results/two/undo").json()["id"] == "two"
    assert client.get("/api/results/trash/two/poster").status_code == 404
    assert client.delete("/api/results/trash/two").status_code == 404, "it is not in the trash"
    assert client.get("/api/results/two/video").status_code == 200
    assert client.post("/api/results/trash/empty").json() == {"count": 1}
    assert client.get("/api/results/trash").json() == {"results": []}
    answer = client.post("/api/results/one/undo")
    assert answer.status_code == 404 and answer.json()["error"]["suggestions"]


def test_a_link_in_the_outputs_is_never_served(client: TestClient, settings: Settings) -> None:
    video = write_video(settings.outputs_dir, "a", metadata())
    (item,) = client.get("/api/results").json()["results"]
    for path in (video.with_suffix(".jpg"), video):
        path.unlink()
        path.symlink_to("/etc/passwd")
    for address in (item["video_url"], item["poster_url"], f"/api/results/{item['id']}/settings"):
        answer = client.get(address)
        assert answer.status_code >= 400
        assert b"root:" not in answer.content


def test_a_poster_that_is_no_picture_is_made_anew(client: TestClient, settings: Settings) -> None:
    video = write_video(settings.outputs_dir, "a", metadata())
    video.with_suffix(".jpg").unlink()
    video.with_suffix(".jpg").symlink_to("/etc/passwd")
    (item,) = client.get("/api/results").json()["results"]
    answer = client.get(item["poster_url"])
    assert answer.content.startswith(b"\xff\xd8\xff")


def webp_of(width: int, height: int) -> bytes:
    """The head of an extended WebP of that size, and nothing more."""
    body = b"VP8X\x0a\0\0\0\0\0\0\0" + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little")
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def picture_as(kind: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(data, kind)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_a_picture_of_a_kind_that_is_taken(kind: str, client: TestClient) -> None:
    answer = client.put("/api/pictures", content=picture_as(kind))
    assert answer.status_code == 200
    assert (answer.json()["width"], answer.json()["height"]) == (8, 8)


@pytest.mark.parametrize(
    "data",
    [
        *(picture_as(kind) for kind in ("EPS", "TIFF", "BMP", "PCX", "SGI", "TGA", "ICO", "PPM")),
        *(picture_as(kind) for kind in ("DDS", "MSP", "IM", "JPEG2000") if kind != "MSP"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run", b"#define a_width 8\n",
        webp_of(16_383, 16_383), b"", b"\x89PNG\r\n\x1a\n", b"GIF89a\xff\xff\xff\xff", b"x" * 1000,
    ],
    ids=range(18),
)  # fmt: skip
def test_a_picture_of_another_kind_or_too_large(data: bytes, client: TestClient) -> None:
    answer = client.put("/api/pictures", content=data)
    assert answer.status_code == 422
    assert "WebP, GIF or AVIF" in answer.json()["error"]["suggestions"][0]


def test_a_picture_that_cannot_be_stored_is_told_in_words(
    client: TestClient, settings: Settings
) -> None:
    client.put("/api/pictures", content=png((40, 20)))
    folder = settings.data_dir / "pictures"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"")  # so that nothing can be written there
    answer = client.put("/api/pictures", content=png((20, 40)))
    assert answer.status_code == 503
    assert answer.json()["error"]["message"].startswith("The picture could not be stored")


def test_several_videos_come_as_one_archive(client: TestClient, settings: Settings) -> None:
    outputs = settings.outputs_dir
    for place, name in (("a", "one"), ("b", "two"), ("b/c", "one")):
        (outputs / place).mkdir(parents=True, exist_ok=True)
        write_video(outputs / place, name, metadata(id=f"{place}-{name}".replace("/", "-")))
    ids = ["a-one", "b-two", "b-c-one"]
    answer = client.get("/api/results/archive", params={"id": ids})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["one.mp4", "two.mp4", "one-2.mp4"]
        assert archive.read("one-2.mp4") == (outputs / "b" / "c" / "one.mp4").read_bytes()
    gone = client.get("/api/results/archive", params={"id": ["a-one", "nothing"]})
    assert gone.status_code == 404
