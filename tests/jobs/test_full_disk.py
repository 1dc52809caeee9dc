"""The queue's own disk is full while a job ends: the job's end is told late, and not lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

APP = """
import sys
from pathlib import Path
from wan_lora_studio.errors import StudioError
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import load_settings
from tests.support.machine.system_limits import full_disk
from tests.support.jobs.scripted_queue import SCRIPTED, begun_runs, task, wait_for_state, wait_until
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    settings = load_settings(data_dir=folder / "data", outputs_dir=folder / "outputs")
    queue = JobQueue(settings, runner=SCRIPTED)
    queue.start()
    job, later = queue.submit(task("gate")), queue.submit(task("quick"))
    wait_until(lambda: queue.preview(job.id), "the run's begin")
    with full_disk((settings.data_dir / "jobs.sqlite-wal").stat().st_size):
        (settings.outputs_dir / "open").touch()
        detail = lambda: queue.status()["worker"]["detail"]
        print(wait_until(lambda: "cannot be written" in detail() and detail(), "the words"))
        print("still", queue.get(job.id).state)
        try:
            queue.submit(task("quick"))
        except StudioError as error:
            print("refused:", error.message)
    for each in (job, later):
        print(wait_for_state(queue, each.id, "done").state)
    print(begun_runs(settings) == [job.id, later.id])
    queue.close()
"""


def test_a_result_that_cannot_be_noted_is_noted_when_the_disk_has_room(tmp_path: Path) -> None:
    script = tmp_path / "app_script.py"
    script.write_text(APP)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, script, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    words, state, refused, *ended = told.stdout.splitlines() or [told.stderr]
    assert words.startswith("The job queue cannot be written"), told.stderr
    assert state == "still running"
    assert refused.startswith("refused: The queue could not be changed: ")
    assert ended == ["done", "done", "True"]
