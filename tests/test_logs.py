"""The log file: job ids, both formats, rotation, several processes."""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from wan_lora_studio.logs import OLDER_FILES, log_file, logged_job, start_logging, stop_logging
from wan_lora_studio.settings import Settings, load_settings

logger = logging.getLogger("wan_lora_studio.test")
WRITERS, LINES = 4, 150


def make_settings(folder: Path, **changes: object) -> Settings:
    return load_settings(data_dir=folder, **changes)


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    yield
    stop_logging()


def lines(settings: Settings) -> list[str]:
    folder = log_file(settings, "app").parent
    paths = sorted(folder.glob("app.log*"))
    texts = [path.read_text() for path in paths if not path.name.endswith(".lock")]
    return [line for text in texts for line in text.splitlines()]


def test_every_line_of_a_job_carries_its_id(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    start_logging(settings, "app", "error")
    logger.info("before")
    with logged_job("job-1"):
        logger.info("step %s", 3)
        logging.getLogger("diffusers").warning("from a library")
    logger.info("after")
    before, step, library, after = lines(settings)
    assert step.endswith("INFO [job-1] wan_lora_studio.test: step 3")
    assert "[job-1] diffusers: from a library" in library
    assert "[" not in before and "[" not in after


def test_a_library_that_keeps_its_lines_to_itself_is_heard_once(tmp_path: Path) -> None:
    """As diffusers does when it is imported after logging began."""
    settings = make_settings(tmp_path)
    start_logging(settings, "worker", "error")
    importlib.import_module("diffusers")
    assert not logging.getLogger("diffusers").propagate
    logging.getLogger("diffusers.models").warning("said once")
    found = log_file(settings, "worker").read_text()
    assert found.count("said once") == 1


def test_json_lines_hold_the_same_and_no_secrets(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, log_format="json")
    start_logging(settings, "app", "error")
    with logged_job("job-2"):
        try:
            int("password=hunter2")
        except ValueError:
            logger.exception("failed with token: abc123")
    (line,) = map(json.loads, lines(settings))
    assert (line["job"], line["level"], line["process"]) == ("job-2", "ERROR", "app")
    assert "ValueError" in line["exception"]
    assert "hunter2" not in str(line) and "abc123" not in str(line)


def test_starting_again_writes_no_line_twice(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    for _ in range(3):
        start_logging(settings, "app", "error")
    logger.info("once")
    assert len(lines(settings)) == 1


def test_a_full_file_is_begun_anew_and_few_are_kept(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, log_file_mb=0.001)
    start_logging(settings, "app", "error")
    for number in range(200):
        logger.info("line %s", number)
    files = [p for p in log_file(settings, "app").parent.glob("app.log*") if p.suffix != ".lock"]
    assert len(files) == 1 + OLDER_FILES
    assert all(path.stat().st_size <= 1000 for path in files)


def test_no_file_is_written_where_none_is_wanted_or_possible(tmp_path: Path) -> None:
    start_logging(make_settings(tmp_path / "a", log_file_mb=0), "app", "error")
    (tmp_path / "b").write_text("in the way")
    start_logging(make_settings(tmp_path / "b"), "app", "critical")
    logger.info("to nobody")
    assert not (tmp_path / "a").exists()


def write_many(folder: Path, name: str) -> None:
    start_logging(make_settings(folder, log_file_mb=0.02), "app", "error")
    for number in range(LINES):
        logger.info("%s %s", name, number)


def test_processes_share_a_file_without_mixing_or_losing_lines(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write_many, args=(tmp_path, f"writer{number}"))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = lines(make_settings(tmp_path))
    told = [line.rpartition("wan_lora_studio.test: ")[2].split() for line in found]
    assert all(len(words) == 2 for words in told)
    assert len(found) == WRITERS * LINES, "600 lines of 60 bytes fit the four files"
    assert len({tuple(words) for words in told}) == WRITERS * LINES
