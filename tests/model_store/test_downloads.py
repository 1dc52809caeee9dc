"""Downloads from a hub of this machine: whole, cut, killed, refused, and stopped."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.hub import (
    COMMIT,
    ENCODER,
    FIRST,
    NOT_NEEDED,
    REPO,
    SECOND,
    FakeHub,
    etag_of,
    model_files,
    weights,
)
from wan_lora_studio.model_store.downloads import Download, ModelDownloads
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.model_store.notes import noted_commit, part_of, read_note
from wan_lora_studio.model_store.row_state import row_files
from wan_lora_studio.settings import Settings, load_settings

MODEL = "ti2v-5B"
SECONDS = 60.0


def fetched(downloads: ModelDownloads) -> Download:
    downloads.start(MODEL)
    return ended(downloads)


def ended(downloads: ModelDownloads) -> Download:
    found = downloads.wait(MODEL, SECONDS)
    assert found is not None and not found.active
    return found


def reason(download: Download) -> str:
    assert download.stage == "failed" and download.error is not None
    assert download.error.suggestions and download.error.cause
    return str(download.error.context["reason"])


def assert_whole(hub: FakeHub, folder: Path) -> None:
    """The files are the hub's, byte by byte, and nothing else is there."""
    wanted = {path: text for path, text in hub.repos[REPO].items() if path not in NOT_NEEDED}
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".cache" not in path.parts
    }
    assert found == wanted


def test_only_what_is_needed_is_fetched_and_nothing_twice(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    assert row_files(settings, MODEL).state == "absent"
    done = fetched(downloads)
    folder = settings.model_folder(MODEL)
    assert (done.stage, done.error) == ("done", None)
    assert done.done == done.total == sum(path.stat().st_size for path in files_in(folder))
    assert_whole(hub, folder)
    assert row_files(settings, MODEL).state == "here"
    assert noted_commit(folder) == COMMIT
    assert hub.asked[-1].path == "model_index.json", "the index comes last"
    before = len(hub.asked)
    assert fetched(downloads).stage == "done"
    assert len(hub.asked) == before


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]


def test_the_users_token_is_sent(hub: FakeHub, downloads: ModelDownloads) -> None:
    fetched(downloads)
    assert hub.asked[0].token == "Bearer hf_secret"


def test_a_cut_connection_goes_on_where_it_was(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.cut[FIRST] = [20_000, 20_000]
    assert fetched(downloads).stage == "done"
    assert hub.starts_of(FIRST) == [0, 20_000, 40_000]
    assert_whole(hub, settings.model_folder(MODEL))


def test_a_connection_that_is_always_cut_ends_with_its_reason_and_keeps_what_came(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.cut[FIRST] = [20_000, 0, 0, 0, 0]
    failed = fetched(downloads)
    assert reason(failed) == "network"
    assert row_files(settings, MODEL).state == "partly"
    hub.faults.cut.clear()
    assert fetched(downloads).stage == "done"
    assert hub.starts_of(FIRST)[-1] == 20_000
    assert_whole(hub, settings.model_folder(MODEL))


def test_a_server_without_ranges_is_read_from_the_start(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.no_ranges = True
    hub.faults.cut[FIRST] = [20_000]
    done = fetched(downloads)
    assert (done.stage, done.done) == ("done", done.total)
    assert_whole(hub, settings.model_folder(MODEL))


def test_what_has_another_hash_is_not_kept(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.damaged = {FIRST}
    assert reason(fetched(downloads)) == "hash"
    folder = settings.model_folder(MODEL)
    assert not (folder / FIRST).exists()
    assert row_files(settings, MODEL).state != "here"
    hub.faults.damaged = set()
    assert fetched(downloads).stage == "done"
    assert_whole(hub, folder)


def test_a_small_file_is_verified_too(hub: FakeHub, downloads: ModelDownloads) -> None:
    hub.faults.damaged = {"vae/config.json"}
    assert reason(fetched(downloads)) == "hash"


def test_a_beginning_that_is_none_is_fetched_anew(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    """As after a power cut, which leaves zeros where the last bytes were."""
    part = part_of(settings.model_folder(MODEL), etag_of(hub.repos[REPO][FIRST]))
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(30_000))
    done = fetched(downloads)
    assert (done.stage, done.done) == ("done", done.total)
    assert hub.starts_of(FIRST) == [30_000, 0]
    assert_whole(hub, settings.model_folder(MODEL))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "GatedRepo", "gated"),
        (403, "GatedRepo", "gated"),
        (401, "RepoNotFound", "repository"),
        (404, "RepoNotFound", "repository"),
        (404, "RevisionNotFound", "revision"),
        (403, "", "login"),
        (429, "", "busy"),
        (503, "", "busy"),
        (418, "", "status"),
    ],
)
def test_a_refusal_says_its_real_cause(
    status: int, code: str, expected: str, hub: FakeHub, downloads: ModelDownloads
) -> None:
    hub.faults.refuse = (status, code)
    failed = fetched(downloads)
    assert reason(failed) == expected
    assert failed.error is not None
    text = " ".join((failed.error.message, failed.error.cause, *failed.error.suggestions))
    assert "network" not in text
    if expected in ("gated", "repository", "login"):
        assert "hf auth login" in text and f"{hub.url}/{REPO}" in text


def test_an_unknown_revision_is_named(hub: FakeHub, tmp_path: Path) -> None:
    settings = load_settings(
        models_dir=tmp_path,
        models={MODEL: {"repo": REPO, "path": "cloud", "revision": "v9"}},
    )
    downloads = ModelDownloads(settings, Hub(hub.url), waits=())
    failed = fetched(downloads)
    assert reason(failed) == "revision" and "'v9'" in str(failed.error)


def test_no_network_is_said_to_be_that(settings: Settings) -> None:
    downloads = ModelDownloads(settings, Hub("http://127.0.0.1:9"), waits=())
    failed = fetched(downloads)
    assert reason(failed) == "network"
    assert failed.error is not None and "127.0.0.1:9" in failed.error.message
    assert not files_in(settings.models_dir / "cloud")


def test_local_files_only_forbids_it_in_clear_words(hub: FakeHub, settings: Settings) -> None:
    forbidden = settings.model_copy(update={"local_files_only": True})
    failed = fetched(ModelDownloads(forbidden))
    assert reason(failed) == "offline"
    assert failed.error is not None and "local_files_only" in failed.error.cause


def test_a_disk_without_the_room_is_refused_before_a_byte(hub: FakeHub, settings: Settings) -> None:
    full = settings.model_copy(update={"disk_reserve_mb": 1e9})
    downloads = ModelDownloads(full, Hub(hub.url))
    assert reason(fetched(downloads)) == "space"
    assert hub.asked == []


def test_cancelling_a_stalled_transfer_drops_what_came_of_it(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    """The server never goes on, so that only cancelling can end it."""
    hub.faults.stall[SECOND] = 20_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    running = downloads.get(MODEL)
    assert running is not None and running.stage == "running"
    downloads.cancel(MODEL)
    assert ended(downloads).stage == "cancelled"
    folder = settings.model_folder(MODEL)
    assert (folder / FIRST).read_bytes() == hub.repos[REPO][FIRST]
    assert not list(folder.rglob("*.part"))
    assert not (folder / "model_index.json").exists()


def test_cancelling_while_the_hub_is_asked(settings: Settings) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        downloads = ModelDownloads(settings, Hub(f"http://127.0.0.1:{port}"))
        downloads.start(MODEL)
        with silent.accept()[0]:
            downloads.cancel(MODEL)
            assert ended(downloads).stage == "cancelled"


def test_a_pause_keeps_what_came_and_a_new_start_goes_on(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.stall[FIRST] = 20_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    part = part_of(settings.model_folder(MODEL), etag_of(hub.repos[REPO][FIRST]))
    downloads.pause(MODEL)
    assert ended(downloads).stage == "paused"
    kept = part.stat().st_size
    hub.faults.stall.clear()
    assert fetched(downloads).stage == "done"
    assert hub.starts_of(FIRST) == [0, kept]
    assert_whole(hub, settings.model_folder(MODEL))


def test_what_is_paused_can_be_cancelled(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.stall[FIRST] = 20_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    downloads.pause(MODEL)
    ended(downloads)
    cancelled = downloads.cancel(MODEL)
    assert cancelled is not None and cancelled.stage == "cancelled"
    assert not list(settings.model_folder(MODEL).rglob("*.part"))


def test_one_at_a_time_and_the_others_wait(hub: FakeHub, tmp_path: Path) -> None:
    hub.repos["owner/other"] = model_files(20_000)
    settings = load_settings(
        models_dir=tmp_path,
        models={
            MODEL: {"repo": REPO, "path": "cloud"},
            "t2v-A14B": {"repo": "owner/other", "path": "other"},
        },
    )
    downloads = ModelDownloads(settings, Hub(hub.url))
    hub.faults.stall[FIRST] = 20_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    assert downloads.start("t2v-A14B").stage == "waiting"
    assert downloads.start(MODEL).stage == "running", "it is not begun twice"
    assert hub.listed == 1
    hub.go_on.set()
    other = downloads.wait("t2v-A14B", SECONDS)
    assert other is not None and other.stage == "done"
    assert ended(downloads).stage == "done"


def test_one_that_waits_can_be_taken_back(hub: FakeHub, tmp_path: Path) -> None:
    settings = load_settings(models_dir=tmp_path, models={MODEL: {"repo": REPO, "path": "cloud"}})
    downloads = ModelDownloads(settings, Hub(hub.url))
    hub.faults.stall[FIRST] = 20_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    downloads.start("t2v-A14B")
    cancelled = downloads.cancel("t2v-A14B")
    assert cancelled is not None and cancelled.stage == "cancelled"
    hub.go_on.set()
    assert ended(downloads).stage == "done"
    assert hub.listed == 1


def test_another_process_at_the_same_folder_is_refused(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    hub.faults.stall[FIRST] = 20_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    assert reason(fetched(ModelDownloads(settings, Hub(hub.url)))) == "busy_here"
    hub.go_on.set()
    assert ended(downloads).stage == "done"


def test_verifying_sets_aside_what_has_changed_and_a_download_brings_it_again(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    fetched(downloads)
    downloads.start(MODEL, "verify")
    assert ended(downloads).found == ()
    encoder = settings.model_folder(MODEL) / ENCODER
    text = bytearray(encoder.read_bytes())
    text[-1] ^= 1
    encoder.write_bytes(text)
    downloads.start(MODEL, "verify")
    found = ended(downloads)
    assert (found.stage, found.found) == ("done", (ENCODER,))
    assert encoder.with_name("model.safetensors.damaged").read_bytes() == text
    assert row_files(settings, MODEL).missing == ("text_encoder/*.safetensors",)
    before = len(hub.asked)
    assert fetched(downloads).stage == "done"
    assert [each.path for each in hub.asked[before:]] == [ENCODER]
    assert row_files(settings, MODEL).state == "here"


def test_a_file_of_the_users_own_is_only_named(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    """Nothing says that it came from the hub."""
    encoder = settings.model_folder(MODEL) / ENCODER
    encoder.parent.mkdir(parents=True)
    encoder.write_bytes(weights(30_000, "own"))
    downloads.start(MODEL, "verify")
    assert ENCODER in ended(downloads).found
    assert encoder.read_bytes() == weights(30_000, "own")


def test_the_hubs_own_tool_would_know_the_files(
    hub: FakeHub, settings: Settings, downloads: ModelDownloads
) -> None:
    from huggingface_hub import snapshot_download

    fetched(downloads)
    folder, before = settings.model_folder(MODEL), len(hub.asked)
    note = read_note(folder, FIRST)
    assert note is not None and note.etag == etag_of(hub.repos[REPO][FIRST])
    snapshot_download(
        REPO, local_dir=folder, revision=COMMIT, endpoint=hub.url, local_files_only=True
    )
    assert len(hub.asked) == before


def test_progress_is_heard_of_while_it_runs(hub: FakeHub, downloads: ModelDownloads) -> None:
    hub.faults.stall[SECOND] = 40_000
    downloads.start(MODEL)
    assert hub.stalled.wait(SECONDS)
    seen = threading.Event()
    for _ in range(1000):
        now = downloads.get(MODEL)
        assert now is not None and now.stage == "running"
        if now.total > now.done > 60_000:
            seen.set()
            break
        seen.wait(0.01)
    assert seen.is_set()
    hub.go_on.set()
    assert ended(downloads).stage == "done"
